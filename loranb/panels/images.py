"""Get pictures into a project, see what is wrong with them, take out what does not belong."""

import contextlib
import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import ipywidgets as w

from loranb.dataset import folders
from loranb.dataset.curation import Curation, Outcome
from loranb.dataset.edits import Edit
from loranb.dataset.health.advice import KINDS
from loranb.dataset.health.checked import Checked
from loranb.dataset.health.report import Groups, Report
from loranb.errors import SettingsError
from loranb.files import write_text
from loranb.panels import _bulk, _platform
from loranb.panels._adding import AddForm
from loranb.panels._crop import CropEditor
from loranb.panels._entries import Entry, as_it_is, entries, present_pictures, spare_copies
from loranb.panels._grid import PagedGrid
from loranb.panels._health_view import HealthView
from loranb.panels._looking import Looker, Looking
from loranb.panels._picture_card import Looks, PictureCard
from loranb.panels._picture_tools import Doing, Selecting, Undoing, ViewBar
from loranb.panels._show import Panel, failure, message, shown, title
from loranb.panels._subjects import Subjects
from loranb.project import Project
from loranb.settings import DatasetSettings

ON_A_PAGE = 24
AT_ONCE = 1.0  # seconds that pictures are looked at before the panel is shown; the rest follows
AFTER = 0.4  # seconds after each change


def panel(project: Project) -> "ImagesPanel":
    """Show a project's pictures, to add to, check and choose from."""
    return ImagesPanel(project)


