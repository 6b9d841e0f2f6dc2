"""Decode a picture once, small, listening to what its decoder complains of.

A JPEG comes out at a half, a quarter or an eighth of its size, which is twice as quick as in full, and
still all of its data is read: libjpeg's warnings, which Pillow passes over, are what tells damage. Where
it warns, Pillow, which reads the picture for training, has the last word on whether it can be used.
"""

import contextlib
import io
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import simplejpeg
from PIL import ExifTags, Image, ImageOps

from loranb.dataset import colour, images
from loranb.dataset.images import LARGEST, Size

SIDE = 700  # pixels: the square root of the area at which a picture is looked at, at least; less than twice at most

_LARGE = 32_000_000  # pixels; those that have to be decoded in full are so one at a time, to spare memory
_ONE_LARGE = threading.Lock()
_JPEG = ("JPEG", "MPO")
_PNG = b"\x89PNG\r\n\x1a\n"
_BITS_PER_SAMPLE = 258  # the TIFF tag
_MOVING = ("GIF", "WEBP", "PNG", "AVIF", "TIFF")  # an MPO's other pictures are of a phone's making
_HEIC = rb"....ftyp(.{4}){0,8}?(hei[cxms]|hev[cxms])"
_STARTS = {  # (what is at the start of a file, as a pattern): format
    rb"\xff\xd8": "JPEG",
    rb"\x89PNG": "PNG",
    rb"GIF8": "GIF",
    rb"BM": "BMP",
    rb"II\*\0|MM\0\*": "TIFF",
    rb"RIFF....WEBP": "WebP",
    rb"....ftyp(avif|avis)": "AVIF",
    _HEIC: "HEIC",
}
_OTHERS = (  # (what is at the start of a file, what it is)
    (rb"\s*<(!doctype\s+html|html|head|body)", "a web page (HTML): the download got the page instead of the picture"),
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", "a drawing in SVG, which has no pixels"),
    (rb"PK\x03\x04", "a zip archive; add it as it is, and it is unpacked"),
    (rb"%PDF", "a PDF document"),
    (rb"8BPS", "a Photoshop file"),
    (rb"....ftyp(isom|iso2|mp4|M4V|qt  )", "a video"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL, which is not read here"),
    (rb"[\t\n\r\x20-\x7e]{16}", "text"),
)


class Unusable(Exception):
    """A picture that cannot be trained on.

    Args:
        problem: ``undecodable``, ``damaged`` or ``too_large``.
        reason: a sentence's end that says why, after "the file" or the file's name.
        seen: what is known of it all the same.
    """

    def __init__(self, problem: str, reason: str, seen: "Header | None" = None):
        super().__init__(reason)
        self.problem, self.reason, self.seen = problem, reason, seen


@dataclass(frozen=True)
class Header:
    """What a picture's file says of it; the size is that of the upright picture."""

    format: str = ""
    size: Size = (0, 0)
    orientation: int = 1  # of EXIF
    kinds: tuple[str, ...] = ()  # of cmyk, sixteen_bit, palette, greyscale, transparent, animated


@dataclass(frozen=True)
class Decoded:
    """A picture as it is looked at."""

    header: Header
    picture: Image.Image  # small, upright, RGB or grey
    damage: str  # what its decoder complained of; it can be read all the same


def decode(content: bytes) -> Decoded:
    """Decode a picture from the bytes of its file.

    Raises:
        Unusable: it cannot be trained on.
    """
    with _opened(content, _formats(content)) as file:
        header = _header(file, content)
        if header.size[0] * header.size[1] > LARGEST:
            raise Unusable("too_large", f"has {header.size[0]} x {header.size[1]} pixels", header)
        large = header.size[0] * header.size[1] > _LARGE and file.format not in _JPEG
        try:
            with _ONE_LARGE if large else contextlib.nullcontext():
                return _decode(file, content, header)
        except MemoryError:
            raise
        except Exception as error:  # Pillow's decoders fail in many ways
            raise Unusable("damaged", _in_words(error), header) from error


def _decode(file: Image.Image, content: bytes, header: Header) -> Decoded:
    return (_decode_jpeg if file.format in _JPEG else _decode_other)(file, content, header)


def _formats(content: bytes) -> tuple[str, ...]:
    """Return the formats that are read: no others, since Pillow has some opened by other programs."""
    if not re.match(_HEIC, content, re.DOTALL):
        return images.FORMATS
    if not images.learn_heif():
        raise Unusable(
            "undecodable", 'is a HEIC picture, and what reads those is not installed (pip install "loranb[heif]")'
        )
    return (*images.FORMATS, "HEIF")


def _opened(content: bytes, formats: tuple[str, ...]) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise Unusable("too_large", _how_large(content, error)) from error
    except Exception as error:  # Pillow's decoders fail in many ways
        problem, reason = _no_picture(content)
        raise Unusable(problem, reason) from error


def _how_large(content: bytes, error: Exception) -> str:
    """Say how many pixels a picture has that Pillow won't open for them."""
    if content.startswith(_PNG):
        width, height = struct.unpack(">II", content[16:24])
        return f"has {width} x {height} pixels"
    count = re.search(r"\d+", str(error))
    return f"has {int(count[0]):,} pixels" if count else "has too many pixels"


def _no_picture(content: bytes) -> tuple[str, str]:
    """Say what a file is that nothing can open: a picture that is damaged at its start, or none at all."""
    if not content:
        return "undecodable", "is empty (0 bytes): the copy was cut off"
    for start, name in _STARTS.items():
        if re.match(start, content, re.DOTALL):
            return "damaged", f"starts as a {name} picture does, and is cut off or broken soon after"
    for pattern, name in _OTHERS:
        if re.match(pattern, content[:1024], re.IGNORECASE | re.DOTALL):
            return "undecodable", f"is {name}"
    return "undecodable", "is not a picture, whatever its name says"


def _in_words(error: Exception) -> str:
    said = str(error).strip() or type(error).__name__
    if "truncated" in said.lower():
        return "ends too early: the copy was cut off"
    return f"is corrupt ({said[:120]})"


def _header(file: Image.Image, content: bytes) -> Header:
    # Asked before a PNG is loaded, Pillow loads it to look, and what it complains of then is not said again.
    orientation = _orientation(file) if file.format != "PNG" else 1
    size = file.size[::-1] if orientation >= 5 else file.size
    return Header(file.format or "", size, orientation, tuple(_kinds(file, content)))


def _kinds(file: Image.Image, content: bytes) -> Iterator[str]:
    if file.mode == "CMYK":
        yield "cmyk"
    if _is_deep(file, content):
        yield "sixteen_bit"
    if file.mode in ("P", "PA"):
        yield "palette"
    if file.mode in ("1", "L", "LA", "I", "F") or file.mode.startswith("I;16"):
        yield "greyscale"


def _is_deep(file: Image.Image, content: bytes) -> bool:
    """Whether a picture has more than eight bits a channel, whatever Pillow makes of them."""
    if file.mode in ("I", "F") or file.mode.startswith("I;16"):
        return True
    if file.format == "PNG":
        return content[24] > 8  # its header's depth
    depths = getattr(file, "tag_v2", {}).get(_BITS_PER_SAMPLE, 8)
    return max(depths if isinstance(depths, tuple) else (depths,)) > 8


def _decode_jpeg(file: Image.Image, content: bytes, header: Header) -> Decoded:
    least = _reduced_by_two(file.size)
    colours = {"L": "GRAY", "CMYK": "CMYK"}.get(file.mode, "RGB")
    damage, picture = "", None
    try:
        pixels = simplejpeg.decode_jpeg(
            content, colours, fastupsample=True, min_width=least[0], min_height=least[1], strict=True
        )
        picture = None if colours == "CMYK" else Image.fromarray(pixels[:, :, 0] if colours == "GRAY" else pixels)
    except ValueError as error:
        damage = _complaint(content, colours, error)
    if picture is None:
        file.draft(None, least)
        file.load()
        file.info.pop("icc_profile", None)
        picture = colour.plain(file, "white")
    return Decoded(header, _upright(picture, header.orientation), damage)


def _complaint(content: bytes, colours: str, error: Exception) -> str:
    """Return what libjpeg warned of; nothing where it merely doesn't know this kind of JPEG."""
    try:
        simplejpeg.decode_jpeg(content, colours, min_width=1, min_height=1, strict=False)
    except ValueError:
        return ""
    return str(error).strip()


def _reduced_by_two(size: Size) -> Size:
    """Return a size or its half, quarter or eighth: the smallest whose area is not below that of `SIDE`."""
    for factor in (8, 4, 2):
        small = -(-size[0] // factor), -(-size[1] // factor)
        if small[0] * small[1] >= SIDE * SIDE:
            return small
    return size


def _decode_other(file: Image.Image, content: bytes, header: Header) -> Decoded:
    damage = _png_complaint(content) if file.format == "PNG" else ""
    file.load()
    turn = _orientation(file)  # Pillow has turned a TIFF by now, and a PNG may say it at its end
    size = file.size[::-1] if turn >= 5 else file.size
    picture, transparent = _reduced(file)
    more = ("transparent",) if transparent else ()
    if file.format in _MOVING and getattr(file, "n_frames", 1) > 1:
        more += ("animated",)
    header = Header(header.format, size, max(header.orientation, turn), header.kinds + more)
    return Decoded(header, _upright(picture, turn), damage)


def _reduced(file: Image.Image) -> tuple[Image.Image, bool]:
    """Return a loaded picture small and in plain colours, and whether any of it is transparent."""
    file.info.pop("icc_profile", None)  # following it takes longer than all the rest, and shows in no finding
    factor = max(1, int((file.width * file.height) ** 0.5) // SIDE)
    if file.has_transparency_data and file.mode not in ("RGBA", "I;16", "I;16B"):
        file = file.convert("RGBA")
    if file.mode not in ("RGB", "RGBA", "L", "CMYK"):
        file = colour.plain(file, "white")
    small = file.reduce(factor) if factor > 1 else file
    transparent = small.mode == "RGBA" and small.getchannel("A").getextrema()[0] < 255
    return colour.plain(small, "white"), transparent


def _png_complaint(content: bytes) -> str:
    """Check the checksums of a PNG's chunks, which Pillow passes over where the pixels are."""
    at, view = len(_PNG), memoryview(content)
    while at + 12 <= len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        end = at + 8 + length
        said = view[end : end + 4]
        if len(said) < 4:
            break
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(said, "big"):
            return f"the checksum of its {name.decode('latin-1')} chunk is wrong"
        if name == b"IEND":
            return ""
        at = end + 4
    return "it ends before its end mark"


def _orientation(file: Image.Image) -> int:
    """Return how EXIF says to turn a picture, 1 to 8; 1, as it is, where EXIF is absent or damaged."""
    try:
        said = file.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # the picture itself may be whole
        return 1
    return said if said in range(1, 9) else 1


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    if orientation == 1:
        return picture
    picture.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(picture)
