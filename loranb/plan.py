"""What a training run will be, computed from settings and pictures; nothing is run.

The counts follow kohya's trainer: the last batch of a bucket is short, never dropped, so the steps
of an epoch depend on the buckets and not only on the number of pictures.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from loranb.dataset.buckets import Fit, Size, fit
from loranb.dataset.held_out import split
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
    items: int  # pictures shown in an epoch: images times their repeats, and regularisation pictures
    batches: int
    regularisation: int = 0  # of the items


@dataclass(frozen=True)
class SubjectPlan:
    """What is shown of one subject; `share` is that of all showings, regularisation pictures left out."""

    folder: str
    images: int
    repeats: int
    items: int
    share: float


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
    regularisation: tuple[PlannedImage, ...] = ()
    held_out: tuple[PlannedImage, ...] = ()  # not trained on: validated with

    @property
    def items(self) -> int:
        """Pictures shown in an epoch: images times repeats, without regularisation pictures."""
        return sum(bucket.items - bucket.regularisation for bucket in self.buckets)

    @property
    def regularisation_items(self) -> int:
        """Regularisation pictures shown in an epoch."""
        return sum(bucket.regularisation for bucket in self.buckets)

    @cached_property
    def shown(self) -> tuple[PlannedImage, ...]:
        """All pictures, those for regularisation behind the others."""
        return self.images + self.regularisation

    @property
    def captions(self) -> tuple[str, ...]:
        """What is written of the pictures, in their order."""
        return tuple(planned.image.caption for planned in self.images)

    @property
    def subjects(self) -> tuple[SubjectPlan, ...]:
        """The subjects, by their folders."""
        members: dict[str, list[TrainingImage]] = {}
        for planned in self.images:
            members.setdefault(planned.image.folder, []).append(planned.image)
        total = sum(image.repeats for images in members.values() for image in images)
        return tuple(
            SubjectPlan(folder, len(images), images[0].repeats, items, items / total)
            for folder, images in sorted(members.items())
            if (items := sum(image.repeats for image in images))
        )

    def cropped(self) -> dict[Size, float]:
        """Return the share of their area that pictures lose to the cut, on average, by bucket."""
        lost: dict[Size, list[float]] = {}
        for planned in self.shown:
            (width, height), (wide, high) = planned.fit.bucket, planned.fit.resized
            lost.setdefault(planned.fit.bucket, []).append(1 - width * height / (wide * high))
        return {size: sum(shares) / len(shares) for size, shares in lost.items()}

    def sentence(self) -> str:
        """Say it in one line, with the arithmetic: images, repeats, batch, epochs, steps."""
        accumulated = f", {self.gradient_accumulation} added up" if self.gradient_accumulation > 1 else ""
        reg = f" and as many of {len(self.regularisation)} regularisation pictures" if self.regularisation else ""
        per_epoch = f"{self.items} pictures an epoch{reg} in batches of {self.batch_size}{accumulated}"
        cut = ", the last cut short" if self.steps < self.epochs * self.steps_per_epoch else ""
        return (
            f"{len(self.images)} pictures, with repeats {per_epoch}: {self.steps_per_epoch} steps an epoch, "
            f"{self.epochs} epochs{cut}: {self.steps} steps."
        )


def plan(settings: Settings, images: Sequence[TrainingImage]) -> Plan:
    """Compute buckets, steps and epochs.

    Raises:
        DatasetError: there are no pictures to train on.
    """
    if all(image.regularisation for image in images):
        raise DatasetError(
            "There are no pictures to train on. Add some to a folder named N_subject class inside img, "
            "for example with `loranb add` or the first notebook."
        )
    with_regularisation = settings.dataset.regularisation
    used = [image for image in images if with_regularisation or not image.regularisation]
    trained, held_out = split(used, settings.validation.share, settings.validation.seed)
    planned, kept_back = (
        tuple(PlannedImage(image, fit(image.size, settings.dataset)) for image in some) for some in (trained, held_out)
    )
    length = settings.length
    buckets = _buckets(planned, length.batch_size)
    batches = sum(bucket.batches for bucket in buckets)
    per_epoch = math.ceil(batches / length.gradient_accumulation)
    steps = length.steps or length.epochs * per_epoch
    return Plan(
        images=tuple(p for p in planned if not p.image.regularisation),
        buckets=buckets,
        batch_size=length.batch_size,
        gradient_accumulation=length.gradient_accumulation,
        batches_per_epoch=batches,
        steps_per_epoch=per_epoch,
        epochs=math.ceil(steps / per_epoch),
        steps=steps,
        regularisation=tuple(p for p in planned if p.image.regularisation),
        held_out=kept_back,
    )


def whole_steps(value: float, steps: int) -> int:
    """Turn a share of a run's steps (below 1) or a number of them (from 1 on) into steps of a run of `steps`."""
    return min(steps, round(value * steps) if value < 1 else int(value))


def _buckets(planned: Sequence[PlannedImage], batch_size: int) -> tuple[BucketPlan, ...]:
    """Sort pictures into buckets. As many regularisation pictures as others are shown, as in kohya's trainer."""
    sizes = sorted({p.fit.bucket for p in planned})
    items, regularisation = Counter[Size](), Counter[Size]()
    for p in planned:
        (regularisation if p.image.regularisation else items)[p.fit.bucket] += p.image.repeats
    images = Counter(p.fit.bucket for p in planned if not p.image.regularisation)
    of_them = apportion(items.total(), [regularisation[size] for size in sizes])
    return tuple(
        BucketPlan(size, images[size], items[size] + reg, math.ceil((items[size] + reg) / batch_size), reg)
        for size, reg in zip(sizes, of_them, strict=True)
        if items[size] + reg
    )


def apportion(seats: int, votes: Sequence[int]) -> list[int]:
    """Share out whole numbers in proportion, by largest remainders; all 0 where nobody has a vote."""
    total = sum(votes)
    if not total:
        return [0] * len(votes)
    given = [seats * part // total for part in votes]
    remainders = sorted(range(len(votes)), key=lambda i: -(seats * votes[i] % total))
    for i in remainders[: seats - sum(given)]:
        given[i] += 1
    return given
