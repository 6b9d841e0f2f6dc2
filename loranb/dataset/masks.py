"""Masks for masked loss: which parts of a picture are learned. White counts, black does not, grey in part.

A mask is a picture painted elsewhere that lies beside its picture (`loranb.dataset.mask_files` says under
which names), or the picture's own alpha channel. It is painted on the picture as a viewer shows it,
upright, and is turned and cropped along with it.
"""

import functools
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from loranb.dataset import images, mask_files
from loranb.dataset.images import Size, is_picture
from loranb.dataset.mask_files import masks_in
from loranb.dataset.reader import THUMBNAIL, Pictures
from loranb.errors import DatasetError

_MAY_BE_CLEAR = frozenset(
    {".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif", ".hif", ".bmp"}
)
_TINT, _DIM = (150, 30, 60), 0.75  # over what does not count, and how much of it; told from any photograph at a glance
_ROUNDED = 1  # pixel by which a scaled mask may miss the picture's shape


@dataclass(frozen=True)
class Mask:
    """What says which parts of a picture count.

    Args:
        picture: whose it is.
        source: ``file`` for a picture beside it, ``alpha`` for its own alpha channel.
        path: of the file that holds it.
    """

    picture: Path
    source: Literal["alpha", "file"]
    path: Path

    def open(self, pictures: Pictures) -> Image.Image:
        """Read the mask, turned and cropped as its picture is.

        Returns:
            In mode L and the size that the picture is used in: 255 counts, 0 does not. Of a file it is the
            red channel, as kohya's trainer reads it; what is transparent in it does not count.

        Raises:
            DatasetError: it cannot be read, or has another shape than its picture.
        """
        return pictures.edit(self.picture).apply(self.upright(pictures))

    def upright(self, pictures: Pictures) -> Image.Image:
        """Read the mask in the size of its upright picture, before any edit; see `open`.

        Raises:
            DatasetError: it cannot be read, or has another shape than its picture.
        """
        upright = pictures.upright_size(self.picture)
        read = self._read()
        if not _fits(read.size, upright):
            raise DatasetError(
                f"{self.path.name} is {read.width} x {read.height} pixels, and {self.picture.name}, of which it is the "
                f"mask, {upright[0]} x {upright[1]}: the shapes differ. Paint it on the whole picture as it stands "
                "upright; in a smaller size of the same shape will do."
            )
        return read if read.size == upright else read.resize(upright, Image.Resampling.BILINEAR)

    def problem(self, pictures: Pictures) -> str:
        """Say why it cannot be used; blank where it can be."""
        try:
            self.open(pictures)
        except DatasetError as error:
            return str(error)
        return ""

    def _read(self) -> Image.Image:
        if self.source == "file":
            return images.open_picture(self.path, "black").getchannel("R")
        return images.open_alpha(self.path) or Image.new("L", images.look(self.path), 255)


def mask_of(picture: Path) -> Mask | None:
    """Find a picture's mask: the file beside it, else its alpha channel where that hides anything."""
    beside = next(iter(mask_files.masks_beside(picture).values()), None)
    return Mask(picture, "file", beside) if beside else _own(picture)


def masks_of(pictures: Iterable[Path]) -> dict[Path, Mask]:
    """Find the masks of many pictures, as `mask_of` does; each folder is listed once."""
    asked = list(pictures)
    found = painted(asked)
    return found | {picture: own for picture in asked if picture not in found and (own := _own(picture))}


def painted(pictures: Iterable[Path]) -> dict[Path, Mask]:
    """Find the masks that lie beside pictures; each folder is listed once."""
    asked = list(pictures)
    folders = {folder for picture in asked for folder in (picture.parent, picture.parent / mask_files.FOLDER)}
    found = masks_in(file for folder in folders if folder.is_dir() for file in folder.iterdir() if is_picture(file))
    return {picture: Mask(picture, "file", found[picture][0]) for picture in asked if picture in found}


def problems(pictures: Pictures, paths: Iterable[Path]) -> dict[Path, str]:
    """Say of pictures why the masks beside them cannot be used; those that have none, or a good one, are left out."""
    said = {picture: mask.problem(pictures) for picture, mask in painted(paths).items()}
    return {picture: problem for picture, problem in said.items() if problem}


def overlay(pictures: Pictures, picture: Path, side: int = THUMBNAIL) -> bytes:
    """Return a small JPEG of a picture as it is used, with what does not count darkened and tinted.

    Made once and kept, as thumbnails are; the thumbnail itself where there is no mask.

    Raises:
        DatasetError: the picture or its mask cannot be read, or the mask has another shape.
    """
    mask = mask_of(picture)
    jpeg = pictures.thumbnail(picture, side)
    if mask is None:
        return jpeg

    def make() -> Image.Image:
        shown = Image.open(io.BytesIO(jpeg)).convert("RGB")
        counts = mask.open(pictures).resize(shown.size, Image.Resampling.BOX)
        hidden = Image.blend(shown, Image.new("RGB", shown.size, _TINT), _DIM)
        return Image.composite(shown, hidden, counts)

    edit, background = pictures.edit(picture), pictures.background
    contents = f"{pictures.content(picture)} {pictures.content(mask.path)}"
    return pictures.kept_jpeg(f"mask {contents} {edit} {background} {side} {images.READING}", make)


def _fits(size: Size, upright: Size) -> bool:
    """Whether a mask has its picture's shape, but for rounding when it was scaled."""
    (width, height), (whole_width, whole_height) = size, upright
    return (
        abs(width - whole_width * height / whole_height) <= _ROUNDED
        or abs(height - whole_height * width / whole_width) <= _ROUNDED
    )


def _own(picture: Path) -> Mask | None:
    if picture.suffix.lower() not in _MAY_BE_CLEAR:
        return None
    try:
        status = picture.stat()
        hides = _hides(picture, status.st_mtime_ns, status.st_size)
    except (OSError, DatasetError):  # whoever opens the picture is told why
        return None
    return Mask(picture, "alpha", picture) if hides else None


@functools.lru_cache(maxsize=4096)
def _hides(picture: Path, _modified: int, _bytes: int) -> bool:
    return images.may_be_clear(picture) and images.open_alpha(picture) is not None
