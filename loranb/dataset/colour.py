"""Bring a picture of any kind to plain colours: sRGB, eight bits, transparent parts laid on a ground.

Cameras and phones write Adobe RGB and Display P3, scanners 16 bits, printers CMYK. Read without their
colour profile they come out pale or garish, and that is what would be learned.
"""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

_KEPT = ("L", "RGB", "CMYK")  # what a profile may be of
_SAME = 2  # of 255; a profile that changes no colour by more is sRGB (its makers round differently; measured)


def plain(picture: Image.Image, background: str) -> Image.Image:
    """Return a picture in sRGB, its transparent parts laid on a background.

    An embedded colour profile is followed; one that is broken, or belongs to another kind of picture,
    is not. CMYK without a profile is converted by arithmetic, and is brighter than in print.

    Args:
        picture: of any of Pillow's modes; loaded.
        background: a colour's name or #rrggbb.
    """
    profile = picture.info.get("icc_profile")
    colours, alpha = _without_alpha(_in_eight_bits(picture))
    colours = _in_srgb(colours, profile)
    if alpha is not None:
        colours = Image.composite(colours, Image.new("RGB", colours.size, background), alpha)
    colours.info = {}  # with the old profile, which whoever saves the picture would give it again
    return colours


def opacity(picture: Image.Image) -> Image.Image | None:
    """Return how opaque each part of a picture is, in mode L, 255 where it is wholly; None where all of it is."""
    alpha = _without_alpha(_in_eight_bits(picture))[1]
    return alpha if alpha and alpha.getextrema()[0] < 255 else None


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Take the upper byte of 16 bits, and stretch numbers from 0 to 1; Pillow's convert() would clip them to white."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.nan_to_num(np.asarray(picture))
    if picture.mode == "F":
        grey = values * 255 if values.max(initial=0) <= 1 else values
    else:
        grey = values.astype(np.int64) >> 8
    made = Image.fromarray(grey.clip(0, 255).astype(np.uint8))
    clear = picture.info.get("transparency")  # the one value that is see-through
    if isinstance(clear, int):
        made.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return made


def _without_alpha(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Part the colours, in one of the modes that have profiles or in LAB, from the alpha channel."""
    grey = picture.mode in ("1", "L", "LA", "La")
    if picture.has_transparency_data:
        whole = picture.convert("LA" if grey else "RGBA")
        return whole.convert("L" if grey else "RGB"), whole.getchannel("A")
    if picture.mode in (*_KEPT, "LAB"):
        return picture, None
    return picture.convert("L" if grey else "RGB"), None


def _in_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    transform = _transform(profile, picture.mode) if profile and picture.mode in _KEPT else None
    return transform.apply(picture) if transform else picture.convert("RGB")


@functools.lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what turns a profile's colours into sRGB; None where it is sRGB already, or cannot be used."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,  # with black point compensation, as picture editors do
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ImportError):  # ImportError: a Pillow without littlecms
        return None
    return None if mode == "RGB" and _changes_nothing(transform) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    steps = np.linspace(0, 255, 8).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(8, 64, 3)
    seen = np.asarray(transform.apply(Image.fromarray(colours)))
    return bool(np.abs(seen.astype(int) - colours).max() <= _SAME)
