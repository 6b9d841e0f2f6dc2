"""How fast this machine has trained so far, from the events of earlier runs; remembered for other projects."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from loranb.base_models import cache_home
from loranb.errors import LoranbError
from loranb.estimate.bases import base_of
from loranb.estimate.gpus import here
from loranb.estimate.work import per_epoch
from loranb.events import Event, Started, Step, read_events
from loranb.files import write_text
from loranb.plan import plan
from loranb.project import Project

WARM = 3  # first steps that are slower than the others
LEAST = 5  # steps that a speed is taken from
LATEST = 5  # runs that are looked at
KEPT = 20  # speeds in the file
ALIKE = 10  # times as much or as little in a step: beyond, what surrounds the arithmetic counts differently; assumed


@dataclass(frozen=True)
class Speed:
    """What a machine did in a run: operations a second, samples and saving included."""

    device: str
    precision: str
    operations: float  # a second
    per_step: float  # operations
    steps: int
    at: float  # Unix seconds


def speeds_here(project: Project | None) -> tuple[Speed, ...]:
    """List the speeds measured on this machine so far.

    Args:
        project: whose runs are looked at; those of other projects are remembered.
    """
    measured = [speed for run in _runs(project) if (speed := _of_run(run, _size(run / "events.jsonl")))]
    known = remembered()
    if new := [speed for speed in measured if speed not in known]:
        _remember([*known, *new])
    return tuple(speed for speed in {*known, *measured} if speed.device == device_name())


def speed_for(speeds: Sequence[Speed], precision: str, per_step: float) -> Speed | None:
    """Return the newest speed of runs with steps of like size, with this precision before others; None without one.

    Args:
        speeds: of this machine.
        precision: "auto", or a number format.
        per_step: operations of a step.
    """
    alike = [speed for speed in speeds if speed.per_step / ALIKE <= per_step <= speed.per_step * ALIKE]
    return max(alike, key=lambda speed: (speed.precision == precision, speed.at), default=None)


def device_name() -> str:
    """Name what this machine trains on, as `Started` does."""
    gpu = here()
    return gpu.name if gpu else "cpu"


def seconds_per_step(events: Sequence[Event]) -> tuple[float, int]:
    """Return the mean seconds of a step in the last sitting of a run, and of how many; nought where there are few."""
    steps: list[Step] = []
    for event in events:
        if isinstance(event, Started):
            steps = []
        elif isinstance(event, Step):
            steps.append(event)
    steps = steps[WARM:]
    if len(steps) < LEAST:
        return 0.0, 0
    return (steps[-1].seconds - steps[0].seconds) / (len(steps) - 1), len(steps) - 1


def remembered() -> list[Speed]:
    """Read what was measured on this machine before, in any project."""
    try:
        return [Speed(**values) for values in json.loads(_file().read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _remember(speeds: Sequence[Speed]) -> None:
    newest = sorted(speeds, key=lambda speed: speed.at)[-KEPT:]
    try:
        write_text(_file(), json.dumps([asdict(speed) for speed in newest], indent=1))
    except OSError:  # a home that cannot be written; the runs themselves are still there
        return


def _file() -> Path:
    return cache_home() / "speed.json"


def _runs(project: Project | None) -> list[Path]:
    return project.runs()[-LATEST:] if project else []


def _size(events: Path) -> int:
    return events.stat().st_size if events.exists() else 0


@lru_cache(maxsize=64)
def _of_run(folder: Path, size: int) -> Speed | None:
    """Measure one run; looked at anew when its events have grown."""
    from loranb.training.run import Run

    if not size:
        return None
    try:
        run = Run(folder)
        settings, images = run.settings(), run.images()
        events, _ = read_events(run.events_file)
        base, horizon = base_of(settings.model.base, settings.model.family), plan(settings, images)
    except (LoranbError, OSError):
        return None
    seconds, steps = seconds_per_step(events)
    began = [event for event in events if isinstance(event, Started)]
    if base is None or not seconds or not began:
        return None
    device = began[-1].gpu or began[-1].device
    per_step = per_epoch(settings, horizon, base) / horizon.steps_per_epoch
    return Speed(device, began[-1].precision, per_step / seconds, per_step, steps, began[-1].at)
