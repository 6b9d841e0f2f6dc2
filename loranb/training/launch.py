"""Run training as a process of its own.

GPU memory is freed for certain when it ends, running out of memory does not take the notebook
along, and a closed browser or a restarted kernel changes nothing: whoever wants to look reads the
run's events.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psutil

from loranb.errors import TrainingError
from loranb.events import Ended, Event, Preparing, read_events
from loranb.files import write_text
from loranb.training.run import Run

IDENTITY = "process.json"
QUIET = 120  # seconds without an event after which a run on another machine counts as gone (assumed)
POLL = 0.2  # seconds between two looks at the events


def start(run: Run) -> int:
    """Start training, or go on with a run that stopped; returns the process id.

    Raises:
        TrainingError: it is running already.
    """
    if is_running(run):
        raise TrainingError(f"{run.name} is being trained already. Watch it, or stop it first.")
    run.stop_file.unlink(missing_ok=True)
    run.record(Preparing("trainer", 0, 1))  # so that the end of an earlier part is not taken for this one's
    with run.log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "loranb.training", str(run.folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # an interrupt or restart of the kernel does not reach it
        )
    # A process id is used again some day; with the machine and the time it began it is unique.
    began = psutil.Process(process.pid).create_time()
    identity = {"pid": process.pid, "began": began, "host": platform.node()}
    write_text(run.folder / IDENTITY, json.dumps(identity))
    _children.append(process)
    return process.pid


_children: list[subprocess.Popen[bytes]] = []  # kept so that an ended child can be reaped


def is_running(run: Run) -> bool:
    """Whether the run's process is alive."""
    for child in _children:
        child.poll()
    identity = _identity(run)
    if identity is None:
        return False
    if identity["host"] != platform.node():  # on a shared folder, such as Drive: only its events can be seen
        return time.time() - run.events_file.stat().st_mtime < QUIET and run.ended() is None
    try:
        process = psutil.Process(identity["pid"])
        same = abs(process.create_time() - identity["began"]) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _identity(run: Run) -> dict[str, Any] | None:
    file = run.folder / IDENTITY
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def stop(run: Run) -> None:
    """Ask a run to stop: it saves the LoRA and its state, and leaves."""
    run.stop_file.touch()


def follow(run: Run, start_at: int = 0) -> Iterator[Event | None]:
    """Give a run's events as they come, from byte `start_at` of its file, until it ends.

    Yields:
        Events; None whenever there is nothing new, so that a view can redraw or look at a clock.
        A process that is gone without a word gives an `Ended` of its own.
    """
    position, last = start_at, None
    while True:
        alive = is_running(run)  # asked before reading: what a process wrote before it ended is read
        events, position = read_events(run.events_file, position)
        yield from events
        last = events[-1] if events else last
        if not alive:
            if not isinstance(last, Ended):
                yield _unsaid_end(run)
            return
        if not events:
            yield None
            time.sleep(POLL)


def _unsaid_end(run: Run) -> Event:
    """Say what became of a run whose process is gone without a word; written down only where it ran."""
    identity, step = _identity(run), _last_step(run)
    if identity is None:
        return Ended("failed", step, f"{run.name} has not been started.")
    if identity["host"] != platform.node():
        why = f"Nothing was heard of {identity['host']}, where it runs, for {QUIET} seconds."
        return Ended("failed", step, why)
    return run.record(Ended("failed", step, f"The training process ended without a word. {_tail(run)}"))


def _last_step(run: Run) -> int:
    return max((getattr(event, "step", 0) for event in run.events()), default=0)


def _tail(run: Run) -> str:
    if not run.log_file.exists():
        return ""
    lines = run.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"The last line of {run.log_file.name} is: {lines[-1]}" if lines else ""
