"""Propose how to crop a picture, and say what its bucket will cut off; nothing is cropped here."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from loranb.dataset.buckets import fit
from loranb.dataset.edits import LEAST, Box
from loranb.dataset.images import Size
from loranb.settings import DatasetSettings

NEAR = 24  # of 255; noise in a border stays below it, save where JPEG rings
STEADY = 5  # of 255; a border's colour does not drift, as a sky's does
UNIFORM = 0.95  # share of a line's pixels near the border's colour, for the line to be border
ABRUPT = 0.5  # share of the first line inside that must differ; a thing on a plain ground reaches less (measured)
RINGING = 12  # lines at most, and one in 32, that are neither border nor picture: JPEG's blocks, and what scaling mixes

_SAMPLES = 512  # pixels of a line that are looked at
_SEEN_AT = 128  # pixels on the longer side; what draws the eye is large
_MIDDLE = 0.15  # how much less a square at the picture's end counts than one in its middle
_RIM = 0.2  # how much less a thing at the square's edge counts than one in its middle


def will_crop(size: Size, dataset: DatasetSettings) -> Box:
    """Return what training will see of a picture of this size, once it is in its bucket.

    Args:
        size: of the picture as it is used, turned and cropped.
        dataset: the settings of resolution and buckets.
    """
    placed = fit(size, dataset)
    across, down = size[0] / placed.resized[0], size[1] / placed.resized[1]
    left, top = placed.crop
    right, bottom = left + placed.bucket[0], top + placed.bucket[1]
    return Box(round(left * across), round(top * down), round(right * across), round(bottom * down))


def trim(picture: Image.Image) -> Box | None:
    """Propose to cut off borders of one colour: bars above and below, at the sides, frames.

    A border ends abruptly along a straight line; the plain ground around a thing is not taken for one.
    Noise such as JPEG's is allowed for.

    Returns:
        What is left without them; None where there are none, or nothing else.
    """
    pixels = np.asarray(picture.convert("RGB"))
    left, top, right, bottom = 0, 0, picture.width, picture.height
    while True:
        inside = pixels[top:bottom, left:right]
        above, below = _border(inside), _border(inside[::-1])
        across = inside[above : len(inside) - below].swapaxes(0, 1)
        before, behind = _border(across), _border(across[::-1])
        if not above + below + before + behind:
            break
        left, top, right, bottom = left + before, top + above, right - behind, bottom - below
    if min(right - left, bottom - top) < LEAST or (right - left, bottom - top) == picture.size:
        return None
    return Box(left, top, right, bottom)


def _border(lines: NDArray[np.uint8]) -> int:
    """Count the lines of one colour at the beginning; lines have shape (lines, pixels, 3)."""
    if len(lines) <= LEAST:
        return 0
    sampled = lines[:, :: -(-lines.shape[1] // _SAMPLES)]
    colour = np.median(sampled[0], axis=0)

    def far(line: int) -> float:
        return float((np.abs(sampled[line] - colour).max(axis=-1) > NEAR).mean())

    def border(line: int) -> bool:
        return bool(np.abs(np.median(sampled[line], axis=0) - colour).max() <= STEADY) and far(line) <= 1 - UNIFORM

    end = next((line for line in range(len(lines)) if not border(line)), len(lines))
    between = max(2, min(RINGING, len(lines) // 32))
    if not 0 < end < len(lines) - between:
        return 0
    end = next((line for line in range(end, end + between) if far(line) >= ABRUPT), 0)
    mixed = np.abs(sampled[end : end + 2] - colour).mean(axis=(1, 2))  # by scaling, with the line after
    return end + int(mixed[0] < 0.8 * mixed[1]) if end else 0


def square(picture: Image.Image) -> Box:
    """Propose the largest square that holds what draws the eye: contrast with its surroundings, and detail.

    On 240 wide and tall cuts of 20 photographs, their subjects mostly off the middle, it held 96 % of what a
    square can hold of the subject, smartcrop 0.5 92 %, the square in the middle 88 % (measured).
    """
    width, height = picture.size
    side = min(width, height)
    seen = picture.convert("RGB")
    seen.thumbnail((_SEEN_AT, _SEEN_AT), Image.Resampling.LANCZOS)
    map_ = saliency(seen)
    along = map_.sum(axis=0 if width >= height else 1)  # of places along the longer side
    room = len(along) - min(map_.shape)
    if room <= 0 or width == height:
        left, top = (width - side) // 2, (height - side) // 2
        return Box(left, top, left + side, top + side)
    across = np.linspace(-1, 1, min(map_.shape))
    held = np.convolve(along, 1 - _RIM * across**2, "valid")
    held = held * (1 - _MIDDLE * np.linspace(-1, 1, room + 1) ** 2)
    best = np.flatnonzero(held >= held.max() * (1 - 1e-6)).mean()
    offset = round(best / room * (max(width, height) - side))
    return Box(offset, 0, offset + side, side) if width >= height else Box(0, offset, side, offset + side)


def saliency(picture: Image.Image) -> NDArray[np.float32]:
    """Return how much each place of a small picture draws the eye; shape (H, W), the sum is 1 or 0.

    Half of it is contrast between a place and its surroundings, over several sizes of both (Itti, Koch
    and Niebur 1998), half is detail: how much neighbouring pixels differ.
    """
    fine = [_blurred(picture, radius) for radius in (1, 2, 4)]
    coarse = [_blurred(picture, radius) for radius in (8, 16, 32)]
    contrast = sum(np.linalg.norm(centre - around, axis=-1) for centre in fine for around in coarse)
    sharp = _opponent(picture)
    down = np.abs(np.diff(sharp, axis=0, append=sharp[-1:])).sum(-1)
    across = np.abs(np.diff(sharp, axis=1, append=sharp[:, -1:])).sum(-1)
    return (_shares(np.asarray(contrast)) + _shares(down + across)) / 2


def _blurred(picture: Image.Image, radius: float) -> NDArray[np.float32]:
    return _opponent(picture.filter(ImageFilter.GaussianBlur(radius)))


def _opponent(picture: Image.Image) -> NDArray[np.float32]:
    """Split colours as the eye does: light, red against green, yellow against blue; shape (H, W, 3)."""
    red, green, blue = np.moveaxis(np.asarray(picture, dtype=np.float32), -1, 0)
    return np.stack([(red + green + blue) / 3, (red - green) / 1.4, ((red + green) / 2 - blue) / 1.2], axis=-1)


def _shares(values: NDArray[np.float32]) -> NDArray[np.float32]:
    above = np.clip(values - np.percentile(values, 5), 0, None)
    total = above.sum()
    return above / total if total else above
