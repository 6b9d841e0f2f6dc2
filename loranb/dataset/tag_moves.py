"""Take tags of a line out, put them in, and sort them, so that all else stays letter by letter."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from loranb.dataset.tag_text import GROUP, KEEP, Tag, join, name, respelled, spelling, split

_STRENGTH = {GROUP: 0, ",": 1, "": 2, KEEP: 3}  # of two separators that meet, the stronger stays


def put(line: str, new: Sequence[str], at_end: bool) -> str:
    """Put tags in front or at the end of a line, taken from where they are."""
    said = split(line)
    names = [name(t) for t in new]
    now = [name(t.text) for t in said if t.text]
    there = {name(t.text): t.text for t in reversed(said)}
    texts = [t if spelling(t) != t else respelled(there.get(name(t), t), t) for t in new]  # a weight is kept
    there_already = (now[-len(names) :] if at_end else now[: len(names)]) == names
    if there_already and all(now.count(called) == 1 for called in names):
        spelled = dict(zip(names, texts, strict=True))
        return join(t._replace(text=spelled.get(name(t.text), t.text)) for t in said)
    rest = without(said, lambda t: name(t.text) in names)
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


def without(said: Sequence[Tag], gone: Callable[[Tag], bool]) -> list[Tag]:
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


def once(said: Sequence[Tag], names: Collection[str] | None = None) -> list[Tag]:
    """Keep the first of each tag, or of those with certain names."""
    seen: set[str] = set()

    def again(tag: Tag) -> bool:
        called = name(tag.text)
        known = called in seen and (names is None or called in names)
        seen.add(called)
        return known

    return without(said, again)


def grouped(said: Sequence[Tag]) -> list[Tag]:
    """Make one tag of each group."""
    groups: list[Tag] = []
    for tag in said:
        if groups and groups[-1].separator == GROUP:
            first = groups.pop()
            tag = Tag(first.before, first.text + first.after + tag.before + tag.text, tag.after)
        groups.append(tag)
    return groups


def sorted_(said: Sequence[Tag], key: Callable[[str], Any], keep: int) -> list[Tag]:
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
