"""What is to be said of a set of pictures as a whole: how they fill batches and buckets, and what is left out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from loranb.dataset import folders
from loranb.dataset.folders import Subject
from loranb.dataset.health.findings import Finding
from loranb.dataset.training_set import TrainingImage
from loranb.plan import BucketPlan, Plan, plan
from loranb.settings import Settings

UNBALANCED = 1.5  # times that one subject is shown more often than another (assumed)


def of_plan(settings: Settings, images: Sequence[TrainingImage]) -> Iterator[Finding]:
    """Say how the pictures fill batches and buckets.

    Args:
        settings: of the run.
        images: all that can be trained on.
    """
    if not images:
        yield Finding("no_pictures", "error", "no picture can be trained on")
        return
    horizon = plan(settings, images)
    yield from _remainder(horizon)
    yield from _alone(horizon)


def of_subjects(shown: Mapping[Subject, int]) -> Iterator[Finding]:
    """Say whether subjects are shown about equally often.

    Args:
        shown: how many pictures of each can be used.
    """
    times = {subject: count * subject.repeats for subject, count in shown.items() if count}
    if len(times) < 2 or max(times.values()) < UNBALANCED * min(times.values()):
        return
    largest = max(times, key=lambda subject: times[subject])
    suggested = folders.suggest_repeats({subject: shown[subject] for subject in times}, largest.repeats)
    each = ", ".join(
        f"{subject.words} {count} times ({suggested[subject]} repeats would even it out)"
        for subject, count in sorted(times.items(), key=lambda item: -item[1])
    )
    yield Finding("unbalanced", "warning", f"an epoch shows {each}")


def of_folder(img: Path) -> Iterator[Finding]:
    """Say what in the folder of pictures is left out."""
    for said in folders.ignored(img):
        yield Finding("ignored", "warning", said.rstrip("."))


def _remainder(horizon: Plan) -> Iterator[Finding]:
    """Say it where batches are short: the guides ask for a batch size that divides the pictures."""
    size = horizon.batch_size
    short = [bucket for bucket in horizon.buckets if bucket.items % size]
    if not short:
        return
    detail = (
        f"{len(short)} of {horizon.batches_per_epoch} batches of an epoch hold fewer than {size} pictures "
        f"({', '.join(f'{_size(bucket)}: {bucket.items} pictures' for bucket in short[:4])}"
        f"{', ...' if len(short) > 4 else ''})"
    )
    common = math.gcd(*(bucket.items for bucket in horizon.buckets))
    fitting = max(divisor for divisor in range(1, size + 1) if common % divisor == 0)
    if fitting > 1:
        detail += f"; a batch size of {fitting} would come out even"
    yield Finding("batch_remainder", "warning", detail)


def _alone(horizon: Plan) -> Iterator[Finding]:
    alone = {bucket.size for bucket in horizon.buckets if bucket.images == 1}
    pictures = tuple(p.image.path for p in horizon.images if p.fit.bucket in alone)
    if not pictures or len(horizon.images) == 1:
        return
    harmless = ", which does no harm with a batch size of 1" if horizon.batch_size == 1 else ""
    named = ", ".join(path.name for path in pictures[:4]) + (", ..." if len(pictures) > 4 else "")
    detail = f"{len(pictures)} of {len(horizon.images)} pictures: {named}{harmless}"
    yield Finding("bucket_single", "info" if harmless else "warning", detail, pictures)


def _size(bucket: BucketPlan) -> str:
    return "{} x {}".format(*bucket.size)
