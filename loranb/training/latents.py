"""Encode pictures with the VAE once, and keep what it says of them; or at every step, where they change.

The mean and log-variance are kept, not one sample, so that every showing of a picture gets fresh
latents, as if it were encoded anew. The cache lies in the project's ``.loranb`` folder, keyed by the
bytes of the picture, how it is read, turned, cropped, scaled and cut, and the tensors of the VAE: it
cannot be stale.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from loranb.dataset.images import READING, WORKERS
from loranb.errors import TrainingError
from loranb.files import write_bytes
from loranb.plan import PlannedImage
from loranb.settings import DatasetSettings
from loranb.training.batches import Batch
from loranb.training.pixels import pixels_of

Moments = dict[str, Tensor]  # mean, logvar; and mirrored_mean, mirrored_logvar where pictures are flipped
MomentsOf = Callable[[Batch], Sequence[Moments]]  # of the pictures of a batch
AHEAD = 2  # batches of pictures that are decoded while the VAE encodes


def cacheable(dataset: DatasetSettings) -> bool:
    """Whether pictures are encoded once: they are to be, and are the same in each showing."""
    return dataset.cache_latents and not dataset.random_crop and not dataset.colour


class LatentCache:
    """Latents of pictures on disk.

    Args:
        folder: where they are kept.
        vae: the AutoencoderKL that encodes; in fp32, because half precision overflows in some VAEs.
        dataset: how pictures are read and scaled, whether they are mirrored too, how many are encoded at once.
    """

    def __init__(self, folder: Path, vae: Any, dataset: DatasetSettings):
        self.folder, self.vae, self.dataset = folder, vae, dataset
        self._vae_hash = tensors_hash(vae)

    def encode(self, images: Sequence[PlannedImage]) -> Iterator[tuple[int, Moments]]:
        """Give pictures' places and moments, first of those that are there, then of the others.

        Shapes are (4, H / 8, W / 8), on the CPU.

        Args:
            images: the pictures, with the SHA-256 of their bytes, and how they go into their buckets.

        Raises:
            TrainingError: the VAE gives values that are not finite, or a picture has changed or is gone.
            DatasetError: a picture cannot be read any more.
        """
        missing = []
        for place, planned in enumerate(images):
            moments = _read(self._file(planned))
            if moments is None:
                missing.append(place)
            else:
                yield place, moments
        with ThreadPoolExecutor(WORKERS) as pool:
            for places, pixels in self._decoded(pool, images, missing):
                planned = [images[place] for place in places]
                for place, moments in zip(places, self._moments(planned, pixels), strict=True):
                    write_bytes(self._file(images[place]), save(moments))
                    yield place, moments

    def _file(self, planned: PlannedImage) -> Path:
        image, dataset = planned.image, self.dataset
        seen = f"{image.content} {READING} {image.edit} {dataset.background} {tuple(planned.fit)} {dataset.flip}"
        scaled = "" if dataset.interpolation == "auto" else f"{dataset.interpolation} "
        tiled = "tiled " if getattr(self.vae, "use_tiling", False) else ""
        key = hashlib.sha256(f"{seen} {scaled}{tiled}{self._vae_hash}".encode()).hexdigest()
        return self.folder / f"{key}.safetensors"

    def _decoded(
        self, pool: ThreadPoolExecutor, images: Sequence[PlannedImage], places: Sequence[int]
    ) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Decode pictures, batches of one size each; the next ones while a batch is encoded."""
        waiting: deque[tuple[Sequence[int], list[Future[Tensor]]]] = deque()
        for some in _alike(images, places, self.dataset.vae_batch_size):
            waiting.append((some, [pool.submit(pixels_of, images[place], self.dataset) for place in some]))
            if len(waiting) > AHEAD:
                yield _stacked(*waiting.popleft())
        while waiting:
            yield _stacked(*waiting.popleft())

    def _moments(self, planned: Sequence[PlannedImage], pixels: Tensor) -> list[Moments]:
        plain = encoded(self.vae, pixels, [one.image.path for one in planned])
        if not self.dataset.flip:
            return plain
        mirrored = encoded(self.vae, pixels.flip(-1), [one.image.path for one in planned])
        return [
            one | {f"mirrored_{name}": tensor for name, tensor in other.items()}
            for one, other in zip(plain, mirrored, strict=True)
        ]


class EncodedEachTime:
    """Latents of pictures that are encoded anew in every showing.

    Args:
        images: those of the plan.
        vae: see `LatentCache`; stays where the denoiser runs.
        dataset: how pictures are read and scaled, and how many are encoded at once.
    """

    def __init__(self, images: Sequence[PlannedImage], vae: Any, dataset: DatasetSettings):
        self.images, self.vae, self.dataset = images, vae, dataset
        self._pool = ThreadPoolExecutor(WORKERS)

    def __call__(self, batch: Batch) -> list[Moments]:
        """Encode the pictures of a batch as it shows them; see `LatentCache.encode`."""
        planned = [self.images[place] for place in batch.images]
        looks = batch.looks or (None,) * len(planned)
        pixels = self._pool.map(lambda one, look: pixels_of(one, self.dataset, look), planned, looks)
        shown = [one.flip(-1) if mirror else one for one, mirror in zip(pixels, batch.mirrored, strict=True)]
        moments: list[Moments] = []
        count = self.dataset.vae_batch_size
        for at in range(0, len(shown), count):
            paths = [one.image.path for one in planned[at : at + count]]
            moments += encoded(self.vae, torch.stack(shown[at : at + count]), paths)
        return [
            {f"{'mirrored_' if mirror else ''}{name}": tensor for name, tensor in moment.items()}
            for moment, mirror in zip(moments, batch.mirrored, strict=True)
        ]


def _alike(images: Sequence[PlannedImage], places: Sequence[int], count: int) -> Iterator[list[int]]:
    """Cut places into batches of at most `count` pictures of one size each."""
    for bucket in sorted({images[place].fit.bucket for place in places}):
        alike = [place for place in places if images[place].fit.bucket == bucket]
        yield from (alike[at : at + count] for at in range(0, len(alike), count))


def _stacked(places: Sequence[int], pixels: Sequence[Future[Tensor]]) -> tuple[Sequence[int], Tensor]:
    return places, torch.stack([one.result() for one in pixels])


@torch.inference_mode()
def encoded(vae: Any, pixels: Tensor, paths: Sequence[Path]) -> list[Moments]:
    """Say what the VAE says of pixels (B, 3, H, W), picture by picture.

    Raises:
        TrainingError: it gives values that are not finite; names the picture.
    """
    posterior = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist
    means, variances = posterior.mean.float().cpu(), posterior.logvar.float().cpu()
    found = []
    for mean, logvar, path in zip(means, variances, paths, strict=True):
        if not (mean.isfinite().all() and logvar.isfinite().all()):
            raise TrainingError(
                f"The VAE gives values that are not finite for {path.name}. Take the picture out, or use another VAE."
            )
        found.append({"mean": mean.contiguous(), "logvar": logvar.contiguous()})
    return found


def _read(path: Path) -> Moments | None:
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError):  # not there, or damaged: encode anew
        return None


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
