"""Read pictures as a person sees them, and say what is wrong with those that cannot be used.

Cameras store a picture sideways and note how to turn it (EXIF); every picture here is turned
upright first. Transparent parts are laid on white.
"""

import hashlib
import io
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from loranb.errors import DatasetError
from loranb.files import write_bytes

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})
LARGEST = 178_956_970  # pixels; beyond it Pillow takes a picture for a decompression bomb
SMALL = 256  # pixels on the shorter side, below which a picture teaches little (assumed)
THUMBNAIL = 256  # pixels on the longer side


@dataclass(frozen=True)
class Picture:
    """A picture file and what is known of it.

    `width` and `height` are those of the upright picture; `problem` says why it cannot be used,
    `remarks` what is unwise about it.
    """

    path: Path
    width: int = 0
    height: int = 0
    problem: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether it can be trained on."""
        return not self.problem


def is_picture(path: Path) -> bool:
    """Whether a file's name is that of a picture."""
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return not hidden and path.suffix.lower() in SUFFIXES


def picture_files(folder: Path) -> list[Path]:
    """List a folder's pictures by name, without those of its subfolders."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_picture(path))


def open_picture(path: Path) -> Image.Image:
    """Read a picture whole: upright, RGB, transparency laid on white.

    Raises:
        DatasetError: it cannot be read; says why and what to do.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as file:
                if file.width * file.height > LARGEST:
                    raise DatasetError(
                        f"{path.name} is {file.width} x {file.height} pixels, more than {LARGEST:,} in all. "
                        "Scale it down first."
                    )
                file.load()
                return on_white(_upright(file))
    except DatasetError:
        raise
    except Exception as error:  # Pillow's decoders fail in many ways
        raise DatasetError(_why_unreadable(path, error)) from error


def _upright(picture: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF says; one whose EXIF is damaged stays as it is."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # the picture itself is whole
        return picture


def on_white(picture: Image.Image) -> Image.Image:
    """Return a picture in RGB, its transparent parts white."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        over = picture.convert("RGBA")
        ground = Image.new("RGBA", over.size, "white")
        return Image.alpha_composite(ground, over).convert("RGB")
    if picture.mode.startswith("I;16") or picture.mode == "I":  # 16-bit grey; convert() would clip it to white
        return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    return picture.convert("RGB")


def _why_unreadable(path: Path, error: Exception) -> str:
    try:
        size = path.stat().st_size
    except OSError:
        return f"{path} is not there any more. Scan the folder again."
    if size == 0:
        return f"{path.name} is empty (0 bytes): the copy was cut off. Copy it again or discard it."
    if isinstance(error, Image.DecompressionBombError):
        reason = f"it is more than {LARGEST:,} pixels in all; scale it down first"
    elif isinstance(error, UnidentifiedImageError):
        reason = "it is not a picture, whatever its name says"
    elif "truncated" in str(error) or "Truncated" in str(error):
        reason = "the file ends too early; the copy was probably cut off"
    else:
        reason = str(error).strip() or type(error).__name__
    return f"{path.name} cannot be read: {reason}. It is {size:,} bytes; copy it again, or discard it."


def inspect(path: Path, small: int = SMALL) -> Picture:
    """Decode a picture fully and report on it; never raises for a bad picture.

    Args:
        path: the picture.
        small: pixels on the shorter side, below which it is remarked on.
    """
    try:
        picture = open_picture(path)
    except DatasetError as error:
        return Picture(path, problem=str(error))
    remarks = []
    if min(picture.size) < small:
        remarks.append(f"small: {picture.width} x {picture.height}; {small} or more on the shorter side is better")
    if max(picture.size) > 4 * min(picture.size):
        remarks.append(f"long and narrow: {picture.width} x {picture.height}; much will be cut off")
    return Picture(path, picture.width, picture.height, remarks=tuple(remarks))


def scan(paths: Iterable[Path], small: int = SMALL) -> list[Picture]:
    """Inspect pictures, several at a time; the same order comes out."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda path: inspect(path, small), paths))


def thumbnail(path: Path, cache: Path, side: int = THUMBNAIL) -> bytes:
    """Return a small JPEG of a picture, made once and kept in `cache`.

    Raises:
        DatasetError: the picture cannot be read.
    """
    stat = path.stat()
    key = hashlib.sha256(f"{path.resolve()} {stat.st_mtime_ns} {stat.st_size} {side}".encode()).hexdigest()[:24]
    kept = cache / "thumbnails" / f"{key}.jpg"
    if not kept.exists():
        picture = open_picture(path)
        picture.thumbnail((side, side))
        jpeg = io.BytesIO()
        picture.save(jpeg, "JPEG", quality=80)
        write_bytes(kept, jpeg.getvalue())
    return kept.read_bytes()