class ImagesPanel(Panel):
    """Adds pictures, says what is wrong with them, and sorts, turns, crops, takes out and puts back."""

    def __init__(self, project: Project):
        self.project = project
        self.curation = Curation(project)
        self.pictures = self.curation.pictures
        self.report = Report(project.root, "", (), Groups(), (), ())
        self.known: list[Entry] = []
        self._checked: dict[Path, Checked] = {}  # all that were ever looked at
        self.selected: set[Path] = set()
        self.looker = Looker(project, self._went_on, self._ended)
        self._stopped = self._waits = False  # waits for the user to ask, before the rest is looked at
        self.notice = w.HTML()
        self._alone = threading.RLock()
        self._make_parts()
        selecting = w.HBox([self.selecting, self.undoing])
        selecting.add_class("lb-tools")
        self.grid_view = w.VBox([selecting, self.doing, self.grid], layout=w.Layout(width="100%"))
        parts = [w.HTML(title("Pictures")), self.bar, self.notice, self.editor, self.grid_view]
        self.curating = w.VBox(parts, layout=w.Layout(width="100%"))
        super().__init__([self.add, self.health, self.subjects, self.curating])
        self._guarded(self._open)()
        self.add.selected_index = None if self.known else 0

    def _open(self) -> None:
        self.health.kind.value = _recall_kind(self.project)
        if not self.looker.running:
            self.looker.look(self.health.kind.value, AT_ONCE)
        if not self.known:
            self._show()

    def _make_parts(self) -> None:
        guarded = self._guarded
        self.adding = AddForm(self.project, self.refresh)
        self.add = _platform.with_titles(w.Accordion([self.adding], selected_index=None), ["Add pictures"])
        self.health = HealthView(guarded(self._filter), guarded(self._ask_kind), guarded(self._look_again), self._stop)
        self.subjects = Subjects(self.project, self.refresh)
        self.bar = ViewBar(guarded(self._view_chosen))
        self.selecting = Selecting(guarded(self._select))
        self.doing = Doing(guarded(self._act), guarded(self._move_to))
        self.undoing = Undoing(guarded(self._undo), guarded(self._redo))
        looks, picked = Looks(), guarded(self._picked)
        out, crop = guarded(self._move_one), guarded(lambda card: self._edit(card.entry.path))
        cards = [PictureCard(self.pictures, looks, picked, out, crop) for _ in range(ON_A_PAGE)]
        self.grid = PagedGrid(cards, narrowest=180)
        self.editor = CropEditor(self.pictures, self._dataset, self._cropped, self._close_editor)
        self.editor.layout.display = "none"

    def _guarded(self, handler: Callable) -> Callable:
        """Have failures shown, and one thing done after another: a kernel with subshells calls from several threads."""

        def alone(*given: object) -> None:
            with self._alone:
                handler(*given)

        return shown(alone, self.notice)

    # what is known of the pictures

    def refresh(self) -> None:
        """Show the project's folder as it is now, and look at what is new in it."""
        self._show()
        if not self._waits:
            self.looker.look(self.health.kind.value, AFTER)

    def _went_on(self, looking: Looking) -> None:
        if looking.total:
            told = f"Looking at pictures · {looking.done} of {looking.total}"
            self.health.busy(looking.done / looking.total, told)

    def _ended(self, looking: Looking) -> None:
        self.health.idle()
        if looking.report:
            self.report = looking.report
            self._waits = not looking.report.complete and self._stopped
            self._checked.update({picture.path: picture for picture in looking.report.pictures})
        self._guarded(self._show)()
        if looking.error:
            self.notice.value = failure(looking.error)

    def _look_again(self) -> None:
        """Read everything anew, here where the page shows nothing from the background."""
        self._waits = self._stopped = False
        self._show()
        self.looker.look(self.health.kind.value, AFTER if _platform.background_updates_arrive() else math.inf)

    def _stop(self) -> None:
        self._stopped = True
        self.looker.stop()

    def _ask_kind(self, kind: str) -> None:
        with contextlib.suppress(OSError):  # it is asked again then
            write_text(_kind_file(self.project), json.dumps({"kind": kind}))
        self.refresh()

    def _dataset(self) -> DatasetSettings:
        try:
            return self.project.settings().dataset
        except SettingsError:  # the summary says so
            return DatasetSettings()

    # what is shown

    def _show(self) -> None:
        present = present_pictures(self.project)
        self.report = as_it_is(self.report, self._checked, present)
        self.known = entries(self.project, present, self.report, self.pictures.edits)
        subjects = len({path.parent for path in present})
        self.health.show(self.report, len(present), subjects, len(self.known) - len(present))
        self.subjects.show()
        self.bar.offer(self.known)
        self.curating.layout.display = "" if self.known else "none"
        self.undoing.show(self.curation.undoable, self.curation.redoable)
        self._show_pictures(keep_page=True)

    def _view_chosen(self) -> None:
        self.notice.value = ""
        self._close_editor()
        self._show_pictures()

    def _show_pictures(self, keep_page: bool = False) -> None:
        self.listed = self.bar.of(self.known)
        self.selected &= {entry.path for entry in self.listed}
        self.grid.show([(entry, entry.path in self.selected) for entry in self.listed], keep_page)
        self._show_tools()

    def _show_tools(self) -> None:
        self.selecting.show(len(self.selected), len(self.listed))
        places = [subject.folder for subject in folders.subjects(self.project.img)]
        self.doing.show(self.bar.view.value, len(self.selected), len(spare_copies(self.listed)), places)

    def _filter(self, view: str) -> None:
        self.bar.show(view)
        _bring_into_sight(self.bar.view)

    # what is selected

    def _picked(self, card: PictureCard) -> None:
        (self.selected.add if card.pick.value else self.selected.discard)(card.entry.path)
        self.grid.items = [(entry, entry.path in self.selected) for entry in self.listed]
        self._show_tools()

    def _select(self, what: str) -> None:
        first = self.grid.page * ON_A_PAGE
        asked = {"page": self.listed[first : first + ON_A_PAGE], "shown": self.listed, "none": []}[what]
        self.selected = {entry.path for entry in asked} | (self.selected if what == "page" else set())
        self._show_pictures(keep_page=True)

    def _chosen(self) -> list[Entry]:
        return [entry for entry in self.listed if entry.path in self.selected]

    # what is done

    def _act(self, what: str) -> None:
        chosen = self._chosen()
        paths = [entry.path for entry in chosen]
        if what == "out":
            self._tell(self.curation.discard(paths))
        elif what == "back":
            self._tell(self.curation.restore(paths))
        elif what == "best":
            self._tell(self.curation.discard(spare_copies(self.listed)))
        else:
            self._tell_edited(_bulk.EDITS[what](chosen, self.pictures), keep=True)

    def _move_to(self, folder: Path) -> None:
        self._tell(self.curation.move([entry.path for entry in self._chosen()], folder))

    def _move_one(self, card: PictureCard) -> None:
        act = self.curation.restore if card.entry.taken_out else self.curation.discard
        self._tell(act([card.entry.path]))

    def _tell_edited(self, edits: Mapping[Path, Edit], keep: bool = False) -> None:
        if not edits:
            self.notice.value = message("info", "Nothing to change in these pictures.")
            return
        self._tell(self._edited(edits), keep)

    def _edited(self, edits: Mapping[Path, Edit]) -> Outcome:
        """Change how pictures are used; their sizes are read first, which takes a while the first time."""
        for number, path in enumerate(edits, 1):
            with contextlib.suppress(Exception):  # said by the change itself
                self.pictures.upright_size(path)
            self.health.progress(number, len(edits), "Reading sizes")
        return self.curation.edit(edits)

    def _tell(self, outcome: Outcome, keep: bool = False) -> None:
        """Show what came of it; selected pictures stay so if they are where they were."""
        self.selected = self.selected if keep else set()
        self._take_over(outcome)
        self.refresh()
        done = bool(outcome.done) and self.curation.undoable
        said = [f"{done[:1].upper()}{done[1:]}. Undo takes it back."] if done else []
        self.notice.value = message("warning" if outcome.problems else "good", _few([*said, *outcome.problems]))

    def _take_over(self, outcome: Outcome) -> None:
        """Take what is known of pictures along to where they are now."""
        for before, now in outcome.done.items():
            if before != now and before in self._checked and now.is_relative_to(self.project.img):
                self._checked[now] = replace(self._checked[before], path=now)

    def _undo(self) -> None:
        self._told_back(self.curation.undo())

    def _redo(self) -> None:
        self._told_back(self.curation.redo())

    def _told_back(self, said: str) -> None:
        self.refresh()
        self.notice.value = message("info", said)

    # one picture

    def _edit(self, path: Path) -> None:
        self.editor.show(path)
        self.editor.layout.display, self.grid_view.layout.display = "", "none"
        _bring_into_sight(self.editor.apply)

    def _close_editor(self) -> None:
        self.editor.layout.display, self.grid_view.layout.display = "none", ""

    def _cropped(self, path: Path, edit: Edit, more: bool) -> None:
        places = [entry.path for entry in self.listed if not entry.taken_out]
        after = places[places.index(path) + 1 :] if path in places else []
        self._tell(self.curation.edit({path: edit}))
        if more and after:
            self._edit(after[0])
        else:
            self._close_editor()


def _bring_into_sight(control: w.Widget) -> None:
    if hasattr(control, "focus"):  # ipywidgets 8
        control.focus()


def _kind_file(project: Project) -> Path:
    return project.cache / "images_panel.json"


def _recall_kind(project: Project) -> str:
    with contextlib.suppress(OSError, ValueError, TypeError, LookupError):
        kind = json.loads(_kind_file(project).read_text(encoding="utf-8"))["kind"]
        return kind if kind in KINDS else ""
    return ""


def _few(said: Sequence[str]) -> str:
    more = [f"… and {len(said) - 6} more."] if len(said) > 6 else []
    return "\n".join([*said[:6], *more])
