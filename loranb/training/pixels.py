"""Read pictures as they are shown to the VAE: scaled, cut out and coloured, as numbers."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from loranb.dataset.augmentation import Look, recoloured
from loranb.dataset.buckets import Fit
from loranb.dataset.images import open_picture
from loranb.errors import TrainingError
from loranb.plan import PlannedImage
from loranb.settings import DatasetSettings

_INTERPOLATIONS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


def pixels_of(planned: PlannedImage, dataset: DatasetSettings, look: Look | None = None) -> Tensor:
    """Read a picture as it is shown; (3, H, W) in [-1, 1].

    Raises:
        TrainingError: it has changed since the run was made, or is gone.
        DatasetError: it cannot be read.
    """
    check_content(planned.image.path, planned.image.content)
    picture = planned.image.edit.apply(open_picture(planned.image.path, dataset.background))
    shown = cut(picture, planned.fit, dataset.interpolation, look.crop if look else None)
    return to_pixels(recoloured(shown, look.colour) if look else shown)


def check_content(path: Path, content: str) -> None:
    """Look whether a file holds what it held when the run was made.

    Raises:
        TrainingError: it does not, or is gone.
    """
    try:
        if hashlib.sha256(path.read_bytes()).hexdigest() == content:
            return
        what = "has changed since the run was made"
    except OSError as error:
        what = f"cannot be read any more: {error.strerror}"
    raise TrainingError(f"{path.name} {what}. Put the file back as it was to go on with this run, or start a new one.")


def cut(
    picture: Image.Image, fit: Fit, interpolation: str = "auto", crop: tuple[int, int] | None = None
) -> Image.Image:
    """Scale a picture and cut out its bucket.

    Args:
        picture: in the size that its fit is made for.
        fit: how it goes into its bucket.
        interpolation: how it is scaled; auto: by area when it shrinks, by Lanczos when it grows, as kohya.
        crop: left and top of the cut; None cuts about the centre.
    """
    shrinks = fit.resized[0] <= picture.width and fit.resized[1] <= picture.height
    chosen = ("area" if shrinks else "lanczos") if interpolation == "auto" else interpolation
    scaled = picture.resize(fit.resized, _INTERPOLATIONS[chosen])
    left, top = crop or fit.crop
    return scaled.crop((left, top, left + fit.bucket[0], top + fit.bucket[1]))


def to_pixels(picture: Image.Image) -> Tensor:
    """Turn a picture into a tensor of shape (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32)).permute(2, 0, 1) / 127.5 - 1
