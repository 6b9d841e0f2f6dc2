r"""How a caption is made of tags: where each begins and ends, and what it is called.

Tags are separated by commas, line ends, and kohya's two other separators: ``|||`` ends the tags that keep
their place when they are shuffled, ``;;;`` holds a group of tags together. A comma within balanced brackets
separates nothing: ``(red, blue:1.2)`` and the wildcard ``{day, sun|night}`` are one tag each. A bracket after a
backslash is a letter like any other, as in ``ganyu \(genshin impact\)``.
"""

import functools
import re
from collections.abc import Iterable
from typing import NamedTuple

KEEP, GROUP = "|||", ";;;"
SEPARATORS = (",", "\n", KEEP, GROUP)
# A bracket right before a separator opens nothing: it is the mouth of :(
_MARK = re.compile(r"\\[\\()\[\]{}]|\|\|\||;;;|[(\[{](?![ \t]*(?:,|\n|$))|[)\]},\n]")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_WEIGHT = re.compile(r"\s*:\s*[-+]?(?:\d+\.?\d*|\.\d+)\s*$")
_ESCAPED = re.compile(r"\\([\\()\[\]{}])")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)


class Tag(NamedTuple):
    """A tag with the text around it: joined, the tags of a caption are that caption, letter by letter.

    Args:
        before: space in front of it.
        text: the tag; blank where two separators stand side by side.
        after: space behind it and the separator that ends it, if any.
    """

    before: str
    text: str
    after: str

    @property
    def separator(self) -> str:
        """What ends it: one of `SEPARATORS`, or blank at the end of the caption."""
        return next((mark for mark in SEPARATORS if self.after.endswith(mark)), "")


def split(text: str) -> list[Tag]:
    """Split a caption into its tags; `join` puts them together again."""
    tags, start = [], 0
    for begin, end in [*_separators(text), (len(text), len(text))]:
        part = text[start:begin]
        if start < end:
            core = part.strip()
            at = part.find(core) if core else len(part)
            tags.append(Tag(part[:at], core, part[at + len(core) :] + text[begin:end]))
        start = end
    return tags


def join(tags: Iterable[Tag]) -> str:
    """Put tags together to a caption."""
    return "".join(part for tag in tags for part in tag)


def tags(text: str) -> list[str]:
    """List a caption's tags as they are written, without empty ones."""
    return [tag.text for tag in split(text) if tag.text]


@functools.lru_cache(maxsize=2**16)
def name(tag: str) -> str:
    """Return what a tag is called, for comparing: no weight, no brackets, no underscores, no capitals."""
    plain = _ESCAPED.sub(r"\1", spelling(tag)).replace("_", " ")
    return " ".join(plain.split()).casefold() or tag.strip().casefold()


def spelling(tag: str) -> str:
    """Return a tag as it is written, without its weight and the brackets around it."""
    return _taken_apart(tag)[1]


def respelled(tag: str, new: str) -> str:
    """Write a tag otherwise, with the weight and the brackets that it has."""
    opening, _, closing = _taken_apart(tag)
    return opening + new + closing


@functools.lru_cache(maxsize=2**16)
def is_sentence(text: str) -> bool:
    """Tell whether a text says something in sentences, wholly or in part, rather than in tags alone.

    Taken for a sentence is what stands between two separators if it has six words or more, four with an article
    among them, or three with a full stop; the longest tags of the usual taggers, such as "standing on one leg",
    have less (the numbers are assumed).
    """
    return any(_reads_as_sentence(tag) for tag in tags(text))


def _reads_as_sentence(tag: str) -> bool:
    words = len(tag.split())
    return words >= 6 or (words >= 4 and bool(_ARTICLE.search(tag))) or (words >= 3 and tag.endswith((".", "!", "?")))


def _separators(text: str) -> list[tuple[int, int]]:
    """Find where a caption is to be split: begin and end of each separator."""
    found: list[tuple[int, int]] = []
    open_brackets: list[tuple[str, int]] = []  # and how many separators were found before each
    for match in _MARK.finditer(text):
        mark = match[0]
        if mark in SEPARATORS:
            found.append(match.span())
            if mark != ",":
                open_brackets.clear()  # brackets reach over commas alone
        elif mark in "([{":
            open_brackets.append((mark, len(found)))
        elif mark in _PAIRS:
            _close(_PAIRS[mark], open_brackets, found)
    return found


def _close(opening: str, open_brackets: list[tuple[str, int]], found: list[tuple[int, int]]) -> None:
    """Close the last bracket of this kind: what was found within separates nothing."""
    for place in reversed(range(len(open_brackets))):
        if open_brackets[place][0] == opening:
            del found[open_brackets[place][1] :]
            del open_brackets[place:]
            return


@functools.lru_cache(maxsize=2**16)
def _taken_apart(tag: str) -> tuple[str, str, str]:
    """Split a tag into what opens it, its words, and what closes it with its weight."""
    opening, words, closing = "", tag, ""
    while len(words) > 2 and words[0] in "([" and _is_enclosed(words):
        inner = words[1:-1]
        weight = _WEIGHT.search(inner) if words[0] == "(" else None
        end = weight.start() if weight else len(inner.rstrip())
        begin = len(inner) - len(inner.lstrip())
        if begin >= end:
            break
        opening, closing = opening + words[0] + inner[:begin], inner[end:] + words[-1] + closing
        words = inner[begin:end]
    return opening, words, closing


def _is_enclosed(words: str) -> bool:
    """Whether the bracket that opens a tag is closed by the last letter of it."""
    open_brackets: list[str] = []
    for match in _MARK.finditer(words):
        if match[0] in "([{":
            open_brackets.append(match[0])
        elif match[0] in _PAIRS:
            if not open_brackets or open_brackets.pop() != _PAIRS[match[0]]:
                return False
            if not open_brackets:
                return match.end() == len(words)
    return False
