"""Make a run's pictures ready: encoded by the VAE once, or to be encoded at every step."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from loranb.events import Event, Preparing
from loranb.plan import PlannedImage
from loranb.settings import DatasetSettings
from loranb.training.batches import Batch
from loranb.training.latents import EncodedEachTime, LatentCache, Moments, MomentsOf, cacheable

HELD = 4 * 2**30  # bytes of latents in memory: 8,000 pictures at 1024 x 1024; Colab's free machines have 12 GB


@dataclass(frozen=True)
class EncodedOnce:
    """Latents of pictures that were encoded before training: in memory as many as fit `HELD`, the others on the disk.

    Args:
        images: those that the plan shows.
        cache: what is on the disk.
        held: what is in memory, by place.
    """

    images: Sequence[PlannedImage]
    cache: LatentCache
    held: dict[int, Moments]

    def __call__(self, batch: Batch) -> list[Moments]:
        """Return the moments of a batch's pictures."""
        return [self.held.get(place) or self._read(place) for place in batch.images]

    def _read(self, place: int) -> Moments:
        return next(moments for _, moments in self.cache.encode([self.images[place]]))


def prepare_pictures(
    images: Sequence[PlannedImage], dataset: DatasetSettings, vae: Any, folder: Path, device: torch.device
) -> Generator[Event, None, MomentsOf]:
    """Choose how pictures are encoded, encode those that are the same in each showing, and move the VAE accordingly.

    Args:
        images: those that the plan shows.
        dataset: how they are shown.
        vae: the AutoencoderKL; afterwards in fp32, and on the CPU unless pictures are encoded at every step.
        folder: where latents are kept.
        device: where the denoiser runs.
    """
    vae.float().to(device)
    if not cacheable(dataset):
        return EncodedEachTime(images, vae, dataset)
    known = EncodedOnce(images, LatentCache(folder, vae, dataset), {})
    size = 0
    for number, (place, moments) in enumerate(known.cache.encode(images)):
        size += sum(tensor.nbytes for tensor in moments.values())
        if size <= HELD:
            known.held[place] = moments
        yield Preparing("pictures", number + 1, len(images))
    vae.to("cpu")
    return known
