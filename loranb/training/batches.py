"""Which pictures make up each batch: the same for the same seed, whatever happened before.

Every choice is drawn from (seed, epoch) or (seed, epoch, place in it) alone. So a run that goes on after a
stop sees exactly what it would have seen without it, and an option that is switched on changes no draw of
another one.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from loranb.dataset.augmentation import Colour, Look, draw_colour, draw_crop
from loranb.plan import BucketPlan, Plan, PlannedImage
from loranb.settings import DatasetSettings, Settings
from loranb.training.caption_treatment import When, settled, treated, varies


@dataclass(frozen=True)
class Batch:
    """Pictures of one size, shown together."""

    images: tuple[int, ...]  # places among the pictures that the plan shows
    captions: tuple[str, ...]
    mirrored: tuple[bool, ...]
    seed: int  # of the noise and the timesteps
    looks: tuple[Look, ...] = ()  # how each is cut and coloured; none where all are as they are, cut about the centre


def epoch_steps(plan: Plan, settings: Settings, first: int) -> Iterator[tuple[int, list[Batch], bool]]:
    """Go through the steps of a run from step `first` on, without end.

    Yields:
        The epoch, from 1; the batches that are added up in the step; whether it closes the epoch.
    """
    for epoch in itertools.count(first // plan.steps_per_epoch + 1):
        batches, size = epoch_batches(plan, settings.length.seed, epoch), plan.gradient_accumulation
        done = first % plan.steps_per_epoch if epoch == first // plan.steps_per_epoch + 1 else 0
        for start in range(done * size, len(batches), size):
            numbers = range(start, min(start + size, len(batches)))
            shown = [_showing(plan, settings, epoch, number, batches[number]) for number in numbers]
            yield epoch, shown, start + size >= len(batches)


def all_captions(plan: Plan, settings: Settings, most: int) -> set[str] | None:
    """Collect every caption that a run shows, treatment included; None where there are more than `most`."""
    found = {settled(planned.image.wording, settings.captions) for planned in plan.held_out}
    if not varies(settings.captions):  # as it is, or not at all: no need to go through the run
        once = settings.captions.model_copy(update={"dropout": 0.0, "dropout_every_epochs": 0})
        found |= {treated(planned.image.wording, once, Random(0)) for planned in plan.shown}
        found |= {""} if once != settings.captions else set()
        return found if len(found) <= most else None
    for epoch in range(1, plan.epochs + 1):
        for number, images in enumerate(epoch_batches(plan, settings.length.seed, epoch)):
            found.update(_showing(plan, settings, epoch, number, images).captions)
            if len(found) > most:
                return None
    return found


def _showing(plan: Plan, settings: Settings, epoch: int, number: int, images: tuple[int, ...]) -> Batch:
    """Draw how the pictures of an epoch's batch are shown."""
    said = f"{settings.length.seed} epoch {epoch} batch {number}"
    random = Random(said)
    when = When(epoch, (epoch - 1) * plan.steps_per_epoch + number // plan.gradient_accumulation, plan.steps)
    return Batch(
        images,
        captions=tuple(
            treated(plan.shown[i].image.wording, settings.captions, Random(f"{said} caption {place}"), when)
            for place, i in enumerate(images)
        ),
        mirrored=tuple(random.random() < 0.5 and settings.dataset.flip for _ in images),
        seed=random.getrandbits(62),
        looks=_looks(plan, settings.dataset, images, said),
    )


def _looks(plan: Plan, dataset: DatasetSettings, images: tuple[int, ...], said: str) -> tuple[Look, ...]:
    """Draw how pictures are cut and coloured this time, where that changes."""
    if not dataset.random_crop and not dataset.colour:
        return ()
    fits = [plan.shown[image].fit for image in images]
    return tuple(
        Look(
            draw_crop(fit, Random(f"{said} crop {place}")) if dataset.random_crop else fit.crop,
            draw_colour(Random(f"{said} colour {place}")) if dataset.colour else Colour(),
        )
        for place, fit in enumerate(fits)
    )


def epoch_batches(plan: Plan, seed: int, epoch: int) -> list[tuple[int, ...]]:
    """Sort an epoch's pictures into batches; each is a list of places among those that the plan shows.

    As in kohya's trainer: a bucket's pictures are shuffled, cut into batches of which the last may
    be short, and the batches of all buckets are shuffled.
    """
    random = Random(f"{seed} epoch {epoch}")
    batches: list[tuple[int, ...]] = []
    for bucket in plan.buckets:
        items = [place for place, planned in _of(bucket, plan) for _ in range(planned.image.repeats)]
        items += _regularisation(bucket, plan, seed, epoch)
        random.shuffle(items)
        batches += [tuple(items[at : at + plan.batch_size]) for at in range(0, len(items), plan.batch_size)]
    random.shuffle(batches)
    return batches


def _of(bucket: BucketPlan, plan: Plan, regularisation: bool = False) -> list[tuple[int, PlannedImage]]:
    """List a bucket's pictures of one kind, with their places."""
    return [
        (place, planned)
        for place, planned in enumerate(plan.shown)
        if planned.fit.bucket == bucket.size and planned.image.regularisation == regularisation
    ]


def _regularisation(bucket: BucketPlan, plan: Plan, seed: int, epoch: int) -> list[int]:
    """Choose an epoch's regularisation pictures of a bucket: where the last epoch left off, round and round.

    So each is shown equally often, but for one time at most; kohya's trainer shows the first ones only.
    """
    if not bucket.regularisation:
        return []
    order = [place for place, planned in _of(bucket, plan, True) for _ in range(planned.image.repeats)]
    Random(f"{seed} regularisation {bucket.size}").shuffle(order)
    first = (epoch - 1) * bucket.regularisation
    return [order[number % len(order)] for number in range(first, first + bucket.regularisation)]
