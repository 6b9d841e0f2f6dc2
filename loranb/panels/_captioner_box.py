"""Let a captioner write: which one, how it is run, what becomes of what it says, and for which pictures."""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as w

from loranb import captioners
from loranb.captioning import Draft, Outcome, Wording, caption_project, drafts, waiting
from loranb.dataset.caption_store import CaptionStore, Change
from loranb.errors import SettingsError
from loranb.files import write_text
from loranb.panels._background import Follower, Report, Stop, Work
from loranb.panels._caption_bulk import previewed
from loranb.panels._caption_scope import ALL, Scope
from loranb.panels._group_form import GroupForm
from loranb.panels._platform import keeps_the_notebook_free, with_titles, with_tooltip
from loranb.panels._progress import ProgressLine
from loranb.panels._show import failure, message, shown, small
from loranb.project import Project

KEPT = "captioner_form.json"
USUAL = "wd14"
_AT_WORK: dict[Path, Work] = {}  # the captioner that was started last, by the project's folder
WHERE = {
    "missing": "Written where there is no caption yet. To write others anew, choose another mode below.",
    "drafts": "Written where there is no caption yet, and over drafts that nobody has changed.",
    "overwrite": "Written over what is there, what you wrote by hand too. Undo brings it back.",
    "append": "Written after what is there.",
}


