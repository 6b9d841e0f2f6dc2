"""What is seen of a training run: progress, curves, sample pictures and log, as a function of its events."""

import base64
import io
import statistics
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path

import ipywidgets as w
from PIL import Image

from loranb.events import Ended, Event, Preparing, Sampled, Saved, Started, Step, Warned
from loranb.panels._curve import svg
from loranb.panels._platform import with_titles
from loranb.panels._show import Panel, message
from loranb.training.run import Run

EVERY = 1.0  # seconds between two redraws; each costs the page and the connection a little
THUMBNAIL, SHOWN_HEIGHT = 192, 132  # pixels
SHOWN_EPOCHS = 12  # rows of sample pictures; older ones are in the run's folder
LOG_LINES = 20
_RECENT = 20  # steps that the seconds per step and the loss in the line are taken from


class RunView(Panel):
    """What is seen of a run: a function of its events, drawn again at most once a second."""

    def __init__(self, run: Run, events: Sequence[Event] = ()):
        self.run, self.events, self.stopping = run, list(events), False
        self._earlier = len(self.events)  # of a part that ended before
        self._drawn, self._drawn_events, self._log_size = 0.0, -1, -1
        self._bar = w.IntProgress(min=0, max=1, layout=w.Layout(width="100%"))
        self._status, self._plot, self._message = w.HTML(), w.HTML(), w.HTML()
        self._rows: dict[int, w.HTML] = {}
        self._pictures: dict[int, list[str]] = {}
        self._samples = w.VBox([])
        self._log_text = w.HTML()
        self._log = with_titles(w.Accordion([self._log_text], selected_index=None), ["Log of the trainer"])
        head = w.HTML(f'<div class="lb-title">Training {escape(run.name)}</div>')
        super().__init__([head, self._bar, self._status, self._message, self._plot, self._samples, self._log])
        self.layout.max_width = "880px"
        for event in self.events:
            self._take_sample(event)
        self.draw()

    @property
    def last(self) -> Event | None:
        """The newest event."""
        return self.events[-1] if self.events else None

    def show(self, event: Event | None) -> None:
        """Take in an event, or none, and draw if it is time."""
        if event is not None:
            self.events.append(event)
            self._take_sample(event)
        if time.monotonic() - self._drawn >= EVERY:
            self.draw()

    def draw(self) -> None:
        """Bring everything up to date; the plot only where there is something new."""
        self._drawn = time.monotonic()
        self._status.value = status(self.events, time.time())
        steps = next((e.step for e in reversed(self.events) if isinstance(e, Step)), 0)
        planned = next((e.steps for e in reversed(self.events) if isinstance(e, Started)), 1)
        self._bar.max, self._bar.value = max(1, planned), steps
        if len(self.events) != self._drawn_events:
            self._drawn_events = len(self.events)
            self._plot.value = svg(self.events)
            self._message.value = self._messages()
        self._draw_log()

    def finish(self) -> None:
        """Draw the end; the live plot and pictures give way to figures that are kept in the notebook."""
        self.draw()
        if not isinstance(self.last, Ended):  # a second interrupt
            self._message.value += message(
                "info", "The trainer saves and stops by itself; run this cell again to look."
            )
        why = self.last.why if isinstance(self.last, Ended) else "stopped"
        self._bar.bar_style = {"finished": "success", "failed": "danger"}.get(why, "warning")
        self._plot.layout.display = self._samples.layout.display = "none"

    def _messages(self) -> str:
        warned = [message("warning", event.message) for event in self.events if isinstance(event, Warned)]
        if isinstance(self.last, Ended) and len(self.events) > self._earlier:
            return "".join([*warned[-3:], verdict(self.run, self.events)])
        asked = [message("info", "Stopping: the step is finished and the LoRA saved first.")] if self.stopping else []
        return "".join([*warned[-3:], *asked])

    def ask_to_stop(self) -> None:
        """Show that the run was asked to stop."""
        self.stopping, self._drawn_events = True, -1
        self.draw()

    def _take_sample(self, event: Event) -> None:
        if not isinstance(event, Sampled):
            return
        picture = thumbnail(self.run.folder / event.path)
        self._pictures.setdefault(event.step, []).append(
            f'<img src="{picture}" title="{escape(event.prompt)}" style="height:{SHOWN_HEIGHT}px">'
        )
        row = self._rows.setdefault(event.step, w.HTML())
        row.value = (
            f'<div class="lb-hint">epoch {event.epoch}, step {event.step}</div>'
            '<div style="display:flex;flex-wrap:wrap;gap:6px;margin:2px 0 8px">'
            f"{''.join(self._pictures[event.step])}</div>"
        )
        newest_first = sorted(self._rows, reverse=True)[:SHOWN_EPOCHS]
        self._samples.children = tuple(self._rows[step] for step in newest_first)

    def _draw_log(self) -> None:
        size = self.run.log_file.stat().st_size if self.run.log_file.exists() else 0
        if size != self._log_size:
            self._log_size = size
            style = "white-space:pre-wrap;font-size:11px;line-height:1.35;max-height:260px;overflow-y:auto"
            self._log_text.value = f'<pre style="{style}">{escape(log_tail(self.run.log_file))}</pre>'


