"""Get pictures into a project, see what is wrong with them, take out what does not belong."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as w

from loranb.dataset import curation, folders
from loranb.dataset.folders import Added, Subject
from loranb.dataset.images import SMALL, Picture, scan
from loranb.errors import DatasetError, SettingsError
from loranb.panels import _platform
from loranb.panels._grid import PagedGrid, picture_view, show_thumbnail
from loranb.panels._show import Panel, escape, message, shown, small, title
from loranb.project import Project

ON_A_PAGE = 24
ALL, WITH_REMARKS, TAKEN_OUT = "all", "with remarks", "taken out"


def panel(project: Project) -> "ImagesPanel":
    """Show a project's pictures, to add to and choose from."""
    return ImagesPanel(project)


def verdict(pictures: Sequence[Picture], subjects: int) -> str:
    """Say in a sentence how far the pictures are: "24 pictures in 2 subjects, ready for captions."."""
    if not pictures:
        return "No pictures yet. Name a subject, give a folder, a zip or files, and press Add."
    unusable = sum(not picture.usable for picture in pictures)
    counted = f"{_many(len(pictures), 'picture')} in {_many(subjects, 'subject')}"
    if not unusable:
        return f"{counted}, ready for captions."
    if unusable == len(pictures):
        return f"{counted}, none of which can be read. Copy them again, or add others."
    return (
        f"{counted}, {unusable} cannot be read and will be left out; "
        f"the other {len(pictures) - unusable} are ready for captions."
    )


