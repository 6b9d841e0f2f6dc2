"""What happens in a training run, as plain frozen values.

The recipe yields them, the run writes each as a line of ``events.jsonl``, and every view (progress,
loss plot, report) is a function of them; so a view can be drawn again from the file alone.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened, and when (Unix seconds)."""

    at: float = field(default_factory=time.time, kw_only=True)


@dataclass(frozen=True)
class Started(Event):
    """Training is set up: what it works on, and how long it will be."""

    steps: int
    epochs: int
    images: int
    base_model: str
    device: str
    precision: str
    trainable: int  # parameters of the LoRA
    first_step: int = 0  # steps taken by an earlier part of the same run
    gpu: str = ""  # its name; empty without one


@dataclass(frozen=True)
class Preparing(Event):
    """Work before the first step: loading, encoding pictures or captions."""

    what: str
    done: int
    total: int


@dataclass(frozen=True)
class Step(Event):
    """One optimizer step; `loss` is the mean over its pictures."""

    step: int
    epoch: int
    loss: float
    learning_rates: dict[str, float]
    seconds: float  # since the first step of this process
    grad_norm: float | None = None  # of all trained weights together, before it is cut; None in older runs


@dataclass(frozen=True)
class EpochEnded(Event):
    """Every picture has been seen once more."""

    epoch: int
    step: int
    loss: float
    by_timestep: dict[str, float] = field(default_factory=dict)  # mean loss of "0-249", "250-499" ...
    by_subject: dict[str, float] = field(default_factory=dict)  # mean loss, by the name of the subject's folder


@dataclass(frozen=True)
class Validated(Event):
    """The pictures that are kept back from training were looked at; `loss` is the mean squared error."""

    epoch: int
    step: int  # 0 before the first
    loss: float
    by_timestep: dict[str, float] = field(default_factory=dict)  # "200", "400" ...
    by_subject: dict[str, float] = field(default_factory=dict)  # by the name of the subject's folder


@dataclass(frozen=True)
class Sampled(Event):
    """A sample picture was drawn with the LoRA as it is now."""

    epoch: int
    step: int
    path: str  # within the run folder
    prompt: str


@dataclass(frozen=True)
class Saved(Event):
    """A LoRA file was written."""

    epoch: int
    step: int
    path: str  # within the run folder


@dataclass(frozen=True)
class Warned(Event):
    """Something that the user should know, and that does not stop the run."""

    message: str


@dataclass(frozen=True)
class Ended(Event):
    """The run is over: "finished", "stopped" by the user, or "failed" with a message."""

    why: str
    step: int
    message: str = ""


KINDS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (Started, Preparing, Step, EpochEnded, Validated, Sampled, Saved, Warned, Ended)
}


def to_line(event: Event) -> str:
    """Write an event as one line of JSON."""
    return json.dumps({"event": type(event).__name__, **asdict(event)}, ensure_ascii=False)


def from_line(line: str) -> Event | None:
    """Read an event; None for a kind that this version does not know."""
    values: dict[str, Any] = json.loads(line)
    kind = KINDS.get(values.pop("event"))
    return kind(**values) if kind else None


def read_events(path: Path, start: int = 0) -> tuple[list[Event], int]:
    """Read the events from byte `start` on.

    A last line that is still being written is left for the next call.

    Returns:
        The events, and the byte to start from next time.
    """
    if not path.exists():
        return [], start
    with path.open("rb") as file:
        file.seek(start)
        written = file.read()
    whole = written[: written.rfind(b"\n") + 1]
    return list(_parse(whole)), start + len(whole)


def _parse(lines: bytes) -> Iterator[Event]:
    for line in lines.split(b"\n"):  # and not splitlines(), which cuts at characters that JSON leaves in
        try:
            event = from_line(line.decode("utf-8"))
        except ValueError:  # empty, or torn by a full disk or a lost machine
            continue
        if event is not None:
            yield event