class CaptionerBox(w.VBox):
    """The form of a captioner, a look at what it would write, and the button that lets it.

    What is filled in is kept in the project's cache.

    Args:
        project: whose pictures.
        store: gives its captions.
        written: called after captions were written.
    """

    def __init__(self, project: Project, store: Callable[[], CaptionStore], written: Callable[[], None]):
        self._project, self._store, self._written = project, store, written
        self._kept = _read(project)
        self._follower = Follower(self._went_on, self._ended)
        names = [(captioners.module(name).TITLE, name) for name in captioners.names()]
        first = self._kept.get("captioner", USUAL)
        self.name = w.Dropdown(
            options=names, value=first if first in captioners.names() else USUAL, layout=w.Layout(width="220px")
        )
        self.wording = GroupForm(Wording, "wording", self._kept.get("wording", {}), self._keep)
        self.options = w.VBox(layout=w.Layout(width="100%"))
        self.folds = w.Accordion([self.wording, self.options], selected_index=0, layout=w.Layout(width="auto"))
        with_titles(self.folds, ["What becomes of what it says", "The captioner"])
        self._make_buttons()
        self.name.observe(shown(lambda _: self._named(), self.notice), "value")
        row = w.HBox([self.name, w.HTML("for"), self.scope, self.try_, self.write, self.stop])
        row.add_class("lb-tools")
        super().__init__([row, self.told, self.progress, self.notice, self.preview, self.folds])
        self._offer_options()
        self._scope_changed()
        self._go_on()

    def _make_buttons(self) -> None:
        self.notice, self.preview, self.told = w.HTML(), w.HTML(), w.HTML()
        self.progress = ProgressLine()
        self.scope = Scope(self._scope_changed)
        self.try_ = w.Button(description="Show what it would write", icon="eye", layout=w.Layout(width="auto"))
        self.write = w.Button(button_style="primary", icon="magic", layout=w.Layout(width="auto"))
        self.stop = w.Button(description="Stop", icon="stop", layout=w.Layout(width="auto", display="none"))
        with_tooltip(self.try_, "Nothing is written; what it said is remembered, so that writing is quick afterwards")
        self.try_.on_click(shown(lambda _: self._start(trying=True), self.notice))
        self.write.on_click(shown(lambda _: self._start(trying=False), self.notice))
        self.stop.on_click(shown(lambda _: self._follower.stop(), self.notice))

    def offer(self, selected: Sequence[Path], shown: Sequence[Path], subjects: Mapping[str, Sequence[Path]]) -> None:
        """Offer scopes; see `Scope.offer`."""
        self.scope.offer(selected, shown, subjects)

    def _offer_options(self) -> None:
        name = self.name.value
        module = captioners.module(name)
        values = {**self._proposed(name), **self._kept.get("options", {}).get(name, {})}
        form = GroupForm(module.Options, name, values, self._keep, {"model": module.MODELS})
        self.options.children = [form]
        self.form = form

    def _proposed(self, name: str) -> dict[str, str]:
        """The demo project is captioned by its own small tagger, which needs no download."""
        with contextlib.suppress(SettingsError):
            return {"model": "demo"} if name == USUAL and self._project.settings().model.base == "demo" else {}
        return {}

    def _named(self) -> None:
        self._offer_options()
        self._keep()

    def _keep(self) -> None:
        self._kept = {
            "captioner": self.name.value,
            "options": {**self._kept.get("options", {}), self.name.value: self.form.values},
            "wording": self.wording.values,
        }
        with contextlib.suppress(OSError):  # it is filled in anew then
            write_text(self._project.cache / KEPT, json.dumps(self._kept))
        self._scope_changed()

    def _scope_changed(self) -> None:
        """Say how many captions would be written, and where."""
        try:
            count = len(waiting(self._store(), self.wording.read(), self.scope.pictures))
        except SettingsError:  # said beside the field
            count = 0
        self.write.description = "Caption 1 picture" if count == 1 else f"Caption {count} pictures"
        self.write.disabled = self.try_.disabled = not count or self._follower.running
        self.told.value = small(WHERE[self.wording.values["mode"]])

    def _start(self, trying: bool) -> None:
        name, options, wording = self.name.value, self.form.read(), self.wording.read()
        pictures = None if self.scope.value == ALL else list(self.scope.pictures)
        do = drafts if trying else caption_project

        def work(report: Report, stop: Stop) -> Any:
            return do(self._project, name, options, wording, pictures=pictures, progress=report, stop=stop)

        self._run(work)

    def _run(self, work: Callable[[Report, Stop], Any]) -> None:
        self.preview.value, self.notice.value = "", ""
        self._busy(True)
        self.progress.show(0.0, "Loading the captioner …")
        self._follower.start(work)
        if self._follower.work:
            _AT_WORK[self._project.root] = self._follower.work

    def _go_on(self) -> None:
        """Follow the captioner that a cell started which has been run again since."""
        work = _AT_WORK.get(self._project.root)
        if work and work.running:
            self._busy(True)
            self._follower.follow(work)

    def _busy(self, busy: bool) -> None:
        self.write.disabled = self.try_.disabled = busy
        self.stop.layout.display = "" if busy and keeps_the_notebook_free() else "none"
        if busy and not keeps_the_notebook_free():
            self.notice.value = message("info", "The notebook's ■ stops it; what is done is kept.")

    def _went_on(self, done: int, total: int, doing: str) -> None:
        self.progress.show(done / total if total else 0.0, f"{doing} · {done:,} of {total:,}" if total else doing)

    def _ended(self, work: Work) -> None:
        self.progress.hide()
        self._busy(False)
        found = work.result
        if isinstance(found, Outcome):
            shown(self._written, self.notice)()
        self._scope_changed()
        if work.error:
            self.notice.value = failure(work.error)
        elif isinstance(found, Outcome):
            self.notice.value = message("warning" if found.problems or found.stopped else "good", str(found))
        else:
            self._show_drafts(found, work.stopped)

    def _show_drafts(self, found: Sequence[Draft], stopped: bool) -> None:
        changes = [Change(d.picture, d.before, d.after) for d in found if not d.problem and d.after != d.before]
        problems = [d.problem for d in found if d.problem]
        self.preview.value = previewed(changes, len(found))
        said = ["Stopped; what was looked at is remembered."] if stopped else []
        said += few(problems)
        self.notice.value = message("warning", "\n".join(said)) if said else ""


def few(said: Sequence[str], most: int = 6) -> list[str]:
    """Return the first of some lines, and how many more there are."""
    more = [f"… and {len(said) - most} more."] if len(said) > most else []
    return [*said[:most], *more]


def _read(project: Project) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        kept = json.loads((project.cache / KEPT).read_text(encoding="utf-8"))
        return {key: value for key, value in kept.items() if isinstance(value, str if key == "captioner" else dict)}
    return {}
