"""Find plain bars along the sides of a picture: letterboxes, frames, strips with a line of text.

A bar is of one colour from end to end and stops at a straight edge, where the picture begins. A thing
before a plain wall is no bar: it comes into view little by little. A bar may hold text as long as most of
each row is plain.

Measured on the pictures named in `focus`, 39 with one that is blurred, 12 of them before white, black or a
plain wall: none is said to have borders, in none of four turns. With bars of 2, 8 or 20 % added on two or
four sides and saved at JPEG quality 80, all but those are found that pass into a like ground: 37 of 39 with
black, 32 to 34 with white, 32 to 38 with grey; of strips with a line of text below, 35.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]  # (H, W)

_NEAR = 12  # grey levels from the bar's colour that JPEG leaves at most, beside an edge
_PLAIN = 0.97  # share of a row that has the bar's colour; the rest is what JPEG smears along the edge
_TEXT = 0.45  # share of a row that stays plain under a line of text (assumed; 0.6 to 0.9 in usual type)
_PICTURE = 0.5  # share of a row that still has it by chance within the picture
_LEAST = 0.01  # share of the side; less is cut off anyway
_MOST = 0.4  # what is more is no bar but a ground
_ONE_SIDE = 0.25  # a bar without its like on the other side
_CLEAR = 6  # rows that are looked at beyond a bar
_EXTREME = 16  # grey levels from black or white; a lone bar of another colour may well be a wall or the sky


class Borders(NamedTuple):
    """The rectangle without the bars, as left, top, right, bottom in shares of the side; whether they hold text."""

    inside: tuple[float, float, float, float]
    text: bool


class _Bar(NamedTuple):
    rows: int
    colour: int
    text: bool


_NONE = _Bar(0, -1, False)


def find(grey: Grey) -> Borders | None:
    """Find the bars around a picture; None where there are none.

    The rectangle is one pixel of the given picture smaller than what was found, since an edge may fall
    within a pixel.
    """
    left, top, right, bottom = 0, 0, grey.shape[1], grey.shape[0]
    text = False
    for _ in range(2):  # bars on all sides: those above are seen whole once those beside are off
        part = grey[top:bottom, left:right]
        above, below = _pair(part)
        top, bottom = top + above.rows, bottom - below.rows
        first, last = _pair(grey[top:bottom, left:right].T)
        left, right = left + first.rows, right - last.rows
        text = text or any(bar.text for bar in (above, below, first, last))
    if (left, top, right, bottom) == (0, 0, grey.shape[1], grey.shape[0]):
        return None
    height, width = grey.shape
    inside = (
        (left + 1) / width if left else 0.0,
        (top + 1) / height if top else 0.0,
        (right - 1) / width if right < width else 1.0,
        (bottom - 1) / height if bottom < height else 1.0,
    )
    return Borders(inside, text)


def _pair(grey: Grey) -> tuple[_Bar, _Bar]:
    """Find the bars at the top and at the bottom."""
    above, below = _bar(grey), _bar(grey[::-1])
    if above.rows and below.rows:
        return above, below
    return _if_alone(above, grey), _if_alone(below, grey[::-1])


def _if_alone(bar: _Bar, grey: Grey) -> _Bar:
    """Keep a bar that has no other across if it is narrow, black or white, and quite plain."""
    extreme = bar.colour <= _EXTREME or bar.colour >= 255 - _EXTREME
    if not bar.rows or bar.rows > _ONE_SIDE * len(grey) or not extreme:
        return _NONE
    return bar


def _bar(grey: Grey) -> _Bar:
    most = int(_MOST * len(grey))
    if most < 4 or grey.shape[1] < 16:
        return _NONE
    colour = int(np.median(grey[0]))
    if _share(grey[:1], colour)[0] < _PLAIN:  # most pictures: nothing else need be looked at
        return _NONE
    plain = _share(grey[: most + _CLEAR], colour)
    for row in range(max(2, round(_LEAST * len(grey))), most):
        if plain[row - 1] >= _PLAIN and _begins(plain[row:]):
            return _Bar(row, colour, bool((plain[:row] < _PLAIN).any()))
        if plain[row] < _TEXT:  # neither bar nor text
            break
    return _NONE


def _share(rows: Grey, colour: int) -> NDArray[np.float64]:
    """Return which share of each row has a colour."""
    return (np.abs(rows.astype(np.int16) - colour) <= _NEAR).mean(1)


def _begins(plain: NDArray[np.float64]) -> bool:
    """Whether the picture begins, at once and for good."""
    return plain[0] < _PLAIN and plain[2:_CLEAR].max(initial=0) < _PICTURE
