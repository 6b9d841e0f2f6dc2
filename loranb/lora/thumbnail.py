"""A preview picture inside a LoRA file, where web UIs look for one."""

import base64
import io
import json
from pathlib import Path

from PIL import Image

SIDE = 256  # ModelSpec 1.0.1 recommends 256 x 256 at the most
QUALITY = 85


def thumbnail(picture: Path) -> dict[str, str]:
    """Return the metadata that shows a picture, small, as the LoRA's preview.

    ``modelspec.thumbnail`` is a data URL; ``ssmd_cover_images``, which A1111 and Forge read, is a JSON list of
    base64 texts.
    """
    with Image.open(picture) as opened:
        small = opened.convert("RGB")
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=QUALITY)
    text = base64.b64encode(jpeg.getvalue()).decode("ascii")
    return {
        "modelspec.thumbnail": f"data:image/jpeg;base64,{text}",
        "ssmd_cover_images": json.dumps([text]),
    }


def newest_sample(samples: Path) -> Path | None:
    """Find the picture of the first prompt that was drawn last; None where none was drawn yet."""
    return max(samples.glob("*_00.png"), default=None, key=lambda path: path.name)
