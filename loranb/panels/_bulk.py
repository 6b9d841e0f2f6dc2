"""Edits of several pictures at once, from what is known of each."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image

from loranb.dataset import framing
from loranb.dataset.edits import Box, Edit
from loranb.dataset.images import Size
from loranb.dataset.reader import Pictures
from loranb.panels._entries import Entry

Edits = dict[Path, Edit]


def turned(degrees: int) -> Callable[[Iterable[Entry], Pictures], Edits]:
    """Return what turns pictures clockwise."""

    def turn(entries: Iterable[Entry], pictures: Pictures) -> Edits:
        return {
            path: pictures.edit(path).then_turned(degrees, seen.facts.size)
            for path, seen in ((entry.path, entry.checked) for entry in entries)
            if seen and seen.usable
        }

    return turn


def squared(entries: Iterable[Entry], pictures: Pictures) -> Edits:
    """Crop pictures to squares around what draws the eye; what is square stays as it is."""
    edits = {}
    for path, seen in ((entry.path, entry.checked) for entry in entries):
        if seen and seen.usable and seen.size[0] != seen.size[1]:
            thumbnail = Image.open(io.BytesIO(pictures.thumbnail(path)))
            square = _enlarged(framing.square(thumbnail), thumbnail.size, seen.size)
            edits[path] = pictures.edit(path).then_cropped(square)
    return edits


def trimmed(entries: Iterable[Entry], pictures: Pictures) -> Edits:
    """Crop plain borders off, where some were found."""
    return {
        entry.path: pictures.edit(entry.path).then_cropped(entry.checked.trim)
        for entry in entries
        if entry.checked and entry.checked.trim
    }


def cleared(entries: Iterable[Entry], _: Pictures) -> Edits:
    """Use pictures as they are."""
    return {entry.path: Edit() for entry in entries if entry.edited}


EDITS: dict[str, Callable[[Iterable[Entry], Pictures], Edits]] = {
    "left": turned(270),
    "right": turned(90),
    "square": squared,
    "trim": trimmed,
    "clear": cleared,
}


def _enlarged(square: Box, small: Size, size: Size) -> Box:
    """Return the square at the same place of the whole picture, as large as it can be."""
    side, offset = min(size), max(square.left, square.top)
    room, small_room = max(size) - side, max(small) - min(small)
    start = round(room * offset / small_room) if small_room else room // 2
    return Box(start, 0, start + side, side) if size[0] > size[1] else Box(0, start, side, start + side)
