"""Ask for pictures, and copy them into a project."""

from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as w

from loranb.dataset import intake
from loranb.dataset.folders import MOST_REPEATS, USUAL_REPEATS
from loranb.dataset.intake import Wanted
from loranb.dataset.sources import Source
from loranb.dataset.uploads import Inbox
from loranb.errors import DatasetError
from loranb.panels import _platform
from loranb.panels._progress import ProgressLine
from loranb.panels._show import message, shown, small
from loranb.panels._upload import upload_widget
from loranb.project import Project


class AddForm(w.VBox):
    """Asks for a subject and where its pictures are, and copies them.

    Args:
        project: what they are added to.
        added: called when pictures have come.
    """

    def __init__(self, project: Project, added: Callable[[], None]):
        self._project, self._added = project, added
        self.subject = _text("a name or made-up word, such as mokuba")
        self.kind = _text("what it is, such as castle")
        self.repeats = w.Text(placeholder="as it is", layout=w.Layout(width="90px"))
        self.regularisation = w.Checkbox(description="Regularisation", indent=False, layout=w.Layout(width="150px"))
        self.source = _text("/path/to/folder or pictures.zip, https://…/pictures.zip, hf:owner/name")
        self.button = w.Button(description="Add", icon="plus", button_style="primary", layout=w.Layout(width="110px"))
        self.progress = ProgressLine()
        self.notice = w.HTML()
        self.button.on_click(shown(lambda _: self._pressed(), self.notice))
        self.upload = upload_widget(Inbox(project.cache / "uploads"), self._arrived)
        _explain(self)
        super().__init__(
            [
                _row(
                    _labelled("Subject", self.subject),
                    _labelled("Class", self.kind),
                    _labelled("Repeats", self.repeats, "90px"),
                    _labelled(" ", self.regularisation, "150px"),
                ),
                _row(_labelled("Folder, zip, address or data set", self.source), _labelled(" ", self.button, "110px")),
                w.HTML(small("or upload from this computer; subject, class and repeats above count for these too:")),
                self.upload,
                w.HTML(small(_HINT)),
                self.progress,
                self.notice,
            ],
            layout=w.Layout(width="100%"),
        )

    def _pressed(self) -> None:
        typed = self.source.value.strip().strip("\"'")
        if not typed:
            raise DatasetError(
                "No pictures are given. Write the path of a folder or a zip, an address, or a data set such as "
                "hf:owner/name; or upload files below."
            )
        self._add([typed])
        self.source.value = ""

    def _arrived(self, files: Sequence[Path]) -> None:
        self._add(files)

    def _add(self, sources: Sequence[Source]) -> None:
        wanted = self._wanted()
        self.notice.value, self.button.disabled = "", True
        try:
            added = intake.add(self._project, sources, wanted, self.progress)
            self.notice.value = message("good" if added.pictures else "warning", str(added))
        except KeyboardInterrupt:
            said = "Stopped. What was copied is kept, whole; add the same again, and only the rest is copied."
            self.notice.value = message("info", said)
        finally:
            self.progress.hide()
            self.button.disabled = False
            self._added()

    def _wanted(self) -> Wanted:
        said = self.repeats.value.strip()
        if said and not said.isdecimal():
            raise DatasetError(
                f"repeats = {said!r}; give a whole number from 1 to {MOST_REPEATS}, or leave it blank: then a subject "
                "keeps the repeats that it has."
            )
        words = f"{self.subject.value} {self.kind.value}".strip()
        return Wanted(words, int(said) if said else None, self.regularisation.value)


_HINT = (
    "Pictures are copied; the originals stay as they are. Leave subject and class blank where the pictures lie in "
    f"folders that say them, such as 10_mokuba castle. Repeats: how often each is shown in an epoch; blank keeps "
    f"what a subject or its folder has, {USUAL_REPEATS} for a new one. ■ stops."
)


def _explain(form: AddForm) -> None:
    _platform.with_tooltip(form.subject, "A word that only this subject goes by")
    _platform.with_tooltip(form.kind, "The common word for it, which the model knows already")
    _platform.with_tooltip(
        form.regularisation,
        "These pictures show the class in general, and keep the model from taking every castle for yours",
    )


def _text(placeholder: str) -> w.Text:
    return w.Text(placeholder=placeholder, layout=w.Layout(width="auto"))


def _row(*parts: w.Widget) -> w.HBox:
    row = w.HBox(parts, layout=w.Layout(width="100%", grid_gap="4px 12px", max_width="980px"))
    row.add_class("lb-row")
    return row


def _labelled(label: str, widget: w.Widget, width: str = "") -> w.VBox:
    layout = w.Layout(width=width, flex="0 0 auto") if width else w.Layout(flex="1 1 180px", width="auto")
    return w.VBox([w.HTML(small(label) if label.strip() else "&nbsp;"), widget], layout=layout)
