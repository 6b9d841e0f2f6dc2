"""Learning-rate schedules, as factors of the rate that was asked for.

The formulas are those of kohya's trainer and of transformers (``optimization.py``): linear warm-up
from nought, then the named course down to the last step. REX is that of Chen et al., "REX: Revisiting
Budgeted Training with an Improved Schedule" (arXiv:2107.04197).

Notation: t steps already taken, W steps of warm-up, T all steps, p = (t - W) / (T - W).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from loranb.plan import whole_steps
from loranb.settings import OptimizerSettings

POLYNOMIAL_END = 1e-7  # the learning rate at which transformers' polynomial schedule ends
TIMESCALE = 10_000  # of inverse_sqrt without a warm-up, as in transformers


@dataclass(frozen=True)
class Schedule:
    """One run's course of the learning rate.

    Args:
        name: one of `NAMES`.
        steps: all steps of the run, T.
        warmup: steps over which the rate rises, W.
        cycles: of the cosine schedules that have some.
        power: of the polynomial.
        floor: where cosine_with_min_lr and warmup_stable_decay end.
        decay: steps over which warmup_stable_decay goes down.
        timescale: of inverse_sqrt; None means W, or `TIMESCALE` without a warm-up.
        peak: the learning rate that factors are of; the polynomial ends at a rate and not at a factor.
    """

    name: str
    steps: int
    warmup: int = 0
    cycles: int = 1
    power: float = 1.0
    floor: float = 0.0
    decay: int = 0
    timescale: int | None = None
    peak: float = 1.0

    def factor(self, step: int) -> float:
        """Return what the learning rate is multiplied by when `step` steps have been taken."""
        if self.name != "constant" and step < self.warmup:
            rise = step / self.warmup
            return rise * (1 - self.floor) + self.floor if self.name == "warmup_stable_decay" else rise
        return _COURSES[self.name](self, step)

    def progress(self, step: int) -> float:
        """Return the share of the steps after the warm-up that have been taken, 0 to 1."""
        return min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))


def schedule_for(optimizer: OptimizerSettings, steps: int) -> Schedule:
    """Make the schedule that the settings ask for, for a run of so many steps."""
    return Schedule(
        name=optimizer.schedule,
        steps=steps,
        warmup=whole_steps(optimizer.warmup, steps),
        cycles=optimizer.schedule_cycles,
        power=optimizer.schedule_power,
        floor=optimizer.schedule_floor,
        decay=whole_steps(optimizer.schedule_decay, steps),
        timescale=optimizer.schedule_timescale,
        peak=optimizer.learning_rate,
    )


def _constant(_schedule: Schedule, _step: int) -> float:
    return 1.0


def _linear(schedule: Schedule, step: int) -> float:
    return max(0.0, 1 - schedule.progress(step))


def _cosine(schedule: Schedule, step: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * schedule.progress(step)))


def _cosine_with_restarts(schedule: Schedule, step: int) -> float:
    p = schedule.progress(step)
    return 0.0 if p >= 1 else 0.5 * (1 + math.cos(math.pi * ((schedule.cycles * p) % 1.0)))


def _cosine_with_min_lr(schedule: Schedule, step: int) -> float:
    wave = 0.5 * (1 + math.cos(math.pi * schedule.cycles * schedule.progress(step)))
    return wave * (1 - schedule.floor) + schedule.floor


def _polynomial(schedule: Schedule, step: int) -> float:
    end = min(1.0, POLYNOMIAL_END / schedule.peak)
    return (1 - end) * (1 - schedule.progress(step)) ** schedule.power + end


def _inverse_sqrt(schedule: Schedule, step: int) -> float:
    timescale = schedule.timescale or schedule.warmup or TIMESCALE
    return 1 / math.sqrt((step + timescale - schedule.warmup) / timescale)


def _rex(schedule: Schedule, step: int) -> float:
    p = schedule.progress(step)
    return (1 - p) / (0.5 + 0.5 * (1 - p))


def _warmup_stable_decay(schedule: Schedule, step: int) -> float:
    begins = max(schedule.warmup, schedule.steps - schedule.decay)
    if step < begins:
        return 1.0
    p = min(1.0, (step - begins) / max(1, schedule.steps - begins))
    return 0.5 * (1 + math.cos(math.pi * p)) * (1 - schedule.floor) + schedule.floor


_COURSES: dict[str, Callable[[Schedule, int], float]] = {
    "constant": _constant,
    "constant_with_warmup": _constant,
    "linear": _linear,
    "cosine": _cosine,
    "cosine_with_restarts": _cosine_with_restarts,
    "cosine_with_min_lr": _cosine_with_min_lr,
    "polynomial": _polynomial,
    "inverse_sqrt": _inverse_sqrt,
    "rex": _rex,
    "warmup_stable_decay": _warmup_stable_decay,
}
NAMES = tuple(_COURSES)
