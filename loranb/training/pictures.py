"""Make a run's pictures ready: encoded by the VAE once, or to be encoded at every step."""

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import torch

from loranb.events import Event, Preparing
from loranb.plan import PlannedImage
from loranb.settings import DatasetSettings
from loranb.training.latents import EncodedEachTime, LatentCache, Moments, MomentsOf, cacheable


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
    moments = yield from encode_once(images, LatentCache(folder, vae, dataset))
    vae.to("cpu")
    return lambda batch: [moments[place] for place in batch.images]


def encode_once(images: Sequence[PlannedImage], cache: LatentCache) -> Generator[Event, None, list[Moments]]:
    """Encode pictures, or read what is kept of them; in their order."""
    found: dict[int, Moments] = {}
    for place, moments in cache.encode(images):
        found[place] = moments
        yield Preparing("pictures", len(found), len(images))
    return [found[place] for place in range(len(images))]
