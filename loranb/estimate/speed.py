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


@dataclass(frozen=True)
class Speed:
    """What a machine did in a run: operations a second, samples and saving included."""

    device: str
    precision: str
    operations: float  # a second
    steps: int
    at: float  # Unix seconds


def speed_here(project: Project | None, precision: str) -> Speed | None:
    """Return the newest speed measured on this machine, with this precision before others; None before there is one.

    Args:
        project: whose runs are looked at; those of other projects are remembered.
        precision: "auto", or a number format.
    """
    measured = [speed for run in _runs(project) if (speed := _of_run(run, _size(run / "events.jsonl")))]
    known = remembered()
    if new := [speed for speed in measured if speed not in known]:
        _remember([*known, *new])
    mine = [speed for speed in {*known, *measured} if speed.device == device_name()]
    return max(mine, key=lambda speed: (speed.precision == precision, speed.at), default=None)


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
    operations = per_epoch(settings, horizon, base) / horizon.steps_per_epoch / seconds
    return Speed(device, began[-1].precision, operations, steps, began[-1].at)
