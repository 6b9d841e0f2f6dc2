r"""Weights in captions and prompts, as the web UIs write them: ``(tag:1.2)``, ``((tag))``, ``[tag]``.

Round brackets multiply the weight of what they hold by 1.1 or by the number given, square ones divide it by 1.1.
Brackets that are never closed reach to the end; a bracket after a backslash is a letter, and so is one that closes
nothing.
"""

import re
from typing import NamedTuple

ROUND, SQUARE = 1.1, 1 / 1.1
_MARK = re.compile(r"\\[()\[\]\\]|:\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*\)|[()\[\]]")


class Weighted(NamedTuple):
    """A piece of a text, and how much it counts; 1 is as usual."""

    text: str
    weight: float


def weighted(text: str) -> list[Weighted]:
    """Split a text into pieces of one weight each, without the brackets and numbers; what is left is the text."""
    pieces: list[Weighted] = []
    open_: list[tuple[str, int]] = []  # brackets, and how many pieces there were before each
    at = 0
    for mark in _MARK.finditer(text):
        pieces.append(Weighted(text[at : mark.start()], 1.0))
        at = mark.end()
        said, number = mark[0], mark[1]
        if said[0] == "\\":
            pieces.append(Weighted(said[1], 1.0))
        elif said in "([":
            open_.append((said, len(pieces)))
        elif (since := _close("(" if said[-1] == ")" else "[", open_)) is None:
            pieces.append(Weighted(said, 1.0))
        else:
            _multiply(pieces, since, float(number) if number else ROUND if said == ")" else SQUARE)
    pieces.append(Weighted(text[at:], 1.0))
    for bracket, since in open_:
        _multiply(pieces, since, ROUND if bracket == "(" else SQUARE)
    return _joined(pieces)


def _close(bracket: str, open_: list[tuple[str, int]]) -> int | None:
    """Close the last bracket of a kind; returns how many pieces stand before it, None where none is open."""
    for place in reversed(range(len(open_))):
        if open_[place][0] == bracket:
            return open_.pop(place)[1]
    return None


def _multiply(pieces: list[Weighted], since: int, factor: float) -> None:
    pieces[since:] = [Weighted(piece.text, piece.weight * factor) for piece in pieces[since:]]


def _joined(pieces: list[Weighted]) -> list[Weighted]:
    """Put neighbours of one weight together, and leave out empty pieces."""
    found: list[Weighted] = []
    for piece in pieces:
        if not piece.text:
            continue
        if found and found[-1].weight == piece.weight:
            found[-1] = Weighted(found[-1].text + piece.text, piece.weight)
        else:
            found.append(piece)
    return found
