"""Aspect-ratio buckets: pictures of like shape are trained together at the size that fits them.

The lists and the choice follow kohya's sd-scripts (``library/model_util.py`` and ``train_util.py``),
so that a picture lands in the same bucket as there. Sizes are (width, height) in pixels.
"""

import functools
import math
from typing import NamedTuple

from loranb.settings import DatasetSettings

Size = tuple[int, int]


class Fit(NamedTuple):
    """How a picture goes into its bucket: scaled to `resized`, then cut about its centre to `bucket`."""

    bucket: Size
    resized: Size

    @property
    def crop(self) -> tuple[int, int]:
        """Left and top of the cut, in the scaled picture."""
        return (self.resized[0] - self.bucket[0]) // 2, (self.resized[1] - self.bucket[1]) // 2


def bucket_list(resolution: int, smallest: int, largest: int, step: int) -> list[Size]:
    """List the bucket sizes of at most `resolution` squared pixels, in ascending order."""
    area = resolution * resolution
    side = resolution // step * step
    sizes = {(side, side)}
    width = smallest
    while width <= largest:
        height = min(largest, area // width // step * step)
        if height >= smallest:
            sizes |= {(width, height), (height, width)}
        width += step
    return sorted(sizes)


def fit(size: Size, dataset: DatasetSettings) -> Fit:
    """Choose a picture's bucket and the size it is scaled to first.

    Without buckets every picture is cut to a square; with ``no_upscale`` the bucket is found from
    the picture's own size; otherwise it is the one of the list whose ratio is nearest.
    """
    step = min(dataset.bucket_step, dataset.resolution)
    if not dataset.buckets:
        return _cover(size, (dataset.resolution, dataset.resolution))
    if dataset.no_upscale:
        return _fit_without_upscaling(size, dataset.resolution, step)
    smallest = min(dataset.bucket_min, dataset.resolution) // step * step or step
    largest = math.ceil(max(dataset.bucket_max, dataset.resolution) / step) * step
    return _cover(size, _nearest(size, dataset.resolution, smallest, largest, step))


@functools.lru_cache(maxsize=8192)
def _nearest(size: Size, resolution: int, smallest: int, largest: int, step: int) -> Size:
    """Choose the bucket of the list whose ratio is nearest; kept, since a form asks for all pictures at every key."""
    sizes = _listed(resolution, smallest, largest, step)
    ratio = size[0] / size[1]
    return size if size in sizes else min(sizes, key=lambda bucket: abs(bucket[0] / bucket[1] - ratio))


@functools.lru_cache(maxsize=64)
def _listed(resolution: int, smallest: int, largest: int, step: int) -> tuple[Size, ...]:
    return tuple(bucket_list(resolution, smallest, largest, step))


def _cover(size: Size, bucket: Size) -> Fit:
    """Scale a picture so that it covers its bucket."""
    scale = bucket[1] / size[1] if size[0] / size[1] > bucket[0] / bucket[1] else bucket[0] / size[0]
    return Fit(bucket, (_rounded(size[0] * scale), _rounded(size[1] * scale)))


def _fit_without_upscaling(size: Size, resolution: int, step: int) -> Fit:
    """Scale a picture that is too large to the area; cut each side down to a multiple of the step.

    A picture with a side shorter than the step (which kohya would give an empty bucket) is scaled
    up until that side is one step long.
    """
    width, height = size
    resized = size
    if width * height > resolution * resolution:
        resized = _scaled_to_area(size, resolution, step)
    if min(resized) < step:
        bucket = (max(step, resized[0] // step * step), max(step, resized[1] // step * step))
        return _cover(size, bucket)
    return Fit((resized[0] // step * step, resized[1] // step * step), resized)


def _scaled_to_area(size: Size, resolution: int, step: int) -> Size:
    """Of two ways to scale a picture to the area, fixing either side to a multiple of the step, take the truer."""
    ratio = size[0] / size[1]
    wide = math.sqrt(resolution * resolution * ratio)
    high = resolution * resolution / wide
    by_width = _rounded(wide) // step * step
    by_height = _rounded(high) // step * step
    if not by_width or not by_height:  # longer than any bucket: keep the shorter side at one step
        return (step, _rounded(step / ratio)) if ratio < 1 else (_rounded(step * ratio), step)
    height_of = _rounded(by_width / ratio)
    width_of = _rounded(by_height * ratio)
    error_by_width = abs(by_width / max(1, height_of // step * step) - ratio)
    error_by_height = abs(max(1, width_of // step * step) / by_height - ratio)
    return (by_width, height_of) if error_by_width < error_by_height else (width_of, by_height)


def _rounded(value: float) -> int:
    """Round half up, as kohya does."""
    return int(value + 0.5)
