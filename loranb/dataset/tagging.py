r"""Edits of a caption's tags: each takes a caption and gives the changed one; what it does not concern stays as it is.

Tags are the same if their names are: weight, brackets, underscores and capitals make no difference, and an edit
keeps the weight and the brackets of a tag that it moves or renames. A caption of several lines is edited line by
line, since kohya's trainer takes each as a caption of its own where wildcards are on: what is put in front goes to
the first line, what is put at the end to the last.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from loranb.dataset.tag_text import GROUP, KEEP, Tag, is_sentence, join, name, respelled, spelling, split, tags
from loranb.errors import DatasetError

__all__ = [  # those of `tag_text` too, so that one import does for reading and editing
    "Tag",
    "add",
    "deduplicate",
    "is_sentence",
    "join",
    "move_to_front",
    "name",
    "pattern",
    "remove",
    "rename",
    "replace",
    "respelled",
    "sort",
    "spaced",
    "spelling",
    "spellings",
    "split",
    "tags",
    "unify",
]
_GONE = "\0"  # stands where words were replaced by nothing
_STRENGTH = {GROUP: 0, ",": 1, "": 2, KEEP: 3}  # of two separators that meet, the stronger stays
_IRREGULAR = {"men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth"}
_ONE = ((r"(?<=[a-z]{2})ies$", "y"), (r"(?<=ss|sh|ch|.x|zz)es$", ""), (r"(?<=[a-rt-z][a-hj-rtv-z])s$", ""))


def add(text: str, tag: str, at_end: bool = False) -> str:
    """Put a tag, or several with commas between them, in front or at the end; one that is there is moved.

    Raises:
        DatasetError: no tag is given.
    """
    new = needed(tag)
    lines = text.split("\n")
    full = [place for place, line in enumerate(lines) if line.strip()] or [0]
    place = full[-1] if at_end else full[0]
    lines[place] = _put(lines[place], new, at_end)
    return "\n".join(lines)


def remove(text: str, tag: str) -> str:
    """Take a tag, or several with commas between them, out.

    Raises:
        DatasetError: no tag is given.
    """
    unwanted = {name(t) for t in needed(tag)}
    return _each_line(text, lambda line: join(_without(split(line), lambda t: name(t.text) in unwanted)))


def rename(text: str, old: str, new: str) -> str:
    """Call a tag something else, or take it out if nothing is given; it stays once if the caption has both.

    Raises:
        DatasetError: the old name is missing, or is more than one tag.
    """
    olds = needed(old)
    if len(olds) > 1:
        raise DatasetError(f"{old.strip()!r} is {len(olds)} tags. Rename one at a time.")
    if not (new := new.strip()):
        return remove(text, old)
    was, shall = name(olds[0]), name(new)

    def edit(line: str) -> str:
        said = split(line)
        renamed = [t._replace(text=respelled(t.text, new)) if name(t.text) == was else t for t in said]
        if was == shall or renamed == said:
            return join(renamed)
        return join(_once(renamed, {shall}))

    return _each_line(text, edit)


def replace(text: str, old: str, new: str, regex: bool = False) -> str:
    r"""Replace words wherever they stand; a tag of which nothing is left goes.

    Args:
        text: the caption.
        old: whole words, in upper or lower case, spaces matching underscores too; or a regular expression.
        new: what to put in their place; with a regular expression it may name groups, as in ``\1``.
        regex: whether `old` is a regular expression.

    Raises:
        DatasetError: there is nothing to look for, or it is no regular expression.
    """
    words = pattern(old, regex)

    def put(match: re.Match[str]) -> str:
        return (match.expand(new) if regex else new.strip()) or _GONE

    try:
        changed = words.sub(put, text)
    except (re.error, IndexError) as error:
        raise DatasetError(
            f"{new!r} cannot be put in place: {error}. Groups are numbered from \\1 in the order of the brackets "
            "of the expression; write a plain backslash as two."
        ) from error
    return changed if _GONE in text else _each_line(changed, _tidied)


def deduplicate(text: str) -> str:
    """Keep the first of each tag."""
    return _each_line(text, lambda line: join(_once(split(line))))


def sort(text: str, key: Callable[[str], Any] = name, keep: int = 0) -> str:
    """Sort tags, by name or another key; those up to ``|||`` stay apart from those after it, groups stay together.

    Args:
        text: the caption.
        key: what to sort by, of a tag.
        keep: so many tags in front keep their places, such as trigger and class.
    """
    return _each_line(text, lambda line: join(_sorted(_grouped(split(line)), key, keep)))


def move_to_front(text: str, tag: str) -> str:
    """Move a tag, or several with commas between them, to the front if the caption has it.

    Raises:
        DatasetError: no tag is given.
    """
    wanted = needed(tag)

    def edit(line: str) -> str:
        there = {name(t) for t in tags(line)}
        return _put(line, found, False) if (found := [t for t in wanted if name(t) in there]) else line

    return _each_line(text, edit)


def unify(text: str, spellings: Mapping[str, str]) -> str:
    """Spell tags as a table says; see `spellings`."""
    said = split(text)
    return join(t._replace(text=respelled(t.text, spellings.get(s := spelling(t.text), s))) for t in said)


def spaced(text: str) -> str:
    """Write tags with spaces for underscores, save for those that are faces, such as ^_^."""
    return join(t._replace(text=_spaced(t.text)) for t in split(text))


def spellings(counts: Mapping[str, int], plural: bool = False) -> dict[str, str]:
    """Choose one spelling for tags that are the same but for underscores and capitals: the most frequent.

    Args:
        counts: how often each spelling occurs.
        plural: whether "tree" and "trees" are the same too.

    Returns:
        What to write, by the other spellings.
    """
    same: dict[str, list[str]] = defaultdict(list)
    for spelled in counts:
        same[_singular(name(spelled)) if plural else name(spelled)].append(spelled)
    chosen: dict[str, str] = {}
    for group in same.values():
        best = max(group, key=lambda spelled: (counts[spelled], "_" not in spelled, spelled.islower(), spelled))
        chosen |= {spelled: best for spelled in group if spelled != best}
    return chosen


def pattern(old: str, regex: bool = False) -> re.Pattern[str]:
    """Return what finds the words that `replace` replaces.

    Raises:
        DatasetError: there is nothing to look for, or it is no regular expression.
    """
    if not old.strip():
        raise DatasetError("No words to replace are given. Write what to look for.")
    if not regex:
        words = r"[\s_]+".join(re.escape(word) for word in old.split())
        return re.compile(rf"(?<![^\W_]){words}(?![^\W_])", re.IGNORECASE)
    try:
        return re.compile(old)
    except re.error as error:
        raise DatasetError(
            f"{old!r} is no regular expression: {error}. Write a bracket, dot, star or plus that is meant as "
            "itself with a backslash before it, or replace plain words."
        ) from error


def needed(tag: str) -> list[str]:
    """Return the tags that are asked for, each once.

    Raises:
        DatasetError: there is none.
    """
    found = {name(t): t for t in reversed(tags(tag))}
    if not found:
        raise DatasetError("No tag is given. Write one, or several with commas between them.")
    return list(reversed(found.values()))


def _each_line(text: str, edit: Callable[[str], str]) -> str:
    """Edit the lines of a caption; a line of which nothing is left goes."""
    edited = [(line, edit(line)) for line in text.split("\n")]
    return "\n".join(new for old, new in edited if new.strip() or not old.strip())


def _put(line: str, new: Sequence[str], at_end: bool) -> str:
    """Put tags in front or at the end of a line, taken from where they are."""
    said = split(line)
    names = [name(t) for t in new]
    now = [name(t.text) for t in said if t.text]
    there = {name(t.text): t.text for t in reversed(said)}
    texts = [respelled(there[name(t)], spelling(t)) if name(t) in there else t for t in new]
    if (now[-len(names) :] if at_end else now[: len(names)]) == names and len(set(now)) == len(now):
        spelled = dict(zip(names, texts, strict=True))
        return join(t._replace(text=spelled.get(name(t.text), t.text)) for t in said)
    rest = _without(said, lambda t: name(t.text) in names)
    return join(_ended(rest, texts) if at_end else _led(rest, texts))


def _led(said: list[Tag], texts: list[str]) -> list[Tag]:
    if not said or not said[0].text:
        after = said[0].after if said else ""
        blank = Tag(said[0].before if said else "", ", ".join(texts), after if after[:1] != "|" else f" {after}")
        return [blank, *said[1:]]
    first = said[0]
    new = [Tag(first.before if place == 0 else " ", text, ",") for place, text in enumerate(texts)]
    return [*new, first._replace(before=" "), *said[1:]]


def _ended(said: list[Tag], texts: list[str]) -> list[Tag]:
    if not said:
        return [Tag("", ", ".join(texts), "")]
    *others, last = said
    if not last.text:
        return [*others, Tag(last.before or (" " if others else ""), ", ".join(texts), last.after)]
    if last.separator:
        return [*said, Tag(" ", ", ".join(texts), "")]
    return [*others, last._replace(after=","), Tag(" ", ", ".join(texts), last.after)]


def _without(said: Sequence[Tag], gone: Callable[[Tag], bool]) -> list[Tag]:
    """Take tags out of a line, each with one of the separators beside it, the weaker."""
    kept: list[Tag] = []
    lead: str | None = None  # space that the next tag gets in place of its own
    for tag in said:
        tag = tag if lead is None else tag._replace(before=lead)
        lead = None
        if not (tag.text and gone(tag)):
            kept.append(tag)
            continue
        here = tag.separator
        there = kept[-1].separator if kept else ""
        if here == KEEP and there in ("", KEEP) or here == "" and there == KEEP:
            kept.append(Tag("", "", tag.after.lstrip()))
        elif kept and _STRENGTH[here] > _STRENGTH[there]:
            kept[-1] = kept[-1]._replace(after=tag.after)
        elif not kept or _STRENGTH[there] > _STRENGTH[here]:
            lead = tag.before
    return kept


def _once(said: Sequence[Tag], names: Collection[str] | None = None) -> list[Tag]:
    """Keep the first of each tag, or of those with certain names."""
    seen: set[str] = set()

    def again(tag: Tag) -> bool:
        called = name(tag.text)
        known = called in seen and (names is None or called in names)
        seen.add(called)
        return known

    return _without(said, again)


def _grouped(said: Sequence[Tag]) -> list[Tag]:
    """Make one tag of each group."""
    groups: list[Tag] = []
    for tag in said:
        if groups and groups[-1].separator == GROUP:
            first = groups.pop()
            tag = Tag(first.before, first.text + first.after + tag.before + tag.text, tag.after)
        groups.append(tag)
    return groups


def _sorted(said: Sequence[Tag], key: Callable[[str], Any], keep: int) -> list[Tag]:
    """Sort the texts of tags within each part that ``|||`` ends; what stands around them stays."""
    done: list[Tag] = []
    part: list[Tag] = []
    for place, tag in enumerate(said):
        part.append(tag)
        if tag.separator == KEEP or place == len(said) - 1:
            filled = [t.text for t in part if t.text]
            fixed = max(0, keep - sum(bool(t.text) for t in done))
            texts = iter(filled[:fixed] + sorted(filled[fixed:], key=key))
            done += [t._replace(text=next(texts)) if t.text else t for t in part]
            part = []
    return done


def _tidied(line: str) -> str:
    """Clear away what is left where words were replaced by nothing: empty tags, doubled spaces."""
    if _GONE not in line:
        return line
    left = _without(split(line), lambda t: _GONE in t.text and not t.text.replace(_GONE, "").strip())
    return join(t._replace(text=re.sub(rf"(\s*){_GONE}+(\s*)", _closed, t.text).strip()) for t in left)


def _closed(match: re.Match[str]) -> str:
    return match[1] if match[1] and match[2] else match[1] + match[2]


def _spaced(tag: str) -> str:
    words = spelling(tag)
    is_face = not re.search(r"[^\W_]{2}", words)  # no two letters in a row: ^_^, o_o, :_d
    return tag if is_face else respelled(tag, words.replace("_", " ").strip() or words)


def _singular(called: str) -> str:
    """Return a tag's name with its last word in the singular, by the rules of English that need no dictionary."""
    *others, last = called.split(" ")
    one = _IRREGULAR.get(last, last)
    for ending, shorter in _ONE:
        if one == last:
            one = re.sub(ending, shorter, last)
    return " ".join([*others, one])
