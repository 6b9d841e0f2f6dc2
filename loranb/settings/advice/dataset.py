"""What is unwise about how pictures are shown."""

from collections.abc import Iterator

from loranb.settings import Settings
from loranb.settings.advice.advice import Advice


def about(settings: Settings) -> Iterator[Advice]:
    """Say what is unwise."""
    dataset = settings.dataset
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
