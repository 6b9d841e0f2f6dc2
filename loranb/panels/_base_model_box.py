"""What is known of the chosen base model, and fetching it before it is needed."""

from collections.abc import Callable
from pathlib import Path

import ipywidgets as w

from loranb.base_models import MOVED, here, is_on_hub, pick
from loranb.base_models.fetching import fetch
from loranb.panels._background import Follower, Report, Stop, Work
from loranb.panels._platform import with_tooltip
from loranb.panels._progress import ProgressLine
from loranb.panels._show import escape, failure, message, shown, small


class BaseModelBox(w.VBox):
    """A line on the base model, and a button that fetches it from the hub where it is not on this machine.

    Args:
        fetched: called after it was fetched.
    """

    def __init__(self, fetched: Callable[[], None]):
        self._fetched, self._source = fetched, ""
        self.about, self.notice, self.progress = w.HTML(), w.HTML(), ProgressLine()
        self.fetch = w.Button(description="Download it now", icon="download", layout=w.Layout(width="auto"))
        with_tooltip(self.fetch, "Training would do it too; now it can be seen, stopped and gone on with")
        self.fetch.layout.display = "none"
        self.stop = w.Button(description="Stop", icon="stop", layout=w.Layout(width="auto", display="none"))
        self._follower = Follower(self.progress, self._ended)
        self.fetch.on_click(shown(lambda _: self._start(), self.notice))
        self.stop.on_click(shown(lambda _: self._follower.stop(), self.notice))
        row = w.HBox([self.fetch, self.stop])
        super().__init__([self.about, row, self.progress, self.notice], layout=w.Layout(width="100%"))
        self.add_class("lb-field")

    def show(self, source: str) -> None:
        """Tell what is known of a base model; `source` is what `model.base` is set to."""
        if source == self._source:
            return
        self._source = source
        there = here(source) if is_on_hub(source) else None
        self.about.value = _told(source, there)
        self.layout.display = "flex" if self.about.value or self._follower.running else "none"
        missing = is_on_hub(source) and there is None
        self.fetch.layout.display = "" if missing and not self._follower.running else "none"

    def _start(self) -> None:
        source = self._source
        self.fetch.layout.display, self.stop.layout.display = "none", ""
        self.notice.value = ""
        self._follower.start(lambda report, stop: _fetch(source, report, stop))

    def _ended(self, work: Work) -> None:
        self.progress.hide()
        self.stop.layout.display = "none"
        source, self._source = self._source, ""
        self.show(source)
        if work.error is not None:
            self.notice.value = failure(work.error)
        elif work.result is None:
            self.notice.value = message("info", "Stopped. What has come is kept; the next download goes on from there.")
        else:
            self.notice.value = message("good", f"It lies in {work.result}.")
            self._fetched()


def _fetch(source: str, report: Report, stop: Stop) -> Path | None:
    """Fetch a model, telling how far it is; None where it was stopped."""
    steps = fetch(source)
    while not stop():
        try:
            done, total = next(steps)
        except StopIteration as ended:
            return ended.value
        report(done, total, f"Fetching {source}, {done / 2**30:.1f} of {total / 2**30:.1f} GiB")
    steps.close()
    return None


def _told(source: str, there: Path | None) -> str:
    """Say in HTML what is known of a base model and where it lies."""
    known = pick(source)
    lines = []
    if known:
        page = f'<a href="{known.page}" target="_blank" rel="noreferrer">its page</a>'
        words = escape(f"{known.title}: {known.note} {known.resolution} pixels. Licence: {known.licence}")
        lines.append(f'<div class="lb-hint">{words} ({page} counts).</div>')
    if source in MOVED:
        lines.append(small(f"{source} was taken off the hub; a copy with the same weights is at {MOVED[source]}."))
    if there:
        lines.append(small(f"On this machine: {there}"))
    elif is_on_hub(source):
        lines.append(small("Not on this machine yet."))
    return "".join(lines)