class ImagesPanel(Panel):
    """Adds pictures, lists subjects, shows every picture with its problems, takes pictures out and back."""

    def __init__(self, project: Project):
        self.project = project
        self._known: dict[tuple[Path, int, int], Picture] = {}
        self.pictures: list[Picture] = []
        self.adding = AddForm(self._add)
        self.verdict = w.HTML()
        self.subjects = w.VBox(layout=w.Layout(width="100%"))
        self.view = w.Dropdown(options=[("All pictures", ALL)], layout=w.Layout(width="260px"))
        self.again = w.Button(description="Look again", icon="refresh", layout=w.Layout(width="110px"))
        _platform.with_tooltip(self.again, "Read the project's folder anew, after a change made elsewhere")
        self.notice = w.HTML()
        cards = [PictureCard(project.cache, shown(self._move, self.notice)) for _ in range(ON_A_PAGE)]
        self.grid = PagedGrid(cards, narrowest=180)
        self.view.observe(shown(lambda _: self._view_chosen(), self.notice), "value")
        self.again.on_click(shown(lambda _: self.refresh(), self.notice))
        tools = w.HBox([self.view, self.again])
        tools.add_class("lb-tools")
        heading = w.HTML(title("Pictures"))
        super().__init__([self.adding, self.verdict, self.subjects, heading, tools, self.notice, self.grid])
        shown(self.refresh, self.notice)()

    def refresh(self) -> None:
        """Read the project's folder anew and show it."""
        found = sorted(folders.subjects(self.project.img), key=lambda subject: subject.words)
        self.pictures = self._scan([path for subject in found for path in subject.pictures()])
        self._list_subjects(found)
        holding = [subject for subject in found if subject.pictures()]
        usable = bool(self.pictures) and all(picture.usable for picture in self.pictures)
        said = message("good" if usable else "warning", verdict(self.pictures, len(holding)))
        ignored = folders.ignored(self.project.img)
        self.verdict.value = said + (message("warning", "\n".join(ignored)) if ignored else "")
        self._offer_views(found)
        self._show_view(keep_page=True)

    def _list_subjects(self, subjects: Sequence[Subject]) -> None:
        rows = list(self.subjects.children)
        _platform.close_all(rows[len(subjects) :])
        rows = rows[: len(subjects)] + [SubjectRow(self._repeat) for _ in subjects[len(rows) :]]
        for row, subject in zip(rows, subjects, strict=True):
            row.show(subject)
        self.subjects.children = rows

    def _small(self) -> int:
        """Pictures below the training resolution are small; above `SMALL` none is."""
        try:
            return min(SMALL, self.project.settings().dataset.resolution)
        except SettingsError:  # the settings panel shows it
            return SMALL

    def _scan(self, paths: Sequence[Path]) -> list[Picture]:
        """Inspect pictures, those that have not changed since the last time from memory."""
        stats = {path: path.stat() for path in paths}
        keys = {path: (path, stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}
        fresh = [path for path in paths if keys[path] not in self._known]
        self._known.update({keys[picture.path]: picture for picture in scan(fresh, self._small())})
        return [self._known[keys[path]] for path in paths]

    def _offer_views(self, subjects: Sequence[Subject]) -> None:
        remarked = sum(bool(p.problem or p.remarks) for p in self.pictures)
        out = len(curation.discarded_pictures(self.project.discarded))
        options = [(f"All pictures ({len(self.pictures)})", ALL)]
        options += [(f"{s.words} ({len(s.pictures())})", f"subject {s.words}") for s in subjects if len(subjects) > 1]
        options += [(f"With problems or remarks ({remarked})", WITH_REMARKS)] if remarked else []
        options += [(f"Taken out ({out})", TAKEN_OUT)] if out else []
        chosen = self.view.value if self.view.value in [value for _, value in options] else ALL
        if tuple(options) != tuple(self.view.options):
            self.view.options = options
            self.view.value = chosen

    def _view_chosen(self) -> None:
        self.notice.value = ""
        self._show_view()

    def _show_view(self, keep_page: bool = False) -> None:
        view = self.view.value
        pictures = sorted(self.pictures, key=lambda picture: (picture.usable, not picture.remarks))
        if view == TAKEN_OUT:
            pictures = self._scan(curation.discarded_pictures(self.project.discarded))
        elif view == WITH_REMARKS:
            pictures = [picture for picture in pictures if picture.problem or picture.remarks]
        elif view != ALL:
            inside = {s.folder for s in folders.subjects(self.project.img) if f"subject {s.words}" == view}
            pictures = [picture for picture in pictures if picture.path.parent in inside]
        self.grid.show([(picture, view == TAKEN_OUT) for picture in pictures], keep_page)

    def _add(self, words: str, repeats: int, sources: Sequence[Path]) -> Added:
        added = folders.add(self.project.img, words, repeats, sources)
        self.refresh()
        return added

    def _repeat(self, subject: Subject, repeats: int) -> None:
        folders.make(self.project.img, subject.words, repeats)
        self.refresh()

    def _move(self, card: "PictureCard") -> None:
        """Take a picture out, or put it back."""
        if card.taken_out:
            back = curation.restore(card.picture.path, self.project.img)
            said = f"{back.name} is back in {back.parent.name}."
        else:
            curation.discard(card.picture.path, self.project.discarded)
            name = card.picture.path.name
            said = f'{name} was taken out. It is kept: choose "Taken out" above to put it back.'
        self.refresh()
        self.notice.value = message("info", said)


class AddForm(w.VBox):
    """Asks for a subject and where its pictures are.

    Args:
        add: called with the subject's words, its repeats and the sources.
    """

    def __init__(self, add: Callable[[str, int, Sequence[Path]], Added]):
        self._add = add
        self.subject = w.Text(placeholder="a name or made-up word, such as mokuba", layout=w.Layout(width="auto"))
        self.kind = w.Text(placeholder="what it is, such as castle", layout=w.Layout(width="auto"))
        self.repeats = w.BoundedIntText(value=10, min=1, max=folders.MOST_REPEATS, layout=w.Layout(width="90px"))
        self.path = w.Text(placeholder="/path/to/a/folder, or pictures.zip", layout=w.Layout(width="auto"))
        self.upload = w.FileUpload(
            accept="image/*,.zip,.txt",
            multiple=True,
            description="Choose files",
            layout=w.Layout(width="150px"),
        )
        self.button = w.Button(description="Add", icon="plus", button_style="primary", layout=w.Layout(width="120px"))
        self.notice = w.HTML()
        self.button.on_click(shown(lambda _: self._pressed(), self.notice))
        wanted = "Repeats: how many times each picture is shown in an epoch."
        super().__init__(
            [
                w.HTML(title("Add pictures", "They are copied; the originals stay as they are.")),
                _row(
                    _labelled("Subject", self.subject),
                    _labelled("Class", self.kind),
                    _labelled("Repeats", self.repeats, "90px"),
                ),
                _row(_labelled("Folder or zip", self.path), _labelled("or", self.upload, "150px")),
                w.HTML(small(f"{wanted} Choose files: {_platform.upload_advice()}")),
                self.button,
                self.notice,
            ],
            layout=w.Layout(width="100%"),
        )

    def _pressed(self) -> None:
        words = f"{self.subject.value} {self.kind.value}".strip()
        uploads = _platform.uploaded_files(self.upload)
        typed = self.path.value.strip().strip("\"'")
        if not words:
            raise DatasetError("No subject is given. Say what the pictures show: a name, a class, or both.")
        if not typed and not uploads:
            raise DatasetError("No pictures are given. Write the path of a folder or a zip, or choose files.")
        self.notice.value = message("info", "Copying and checking the pictures …")
        with tempfile.TemporaryDirectory(prefix="loranb-") as folder:
            for name, content in uploads:
                Path(folder, Path(name).name).write_bytes(content)
            sources = ([Path(typed)] if typed else []) + sorted(Path(folder).iterdir())
            added = self._add(words, self.repeats.value, sources)
        _platform.forget_uploads(self.upload)
        self.path.value = ""
        self.notice.value = message("good" if added.pictures else "warning", _told(added))


class SubjectRow(w.HBox):
    """A subject: its name, how many pictures it has, and its repeats, which can be changed."""

    def __init__(self, repeat: Callable[[Subject, int], None]):
        self.subject: Subject | None = None
        self._repeat = repeat
        self.name, self.sum, self.notice = w.HTML(), w.HTML(), w.HTML()
        self.repeats = w.BoundedIntText(min=1, max=folders.MOST_REPEATS, layout=w.Layout(width="80px"))
        self.repeats.observe(shown(self._edited, self.notice), "value")
        super().__init__([self.name, self.repeats, self.sum, self.notice])
        self.add_class("lb-tools")

    def show(self, subject: Subject) -> None:
        """Show a subject in the place of what was shown before."""
        self.subject = None
        count = len(subject.pictures())
        self.name.value = f"<b>{escape(subject.words)}</b>: {_many(count, 'picture')} ×"
        self.repeats.value = subject.repeats
        self.sum.value = f"repeats = {count * subject.repeats} an epoch"
        self.subject = subject

    def _edited(self, change: dict) -> None:
        if self.subject:
            self._repeat(self.subject, change["new"])


class PictureCard(w.VBox):
    """A picture, what is to be said of it, and a button that takes it out or puts it back."""

    def __init__(self, cache: Path, move: Callable[["PictureCard"], None]):
        self._cache = cache
        self.picture = Picture(Path())
        self.taken_out = False
        self.image = picture_view(width="auto", height="150px")
        self.text = w.HTML(layout=w.Layout(width="auto", flex="1 1 auto"))
        self.button = w.Button(layout=w.Layout(width="auto", margin="6px 0 0 0"))
        self.button.on_click(lambda _: move(self))
        super().__init__([self.image, self.text, self.button])
        self.add_class("lb-card")

    def fill(self, item: tuple[Picture, bool]) -> None:
        """Show a picture and whether it was taken out."""
        self.picture, self.taken_out = item
        problem = self.picture.problem
        if problem:
            self.image.layout.display = "none"
        else:
            problem = show_thumbnail(self.image, self.picture.path, self._cache)
        name = escape(self.picture.path.name)
        facts = problem or f"{self.picture.width} × {self.picture.height}"
        said = f'<div class="lb-said">{escape(facts)}</div>' if problem or not self.picture.remarks else ""
        said += "".join(f'<div class="lb-said lb-remark">{escape(line)}</div>' for line in self.picture.remarks)
        self.text.value = f'<div class="lb-name" title="{name}">{name}</div>{said}'
        self.button.description = "Put back" if self.taken_out else "Take out"
        self.button.icon = "undo" if self.taken_out else "times"
        (self.add_class if problem else self.remove_class)("lb-card-bad")


def _told(added: Added) -> str:
    count = _many(len(added.pictures), "picture")
    said = f"{count} added to {added.subject.folder.name}, {added.captions} with captions."
    if added.left_out:
        names = ", ".join(added.left_out[:5]) + (" …" if len(added.left_out) > 5 else "")
        said += f"\nLeft out, since they are no pictures: {names}"
    return said


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _row(*parts: w.Widget) -> w.HBox:
    return w.HBox(parts, layout=w.Layout(width="100%", grid_gap="12px", max_width="860px"))


def _labelled(label: str, widget: w.Widget, width: str = "") -> w.VBox:
    layout = w.Layout(width=width, flex="0 0 auto") if width else w.Layout(flex="1 1 0", width="0")
    return w.VBox([w.HTML(small(label)), widget], layout=layout)
