"""Read pictures as a person sees them, and say what is wrong with those that cannot be used.

Cameras store a picture sideways and note how to turn it (EXIF); every picture here is turned upright
first. Its colours become plain sRGB (`loranb.dataset.colour`). Of an animation or a file of several
pages the first is read.

A picture whose end is cut off is not used: its lower part would be grey, and grey would be learned.
"""

import functools
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from PIL import Image, UnidentifiedImageError

from loranb.dataset.colour import opacity, plain
from loranb.dataset.mask_files import without_masks
from loranb.errors import DatasetError
from loranb.settings import DatasetSettings

Size = tuple[int, int]  # width and height in pixels
Made = TypeVar("Made", Image.Image, Image.Image | None)

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"),
        *(".heic", ".heif", ".hif"),
    }
)
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF", "JPEG2000", "PPM")  # whatever the name says
LARGEST = 178_956_970  # pixels; beyond it Pillow takes a picture for a decompression bomb
BACKGROUND = DatasetSettings().background
READING = 2  # to be raised when pictures come to be read differently: what was made of them is made anew
WORKERS = min(8, os.cpu_count() or 1)  # pictures decoded at once; each may take half a gigabyte

_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# `LARGEST` is checked here and said in words. For good, since Python's way to silence a warning for a
# while is not safe in threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Picture:
    """A picture file and what is known of it.

    `width` and `height` are those of the picture as it is used; `problem` says why it cannot be.
    """

    path: Path
    width: int = 0
    height: int = 0
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be trained on."""
        return not self.problem


def is_picture(path: Path) -> bool:
    """Whether a file's name is that of a picture."""
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not hidden and path.suffix.lower() in SUFFIXES


def picture_files(folder: Path) -> list[Path]:
    """List a folder's pictures by name, without masks of others and without those of its subfolders."""
    return without_masks(sorted(path for path in folder.iterdir() if path.is_file() and is_picture(path)))


def open_picture(path: Path, background: str = BACKGROUND) -> Image.Image:
    """Read a picture whole: upright, in sRGB, its transparent parts laid on a background.

    Raises:
        DatasetError: it cannot be read; says why and what to do.
    """
    return _read(path, lambda upright: plain(upright, background))[0]


def open_alpha(path: Path) -> Image.Image | None:
    """Read how opaque each part of a picture is, upright, in mode L; None where all of it is opaque.

    Raises:
        DatasetError: it cannot be read; says why and what to do.
    """
    return _read(path, opacity)[0]


def may_be_clear(path: Path) -> bool:
    """Whether a picture's header says that parts of it may be transparent; it is not decoded."""
    try:
        with path.open("rb") as stream, Image.open(stream, formats=_formats(stream, path.name)) as file:
            return file.has_transparency_data
    except Exception:  # whoever reads it is told why it cannot be
        return False


def open_small(path: Path, least: Callable[[Size], Size], background: str = BACKGROUND) -> tuple[Image.Image, Size]:
    """Read a picture that is wanted small, and the size that it has in full.

    A JPEG is decoded at a half, a quarter or an eighth of its size, which is several times as quick.
    Others come in full.

    Args:
        path: the picture.
        least: given its full size, the least that it is wanted in.
        background: what transparent parts are laid on.

    Raises:
        DatasetError: it cannot be read; says why and what to do.
    """
    return _read(path, lambda upright: plain(upright, background), least)


def look(path: Path) -> Size:
    """Read a picture to its end, to know that it can be, and return its size.

    Raises:
        DatasetError: it cannot be read; says why and what to do.
    """
    return _read(path, lambda upright: plain(upright, BACKGROUND), lambda _: (1, 1))[
        1
    ]  # all data of a JPEG is read, however small it comes out


def _read(
    path: Path, made: Callable[[Image.Image], Made], least: Callable[[Size], Size] | None = None
) -> tuple[Made, Size]:
    """Read a picture, turn it upright, and return what is made of it and the size that it has in full."""
    try:
        with path.open("rb") as stream, Image.open(stream, formats=_formats(stream, path.name)) as file:
            stored = file.size
            if stored[0] * stored[1] > LARGEST:
                raise Image.DecompressionBombError(stored[0] * stored[1])  # as Pillow does, unless told otherwise
            if least and file.format in ("JPEG", "MPO"):
                file.draft(None, _lying(file, least(_lying(file, stored))))
            file.load()
            turn = _UPRIGHT.get(_orientation(file))  # only now: Pillow turns a TIFF, a PNG may say it at its end
            upright = file if turn is None else file.transpose(turn)
            return made(upright), _lying(file, stored)
    except DatasetError:
        raise
    except Exception as error:  # Pillow's decoders fail in many ways
        raise DatasetError(why_unreadable(path, error)) from error


def _lying(picture: Image.Image, size: Size) -> Size:
    """Turn a size as the picture is turned upright, or back."""
    return size[::-1] if _orientation(picture) >= 5 else size


def _orientation(picture: Image.Image) -> int:
    """Return how EXIF says to turn a picture, 1 to 8; 1, as it is, where EXIF is absent or damaged."""
    try:
        said = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # the picture itself is whole
        return 1
    return said if said in _UPRIGHT else 1


def _formats(file: BinaryIO, name: str) -> tuple[str, ...]:
    """Return the formats a file may have: no others, since Pillow has some opened by other programs."""
    start = file.read(64)
    file.seek(0)
    box = start[: int.from_bytes(start[:4], "big")]  # the first of the file: its length, "ftyp", the brands
    brands = {box[at : at + 4] for at in (8, *range(16, len(box), 4))}
    if start[4:8] != b"ftyp" or not brands & _HEIF_BRANDS:
        return FORMATS
    if not learn_heif():
        raise DatasetError(
            f'{name} is a HEIC picture, and what reads those is not installed: pip install "loranb[heif]", '
            "then start again. Or save it as JPEG."
        )
    return (*FORMATS, "HEIF")


@functools.cache
def learn_heif() -> bool:
    """Teach Pillow to read HEIC; says whether what reads it is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def why_unreadable(path: Path, error: Exception) -> str:
    """Say why a picture cannot be read, and what to do."""
    try:
        size = path.stat().st_size
    except OSError:
        return f"{path} is not there any more. Scan the folder again."
    if size == 0:
        return f"{path.name} is empty (0 bytes): the copy was cut off. Copy it again or discard it."
    if isinstance(error, Image.DecompressionBombError):
        pixels = next((int(number) for number in re.findall(r"\d+", str(error))), LARGEST)
        return f"{path.name} has {pixels:,} pixels, and {LARGEST:,} are the most. Scale it down first, or discard it."
    elif isinstance(error, UnidentifiedImageError):
        reason = "it is not a picture, whatever its name says"
    elif "truncated" in str(error).lower():
        reason = "the file ends too early; the copy was probably cut off"
    else:
        reason = str(error).strip() or type(error).__name__
    return f"{path.name} cannot be read: {reason}. It is {size:,} bytes; copy it again, or discard it."
