"""Which pictures make up each batch: the same for the same seed, whatever happened before.

Every choice is drawn from (seed, epoch) or (seed, step) alone. So a run that goes on after a stop
sees exactly what it would have seen without it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from loranb.plan import Plan
from loranb.settings import Settings
from loranb.training.caption_treatment import treated


@dataclass(frozen=True)
class Batch:
    """Pictures of one size, shown together."""

    images: tuple[int, ...]  # places in the plan's list of images
    captions: tuple[str, ...]
    mirrored: tuple[bool, ...]
    seed: int  # of the noise and the timesteps


def epoch_steps(plan: Plan, settings: Settings, first: int) -> Iterator[tuple[int, list[Batch], bool]]:
    """Go through the steps of a run from step `first` on, without end.

    Yields:
        The epoch, from 1; the batches that are added up in the step; whether it closes the epoch.
    """
    for epoch in itertools.count(first // plan.steps_per_epoch + 1):
        batches = list(_showings(plan, settings, epoch))
        steps = [
            batches[start : start + plan.gradient_accumulation]
            for start in range(0, len(batches), plan.gradient_accumulation)
        ]
        done = first % plan.steps_per_epoch if epoch == first // plan.steps_per_epoch + 1 else 0
        for number in range(done, len(steps)):
            yield epoch, steps[number], number == len(steps) - 1


def all_captions(plan: Plan, settings: Settings) -> set[str]:
    """Collect every caption that a run will show, treatment included."""
    return {
        caption
        for epoch in range(1, plan.epochs + 1)
        for batch in _showings(plan, settings, epoch)
        for caption in batch.captions
    }


def _showings(plan: Plan, settings: Settings, epoch: int) -> Iterator[Batch]:
    seed = settings.length.seed
    for number, images in enumerate(epoch_batches(plan, seed, epoch)):
        random = Random(f"{seed} epoch {epoch} batch {number}")
        captions = tuple(treated(plan.images[i].image.caption, settings.captions, random) for i in images)
        mirrored = tuple(settings.dataset.flip and random.random() < 0.5 for _ in images)
        yield Batch(images, captions, mirrored, random.getrandbits(62))


def epoch_batches(plan: Plan, seed: int, epoch: int) -> list[tuple[int, ...]]:
    """Sort an epoch's pictures into batches; each is a list of places in the plan's images.

    As in kohya's trainer: a bucket's pictures are shuffled, cut into batches of which the last may
    be short, and the batches of all buckets are shuffled.
    """
    random = Random(f"{seed} epoch {epoch}")
    batches: list[tuple[int, ...]] = []
    for bucket in plan.buckets:
        items = [
            place
            for place, planned in enumerate(plan.images)
            if planned.fit.bucket == bucket.size
            for _ in range(planned.image.repeats)
        ]
        random.shuffle(items)
        batches += [tuple(items[at : at + plan.batch_size]) for at in range(0, len(items), plan.batch_size)]
    random.shuffle(batches)
    return batches
