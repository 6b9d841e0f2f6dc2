"""Encode pictures with the VAE once, and keep what it says of them.

The mean and log-variance are kept, not one sample, so that every showing of a picture gets fresh
latents, as if it were encoded anew. The cache lies in the project's ``.loranb`` folder, keyed by the
bytes of the picture, how it is read, turned, cropped, scaled and cut, and the tensors of the VAE: it
cannot be stale.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from loranb.dataset.buckets import Fit
from loranb.dataset.images import READING, open_picture
from loranb.errors import TrainingError
from loranb.files import write_bytes
from loranb.plan import PlannedImage

Moments = dict[str, Tensor]  # mean, logvar; and mirrored_mean, mirrored_logvar where pictures are flipped


class LatentCache:
    """Latents of pictures on disk.

    Args:
        folder: where they are kept.
        vae: the AutoencoderKL that encodes; in fp32, because half precision overflows in some VAEs.
        flip: whether to keep those of the mirrored picture too.
        background: what transparent parts of pictures are laid on.
    """

    def __init__(self, folder: Path, vae: Any, flip: bool, background: str):
        self.folder, self.vae, self.flip, self.background = folder, vae, flip, background
        self._vae_hash = tensors_hash(vae)

    def encode(self, images: Sequence[PlannedImage], contents: Sequence[str]) -> Iterator[Moments]:
        """Give each picture's moments in turn; shapes (4, H / 8, W / 8), on the CPU.

        Args:
            images: the pictures and how they go into their buckets.
            contents: SHA-256 of each picture's bytes.

        Raises:
            TrainingError: the VAE gives values that are not finite, or a picture has changed or is gone.
            DatasetError: a picture cannot be read any more.
        """
        for planned, content in zip(images, contents, strict=True):
            kept = self.folder / f"{self._key(content, planned)}.safetensors"
            moments = _read(kept)
            if moments is None:
                _check_content(planned.image.path, content)
                moments = self._moments(planned)
                write_bytes(kept, save(moments))
            yield moments

    def _key(self, content: str, planned: PlannedImage) -> str:
        seen = f"{content} {READING} {planned.image.edit} {self.background} {tuple(planned.fit)} {self.flip}"
        return hashlib.sha256(f"{seen} {self._vae_hash}".encode()).hexdigest()

    @torch.inference_mode()
    def _moments(self, planned: PlannedImage) -> Moments:
        picture = planned.image.edit.apply(open_picture(planned.image.path, self.background))
        pixels = to_pixels(cut(picture, planned.fit))[None]
        versions = {"": pixels, "mirrored_": pixels.flip(-1)} if self.flip else {"": pixels}
        moments = {}
        for prefix, version in versions.items():
            posterior = self.vae.encode(version.to(self.vae.device, self.vae.dtype)).latent_dist
            moments[f"{prefix}mean"] = posterior.mean[0].float().cpu().contiguous()
            moments[f"{prefix}logvar"] = posterior.logvar[0].float().cpu().contiguous()
        if not all(tensor.isfinite().all() for tensor in moments.values()):
            raise TrainingError(
                f"The VAE gives values that are not finite for {planned.image.path.name}. "
                "Take the picture out, or use another VAE."
            )
        return moments


def _check_content(picture: Path, content: str) -> None:
    try:
        if hashlib.sha256(picture.read_bytes()).hexdigest() == content:
            return
        what = "has changed since the run was made"
    except OSError as error:
        what = f"cannot be read any more: {error.strerror}"
    raise TrainingError(
        f"{picture.name} {what}. Put the file back as it was to go on with this run, or start a new one."
    )


def _read(path: Path) -> Moments | None:
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError):  # not there, or damaged: encode anew
        return None


def cut(picture: Image.Image, fit: Fit) -> Image.Image:
    """Scale a picture and cut out its bucket: by area when it shrinks, by Lanczos when it grows, as kohya."""
    shrinks = fit.resized[0] <= picture.width and fit.resized[1] <= picture.height
    scaled = picture.resize(fit.resized, Image.Resampling.BOX if shrinks else Image.Resampling.LANCZOS)
    left, top = fit.crop
    return scaled.crop((left, top, left + fit.bucket[0], top + fit.bucket[1]))


def to_pixels(picture: Image.Image) -> Tensor:
    """Turn a picture into a tensor of shape (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32)).permute(2, 0, 1) / 127.5 - 1


def draw_latents(moments: Sequence[Moments], mirrored: Sequence[bool], generator: torch.Generator) -> Tensor:
    """Draw one sample of each posterior; (B, 4, H / 8, W / 8), not yet scaled."""
    drawn = []
    for moment, mirror in zip(moments, mirrored, strict=True):
        prefix = "mirrored_" if mirror else ""
        mean, logvar = moment[f"{prefix}mean"], moment[f"{prefix}logvar"]
        drawn.append(mean + torch.exp(0.5 * logvar) * torch.randn(mean.shape, generator=generator))
    return torch.stack(drawn)


def tensors_hash(module: nn.Module) -> str:
    """SHA-256 of a module's tensors, names and types included."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
