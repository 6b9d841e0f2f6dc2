"""Show a project's subjects: names, pictures, repeats, and what the repeats had better be."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as w

from loranb.dataset import folders
from loranb.dataset.folders import MOST_REPEATS, Subject
from loranb.errors import DatasetError
from loranb.panels import _platform
from loranb.panels._show import message, shown, small, title
from loranb.project import Project

_HINT = "Pictures × repeats is how often an epoch shows a subject. Rename one by writing over its name."


class Subjects(w.VBox):
    """Lists subjects; names and repeats can be changed, and balanced at one stroke.

    Args:
        project: whose subjects.
        changed: called when a folder was renamed.
    """

    def __init__(self, project: Project, changed: Callable[[], None]):
        self._project, self._changed = project, changed
        self.rows = w.VBox(layout=w.Layout(width="100%"))
        self.notice = w.HTML()
        self.balance = w.Button(description="Balance", icon="balance-scale", layout=w.Layout(width="110px"))
        _platform.with_tooltip(self.balance, "Set all repeats so that every subject is shown about equally often")
        self.balance.on_click(shown(lambda _: self._balance(), self.notice))
        super().__init__([w.HTML(title("Subjects", _HINT)), self.rows, self.balance, self.notice])

    def show(self) -> None:
        """Read the folders' names anew and show them."""
        ours = sorted(folders.subjects(self._project.img), key=lambda subject: subject.words)
        regular = sorted(folders.subjects(self._project.reg), key=lambda subject: subject.words)
        suggested = folders.suggest(ours)
        self._fill([*ours, *regular], suggested)
        better = any(repeats != subject.repeats for subject, repeats in suggested.items())
        self.balance.layout.display = "" if better and len(suggested) > 1 else "none"
        self.layout.display = "" if ours or regular else "none"

    def _fill(self, subjects: Sequence[Subject], suggested: dict[Subject, int]) -> None:
        rows = list(self.rows.children)
        _platform.close_all(rows[len(subjects) :])
        new = [SubjectRow(self._repeat, self._rename, self.notice) for _ in subjects[len(rows) :]]
        rows = rows[: len(subjects)] + new
        for row, subject in zip(rows, subjects, strict=True):
            better = suggested.get(subject, subject.repeats) if len(suggested) > 1 else subject.repeats
            row.show(subject, better, subject.folder.parent == self._project.reg)
        self.rows.children = rows

    def _repeat(self, subject: Subject, repeats: int) -> None:
        folders.repeat(subject, repeats)
        self._told(f"{subject.words}: {repeats} repeats from now on.")

    def _rename(self, subject: Subject, words: str) -> None:
        renamed = folders.rename(subject, words)
        self._told(f"{subject.words} is called {renamed.words} from now on; its folder is {renamed.folder.name}.")

    def _balance(self) -> None:
        changed = folders.balance(self._project.img)
        self._told("".join(f"{subject.words}: {subject.repeats} repeats. " for subject in changed) + "Balanced.")

    def _told(self, said: str) -> None:
        self._changed()
        self.notice.value = message("good", said)


class SubjectRow(w.HBox):
    """A subject: its name and its repeats, which can be changed, and how often it is shown."""

    def __init__(self, repeat: Callable[[Subject, int], None], rename: Callable[[Subject, str], None], notice: w.HTML):
        self.subject: Subject | None = None
        self._repeat, self._rename = repeat, rename
        self.name = w.Text(continuous_update=False, layout=w.Layout(flex="0 1 220px", width="auto"))
        self.count = w.HTML(layout=w.Layout(width="110px"))
        self.repeats = w.BoundedIntText(min=1, max=MOST_REPEATS, layout=w.Layout(width="80px"))
        self.sum = w.HTML(layout=w.Layout(flex="1 1 200px", width="auto"))
        self.name.observe(shown(self._named, notice), "value")
        self.repeats.observe(shown(self._edited, notice), "value")
        super().__init__([self.name, self.count, self.repeats, self.sum])
        self.add_class("lb-tools")

    def show(self, subject: Subject, suggested: int, regularisation: bool) -> None:
        """Show a subject in the place of what was shown before."""
        self.subject = None
        count = len(subject.pictures())
        self.name.value, self.repeats.value = subject.words, subject.repeats
        self.count.value = f"{count} picture{'' if count == 1 else 's'} ×"
        better = f", {suggested} would balance it" if suggested != subject.repeats else ""
        said = ", for regularisation" if regularisation else better
        self.sum.value = f"repeats = {count * subject.repeats} an epoch" + small_in_line(said)
        self.subject = subject

    def _named(self, change: dict) -> None:
        if self.subject and change["new"].strip() != self.subject.words:
            self._try(self._rename, change["new"])

    def _edited(self, change: dict) -> None:
        if self.subject:
            self._try(self._repeat, change["new"])

    def _try(self, act: Callable[[Subject, Any], None], value: str | int) -> None:
        subject, self.subject = self.subject, None
        try:
            act(subject, value)
        except DatasetError:
            self.name.value, self.repeats.value = subject.words, subject.repeats
            self.subject = subject
            raise


def small_in_line(text: str) -> str:
    """Return text in small letters that stands in a line."""
    return small(text).replace("<div", "<span").replace("</div", "</span") if text else ""
