"""What a training run will be, computed from settings and pictures; nothing is run.

The counts follow kohya's trainer: the last batch of a bucket is short, never dropped, so the steps
of an epoch depend on the buckets and not only on the number of pictures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loranb.dataset.buckets import Fit, Size, fit
from loranb.dataset.training_set import TrainingImage
from loranb.errors import DatasetError
from loranb.settings import Settings


@dataclass(frozen=True)
class PlannedImage:
    """A picture, and how it goes into its bucket."""

    image: TrainingImage
    fit: Fit


@dataclass(frozen=True)
class BucketPlan:
    """The pictures trained at one size."""

    size: Size
    images: int
    items: int  # images times their repeats
    batches: int


@dataclass(frozen=True)
class Plan:
    """The horizon of a run."""

    images: tuple[PlannedImage, ...]
    buckets: tuple[BucketPlan, ...]
    batch_size: int
    gradient_accumulation: int
    batches_per_epoch: int
    steps_per_epoch: int
    epochs: int
    steps: int

    @property
    def items(self) -> int:
        """Pictures shown in an epoch: images times repeats."""
        return sum(bucket.items for bucket in self.buckets)

    @property
    def captions(self) -> tuple[str, ...]:
        """What is written of the pictures, in their order."""
        return tuple(planned.image.caption for planned in self.images)

    def sentence(self) -> str:
        """Say it in one line, with the arithmetic: images, repeats, batch, epochs, steps."""
        accumulated = f", {self.gradient_accumulation} added up" if self.gradient_accumulation > 1 else ""
        per_epoch = f"{self.items} pictures an epoch in batches of {self.batch_size}{accumulated}"
        cut = ", the last cut short" if self.steps < self.epochs * self.steps_per_epoch else ""
        return (
            f"{len(self.images)} pictures, with repeats {per_epoch}: {self.steps_per_epoch} steps an epoch, "
            f"{self.epochs} epochs{cut}: {self.steps} steps."
        )


def plan(settings: Settings, images: Sequence[TrainingImage]) -> Plan:
    """Compute buckets, steps and epochs.

    Raises:
        DatasetError: there are no pictures.
    """
    if not images:
        raise DatasetError(
            "There are no pictures to train on. Add some to a folder named N_subject class inside img, "
            "for example with `loranb add` or the first notebook."
        )
    planned = tuple(PlannedImage(image, fit(image.size, settings.dataset)) for image in images)
    length = settings.length
    buckets = tuple(_bucket(size, planned, length.batch_size) for size in sorted({p.fit.bucket for p in planned}))
    batches = sum(bucket.batches for bucket in buckets)
    per_epoch = math.ceil(batches / length.gradient_accumulation)
    steps = length.steps or length.epochs * per_epoch
    return Plan(
        images=planned,
        buckets=buckets,
        batch_size=length.batch_size,
        gradient_accumulation=length.gradient_accumulation,
        batches_per_epoch=batches,
        steps_per_epoch=per_epoch,
        epochs=math.ceil(steps / per_epoch),
        steps=steps,
    )


def whole_steps(value: float, steps: int) -> int:
    """Turn a share of a run's steps (below 1) or a number of them (from 1 on) into steps of a run of `steps`."""
    return min(steps, round(value * steps) if value < 1 else int(value))


def _bucket(size: Size, planned: Sequence[PlannedImage], batch_size: int) -> BucketPlan:
    members = [p.image for p in planned if p.fit.bucket == size]
    items = sum(image.repeats for image in members)
    return BucketPlan(size, len(members), items, math.ceil(items / batch_size))
