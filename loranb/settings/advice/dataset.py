"""What is unwise about how pictures are shown."""

from collections.abc import Iterator

from loranb.settings import DatasetSettings, Settings
from loranb.settings.advice.advice import Advice


def about(settings: Settings) -> Iterator[Advice]:
    """Say what is unwise."""
    dataset = settings.dataset
    yield from _buckets(dataset)
    yield from _each_step(dataset)
    if dataset.regularisation and dataset.prior_loss_weight == 0:
        yield Advice(
            "dataset.prior_loss_weight = 0 shows regularisation pictures and learns nothing from them: half of the "
            "time is lost. Leave them aside instead.",
            {"dataset.regularisation": False},
        )


def _buckets(dataset: DatasetSettings) -> Iterator[Advice]:
    outside = not dataset.bucket_min <= dataset.resolution <= dataset.bucket_max
    if dataset.buckets and not dataset.no_upscale and outside:
        yield Advice(
            f"dataset.resolution = {dataset.resolution} lies outside the buckets ({dataset.bucket_min} to "
            f"{dataset.bucket_max}); the bounds are widened to include it.",
            {
                "dataset.bucket_min": min(dataset.bucket_min, dataset.resolution),
                "dataset.bucket_max": max(dataset.bucket_max, dataset.resolution),
            },
        )


def _each_step(dataset: DatasetSettings) -> Iterator[Advice]:
    """Pictures that differ from one showing to the next cannot be encoded once."""
    changing = [f"dataset.{name}" for name in ("random_crop", "colour") if getattr(dataset, name)]
    if changing and dataset.cache_latents:
        yield Advice(
            f"With {' and '.join(changing)} pictures differ from one showing to the next, so they are encoded at each "
            "step and not once: slower, and the VAE stays in the GPU's memory. Switch dataset.cache_latents off to "
            "say that you know, or leave the pictures as they are.",
            {"dataset.cache_latents": False},
        )
    if dataset.random_crop and dataset.no_upscale and dataset.buckets and dataset.bucket_step <= 64:
        yield Advice(
            "dataset.random_crop has little to choose from: in buckets that follow the pictures less than "
            f"{dataset.bucket_step} pixels of a side are cut off. It is for training without buckets.",
            {"dataset.random_crop": False},
        )
