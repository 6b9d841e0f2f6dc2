"""Run training as a process of its own.

GPU memory is freed for certain when it ends, running out of memory does not take the notebook
along, and a closed browser or a restarted kernel changes nothing: whoever wants to look reads the
run's events.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from loranb.errors import TrainingError
from loranb.events import Ended, Event, Preparing, read_events
from loranb.files import write_text
from loranb.training.run import Run

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
    # A process id is used again some day; with the time it began it is unique.
    identity = {"pid": process.pid, "began": psutil.Process(process.pid).create_time()}
    write_text(run.folder / "process.json", json.dumps(identity))
    _children.append(process)
    return process.pid


_children: list[subprocess.Popen[bytes]] = []  # kept so that an ended child can be reaped


def is_running(run: Run) -> bool:
    """Whether the run's process is alive."""
    for child in _children:
        child.poll()
    file = run.folder / "process.json"
    if not file.exists():
        return False
    identity = json.loads(file.read_text(encoding="utf-8"))
    try:
        process = psutil.Process(identity["pid"])
        same = abs(process.create_time() - identity["began"]) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
                why = f"The training process ended without a word. {_tail(run)}"
                yield run.record(Ended("failed", _last_step(run), why))
            return
        if not events:
            yield None
            time.sleep(POLL)


def _last_step(run: Run) -> int:
    return max((getattr(event, "step", 0) for event in run.events()), default=0)


def _tail(run: Run) -> str:
    if not run.log_file.exists():
        return ""
    lines = run.log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"The last line of {run.log_file.name} is: {lines[-1]}" if lines else ""
