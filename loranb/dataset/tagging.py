r"""Edits of a caption's tags: each takes a caption and gives the changed one; what it does not concern stays as it is.

Tags are the same if their names are: weight, brackets, underscores and capitals make no difference, and an edit
keeps the weight and the brackets of a tag that it moves or renames. A caption of several lines is edited line by
line, since kohya's trainer takes each as a caption of its own where wildcards are on: what is put in front goes to
the first line, what is put at the end to the last.
"""

import re
from collections.abc import Callable
from typing import Any

from loranb.dataset.tag_moves import grouped, once, put, sorted_, without
from loranb.dataset.tag_spelling import spaced, spellings, unify
from loranb.dataset.tag_text import Tag, is_sentence, join, name, respelled, spelling, split, tags
from loranb.errors import DatasetError

__all__ = [  # those of `tag_text` and `tag_spelling` too, so that one import does for reading and editing
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


def add(text: str, tag: str, at_end: bool = False) -> str:
    """Put a tag, or several with commas between them, in front or at the end; one that is there is moved.

    Raises:
        DatasetError: no tag is given.
    """
    new = needed(tag)
    lines = text.split("\n")
    full = [place for place, line in enumerate(lines) if line.strip()] or [0]
    place = full[-1] if at_end else full[0]
    lines[place] = put(lines[place], new, at_end)
    return "\n".join(lines)


def remove(text: str, tag: str) -> str:
    """Take a tag, or several with commas between them, out.

    Raises:
        DatasetError: no tag is given.
    """
    unwanted = {name(t) for t in needed(tag)}
    return _each_line(text, lambda line: join(without(split(line), lambda t: name(t.text) in unwanted)))


def rename(text: str, old: str, new: str) -> str:
    """Call a tag something else, or take it out if nothing is given; it stays once if the caption has both.

    Raises:
        DatasetError: the old name is missing, or is more than one tag.
    """
    olds = needed(old)
    if len(olds) > 1:
        raise DatasetError(f"{old.strip()!r} is {len(olds)} tags. Rename one at a time.")
    if not (new := " ".join(new.split())):
        return remove(text, old)
    was, shall = name(olds[0]), name(new)

    def edit(line: str) -> str:
        said = split(line)
        renamed = [t._replace(text=respelled(t.text, new)) if name(t.text) == was else t for t in said]
        if was == shall or renamed == said:
            return join(renamed)
        return join(once(renamed, {shall}))

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

    def instead(match: re.Match[str]) -> str:
        return (match.expand(new) if regex else new.strip()) or _GONE

    try:
        changed = words.sub(instead, text)
    except (re.error, IndexError) as error:
        raise DatasetError(
            f"{new!r} cannot be put in place: {error}. Groups are numbered from \\1 in the order of the brackets "
            "of the expression; write a plain backslash as two."
        ) from error
    return changed if _GONE in text else _each_line(changed, _tidied)


def deduplicate(text: str) -> str:
    """Keep the first of each tag."""
    return _each_line(text, lambda line: join(once(split(line))))


def sort(text: str, key: Callable[[str], Any] = name, keep: int = 0) -> str:
    """Sort tags, by name or another key; those up to ``|||`` stay apart from those after it, groups stay together.

    Args:
        text: the caption.
        key: what to sort by, of a tag.
        keep: so many tags in front keep their places, such as trigger and class.
    """
    return _each_line(text, lambda line: join(sorted_(grouped(split(line)), key, keep)))


def move_to_front(text: str, tag: str) -> str:
    """Move a tag, or several with commas between them, to the front if the caption has it.

    Raises:
        DatasetError: no tag is given.
    """
    wanted = needed(tag)

    def edit(line: str) -> str:
        there = {name(t) for t in tags(line)}
        return put(line, found, False) if (found := [t for t in wanted if name(t) in there]) else line

    return _each_line(text, edit)


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


def _tidied(line: str) -> str:
    """Clear away what is left where words were replaced by nothing: empty tags, doubled spaces."""
    if _GONE not in line:
        return line
    left = without(split(line), lambda t: _GONE in t.text and not t.text.replace(_GONE, "").strip())
    return join(t._replace(text=re.sub(rf"(\s*){_GONE}+(\s*)", _closed, t.text).strip()) for t in left)


def _closed(match: re.Match[str]) -> str:
    return match[1] if match[1] and match[2] else match[1] + match[2]
