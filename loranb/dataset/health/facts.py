"""What is measured of one picture. It follows from the file's bytes alone, so it is measured once and kept."""

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from PIL import Image, ImageChops

from loranb.dataset.edits import Box
from loranb.dataset.health import borders, decoding, focus
from loranb.dataset.health.borders import Borders
from loranb.dataset.health.decoding import Decoded, Header, Unusable
from loranb.dataset.health.likeness import Likeness, likeness
from loranb.dataset.images import Size

MEASURES = 2  # to be raised when anything is measured differently: all is measured anew then

_SMALL = 200  # pixels on the shorter side, at least; tones and colours need no more
_COLOURLESS = 8  # levels between the channels, at most, of a grey picture that was saved as a colour JPEG
_CLIPPED = 250  # levels in all channels; white, with what JPEG takes off


@dataclass(frozen=True)
class Tones:
    """How dark and bright a picture is, in grey levels from 0 to 255, its borders left out."""

    blackest: float  # only one pixel in two hundred is darker
    darkest: float  # one in fifty is darker
    brightest: float  # one in fifty is brighter
    clipped: float  # share of the picture that is white

    @classmethod
    def of(cls, grey: Image.Image, small: Image.Image) -> Self:
        """Measure them of a picture in grey, as large as it is looked at, and of the same small and in RGB."""
        counts = np.cumsum(grey.histogram())
        levels = (float(np.searchsorted(counts, share * counts[-1])) for share in (0.005, 0.02, 0.98))
        white = functools.reduce(ImageChops.darker, small.split()).histogram()[_CLIPPED:]
        return cls(*levels, round(sum(white) / (small.width * small.height), 3))


@dataclass(frozen=True)
class Facts:
    """What is known of a picture's file, whatever it is used for; sizes and places are those of it upright.

    `problem` is blank for a picture that can be trained on; else it is ``undecodable``, ``damaged``,
    ``too_large`` or ``no_access``, and `reason` says why. `damage` is what the decoder complained of
    where the picture can be read all the same.
    """

    problem: str = ""
    reason: str = ""
    damage: str = ""
    format: str = ""
    width: int = 0
    height: int = 0
    orientation: int = 1
    kinds: frozenset[str] = frozenset()  # of cmyk, sixteen_bit, palette, greyscale, transparent, animated
    edges: tuple[tuple[int, float], ...] = ()  # (square root of the area, width of the edges) in pixels
    trimmed: Box | None = None  # what is left without plain borders
    border_text: bool = False
    tones: Tones | None = None
    likeness: Likeness | None = field(default=None, repr=False)

    @property
    def usable(self) -> bool:
        """Whether it can be trained on."""
        return not self.problem

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.width, self.height

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads; what is blank is left out."""
        values = {name: value for name, value in asdict(self).items() if value != getattr(Facts, name, None)}
        if "kinds" in values:
            values["kinds"] = sorted(self.kinds)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make facts of what `as_json` gave.

        Raises:
            ValueError, TypeError, LookupError: it is something else.
        """
        read = dict(values)
        read["kinds"] = frozenset(read.get("kinds", ()))
        read["edges"] = tuple((int(side), float(width)) for side, width in read.get("edges", ()))
        if trimmed := read.get("trimmed"):
            read["trimmed"] = Box(*trimmed)
        if tones := read.get("tones"):
            read["tones"] = Tones(**tones)
        if known := read.get("likeness"):
            read["likeness"] = Likeness(tuple(known[0]), known[1])
        return cls(**read)


def measure(content: bytes) -> Facts:
    """Measure a picture by the bytes of its file; never raises for a bad one."""
    try:
        return _of_decoded(decoding.decode(content))
    except Unusable as error:
        return Facts(problem=error.problem, reason=error.reason, **_of_header(error.seen or Header()))


def _of_header(header: Header) -> dict[str, Any]:
    return {
        "format": header.format,
        "width": header.size[0],
        "height": header.size[1],
        "orientation": header.orientation,
        "kinds": frozenset(header.kinds),
    }


def _of_decoded(decoded: Decoded) -> Facts:
    size = decoded.header.size
    grey = decoded.picture.convert("L")
    pixels = np.asarray(grey)
    around = borders.find(pixels)
    inside = _box(around, grey.size) if around else None
    small = _small(decoded.picture, inside)
    known = _of_header(decoded.header)
    if _is_grey(small):
        known["kinds"] |= {"greyscale"}
    return Facts(
        damage=decoded.damage,
        edges=tuple(focus.edge_widths(pixels)),
        trimmed=_box(around, size) if around else None,
        border_text=bool(around and around.text),
        tones=Tones.of(grey.crop(inside) if inside else grey, small),
        likeness=likeness(grey),
        **known,
    )


def _small(picture: Image.Image, inside: Box | None) -> Image.Image:
    """Return a picture, or a part of it, small and in RGB."""
    return picture.reduce(max(1, min(picture.size) // _SMALL), inside).convert("RGB")


def _is_grey(picture: Image.Image) -> bool:
    """Whether a picture in RGB has no colour, but for what saving as JPEG leaves in one pixel of a hundred."""
    channels = picture.split()
    spread = ImageChops.difference(
        functools.reduce(ImageChops.lighter, channels), functools.reduce(ImageChops.darker, channels)
    )
    return sum(spread.histogram()[_COLOURLESS + 1 :]) <= 0.01 * picture.width * picture.height


def _box(around: Borders, size: Size) -> Box:
    """Return the rectangle within the borders, in pixels, rounded inwards."""
    left, top, right, bottom = around.inside
    width, height = size
    return Box(-int(-left * width // 1), -int(-top * height // 1), int(right * width), int(bottom * height))
