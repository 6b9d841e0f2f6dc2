"""What is unwise about how long is trained, and on how much at once."""

import math
from collections.abc import Iterator
from fractions import Fraction

from loranb.settings import Settings
from loranb.settings.advice.advice import Advice, Horizon

# How often a picture is shown in all. A common guide to SDXL avatars takes 10 pictures, 20 repeats and 20 epochs: 400
# times; one to faces 50 to 100 pictures and 100 epochs: 100 times.
USUAL, MANY = 100, 400
MOST = 500  # from here on it is said; ours, a quarter above the most that a guide gives
LONG = 3000  # steps; fewer are not called too many however few the pictures
LEAST = 30  # ours: fewer leave hardly a trace at the usual rates
SHORT = 500  # steps; more are not called too few however many the pictures
SHORT_BATCHES = Fraction(1, 10)  # of all batches, from which on a smaller batch is worth a thought


def about(settings: Settings) -> Iterator[Advice]:
    """Say what is unwise, whatever the pictures."""
    epochs, saving = settings.length.epochs, settings.saving
    if settings.length.steps is None and 1 < epochs < saving.every_epochs:
        yield Advice(
            f"saving.every_epochs = {saving.every_epochs} with length.epochs = {epochs}: only the end is saved, so "
            "there is no earlier LoRA to go back to if it was trained for too long.",
            {"saving.every_epochs": math.ceil(epochs / 10)},
        )


def of_run(settings: Settings, plan: Horizon) -> Iterator[Advice]:
    """Say what is unwise for the pictures that there are."""
    yield from _short_batches(settings, plan)
    yield from _warmup(settings, plan)
    if settings.model.base != "demo":
        yield from _times_shown(settings, plan)


def _times_shown(settings: Settings, plan: Horizon) -> Iterator[Advice]:
    pictures = len(plan.images)
    times = plan.steps / plan.steps_per_epoch * plan.items / pictures
    said = f"{plan.steps:,} steps show each of {pictures:,} pictures {times:,.0f} times"
    if times > MOST and plan.steps > LONG:
        yield Advice(
            f"{said}; guides stay between {USUAL} and {MANY}. Trained for longer, a LoRA draws your pictures and "
            "nothing else. Take fewer epochs, or add pictures.",
            _epochs(settings, plan, MANY / times),
        )
    elif times < LEAST and plan.steps < SHORT:
        yield Advice(
            f"{said}, which will hardly leave a trace; guides stay between {USUAL} and {MANY}. Take more epochs, or "
            "more repeats.",
            _epochs(settings, plan, USUAL / times),
        )


def _epochs(settings: Settings, plan: Horizon, factor: float) -> dict[str, int | None]:
    epochs = max(1, round(plan.steps / plan.steps_per_epoch * factor))
    return {"length.epochs": epochs} | ({"length.steps": None} if settings.length.steps is not None else {})


def _short_batches(settings: Settings, plan: Horizon) -> Iterator[Advice]:
    """Buckets are trained apart, and the last batch of each is what is left of it."""
    size = settings.length.batch_size
    short, batches = _count(plan, size)
    if size == 1 or short <= SHORT_BATCHES * batches:
        return
    smaller_ones = range(size, max(1, size // 2 - 1), -1)  # below half, it would be another run
    better = min(smaller_ones, key=lambda smaller: Fraction(*_count(plan, smaller)))
    left, of = _count(plan, better)
    helps = Fraction(left, of) <= Fraction(short, batches) / 2
    smaller = f"With {better}, {left or 'none'} of {of:,} would be short. " if helps else ""
    yield Advice(
        f"length.batch_size = {size} does not divide the pictures: {short:,} of {batches:,} batches of an epoch are "
        f"short, and the pictures in them count for more. {smaller}"
        "Fewer buckets help too: a larger dataset.bucket_step, or pictures of like shape.",
        {"length.batch_size": better} if helps else {},
    )


def _count(plan: Horizon, size: int) -> tuple[int, int]:
    """Count the short batches of an epoch, and all of them."""
    items = [bucket.items for bucket in plan.buckets]
    return sum(bool(n % size) for n in items), sum(math.ceil(n / size) for n in items)


def _warmup(settings: Settings, plan: Horizon) -> Iterator[Advice]:
    optimizer = settings.optimizer
    if optimizer.schedule != "constant" and optimizer.warmup >= 1 and optimizer.warmup * 2 > plan.steps:
        yield Advice(
            f"optimizer.warmup = {optimizer.warmup:g} steps of {plan.steps:,} in all: the learning rate rises for "
            "more than half of the run. A share such as 0.05 follows the length.",
            {"optimizer.warmup": 0.05},
        )