def status(events: Sequence[Event], now: float) -> str:
    """Say in one line where a run is: epoch, step, loss, time gone and left, seconds per step."""
    part = current_part(events)
    began = part[0].at if part else now
    last = part[-1] if part else None
    gone = f"{clock((last.at if isinstance(last, Ended) else now) - began)} elapsed"
    started = next((event for event in part if isinstance(event, Started)), None)
    steps = [event for event in part if isinstance(event, Step)]
    if started is None or not steps:
        return _line([_preparing(part, started), gone])
    step = steps[-1]
    pace = statistics.median(b.seconds - a.seconds for a, b in _pairs(steps)) if len(steps) > 1 else step.seconds
    told = [
        f"<b>Epoch {step.epoch}</b> of {started.epochs}",
        f"<b>step {step.step:,}</b> of {started.steps:,}",
        f"loss {statistics.fmean(s.loss for s in steps[-_RECENT:]):.4f}",
        gone,
    ]
    if not isinstance(last, Ended):
        per_step = step.seconds / max(1, step.step - started.first_step)  # sample pictures included
        told.append(f"{clock(per_step * (started.steps - step.step))} left")
    return _line([*told, f"{pace:.2f} s/it" if pace >= 0.095 else f"{pace:.3f} s/it"])


def _preparing(part: Sequence[Event], started: Started | None) -> str:
    if started is not None:
        return "Ready; the first step is being taken"
    event = next((event for event in reversed(part) if isinstance(event, Preparing)), None)
    if event is None:
        return "The trainer is starting"
    count = f", {event.done} of {event.total}" if event.total > 1 else ""
    return f"Preparing: <b>{escape(event.what)}</b>{count}"


def _line(parts: Sequence[str]) -> str:
    style = "font-variant-numeric:tabular-nums;margin:2px 0 4px"
    return f'<div style="{style}">{" &nbsp;·&nbsp; ".join(parts)}</div>'


def _pairs(steps: Sequence[Step]) -> list[tuple[Step, Step]]:
    recent = steps[-_RECENT - 1 :]
    return list(zip(recent, recent[1:], strict=False))


def current_part(events: Sequence[Event]) -> list[Event]:
    """Return the events of the newest part of a run: those after an earlier part's end."""
    ends = [number for number, event in enumerate(events[:-1]) if isinstance(event, Ended)]
    return list(events[ends[-1] + 1 :] if ends else events)


def verdict(run: Run, events: Sequence[Event]) -> str:
    """Say how a run ended, what was saved, and what can be done next."""
    ended = events[-1]
    if not isinstance(ended, Ended):
        return ""
    saved = [event for event in current_part(events) if isinstance(event, Saved)]
    files = list(dict.fromkeys(event.path for event in saved))
    kept = Path(files[-1]).name if files else ""
    if ended.why == "finished":
        more = f", and {len(files) - 1} of earlier epochs beside it" if len(files) > 1 else ""
        return message("good", f"Finished: {ended.step:,} steps. The LoRA is {kept}{more}, in {run.folder / 'lora'}.")
    if ended.why == "stopped":
        what = f"{kept} is saved in {run.folder / 'lora'}" if kept else "No step had been taken, so nothing was saved"
        go_on = f'loranb.train(project, resume="{run.name}")'
        return message("warning", f"Stopped after step {ended.step:,}: {what}. To go on: {go_on}")
    rest = f" What was learned until step {saved[-1].step:,} is kept in {kept}." if kept else ""
    return message("error", f"Training failed at step {ended.step:,}: {ended.message}{rest}")


def clock(seconds: float) -> str:
    """Write a duration: 0:45, 12:05, 1:02:05."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def log_tail(file: Path, lines: int = LOG_LINES) -> str:
    """Read the last lines of a log; of a progress line that was written over, the last state."""
    if not file.exists():
        return "(nothing yet)"
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - 64 * 1024))
        text = log.read().decode("utf-8", errors="replace")
    kept = [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip().split("\n")]
    return "\n".join(kept[-lines:]) or "(nothing yet)"


def thumbnail(path: Path) -> str:
    """Return a small copy of a picture as a data URI; an empty one where it cannot be read."""
    try:
        with Image.open(path) as picture:
            small = picture.convert("RGB")
    except OSError:
        return "data:,"
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    small.save(jpeg, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}"
