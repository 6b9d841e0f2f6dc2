"""Say what the pictures show: one by one, many at a time, or with a captioner's help."""

from collections.abc import Callable
from pathlib import Path

import ipywidgets as w

from loranb.dataset.caption_store import ORDERS, CaptionStore
from loranb.dataset.captions import tags
from loranb.dataset.reader import Pictures
from loranb.errors import CaptionerError, SettingsError
from loranb.panels._caption_tools import SHOWN, AutoCaption, BulkTools, captions_of
from loranb.panels._grid import PagedGrid, picture_view, show_thumbnail
from loranb.panels._platform import with_titles, with_tooltip
from loranb.panels._show import Panel, escape, message, shown, small
from loranb.project import Project

ON_A_PAGE = 12
SEARCH_HELP = 'castle "blue sky" -night tag:sunset name:img_12'


def panel(project: Project) -> "CaptionsPanel":
    """Show a project's captions, to write and change."""
    return CaptionsPanel(project)


class CaptionsPanel(Panel):
    """Captions beside their pictures, a search, changes to many at once, and captioners."""

    def __init__(self, project: Project):
        self.project = project
        self.store = CaptionStore.load(project)
        self.count, self.notice = w.HTML(), w.HTML()
        self._listing = False
        self.search = w.Text(placeholder=f"Search: {SEARCH_HELP}", layout=w.Layout(flex="1 1 300px", width="auto"))
        self.order = w.Dropdown(options=ORDERS, layout=w.Layout(width="150px"))
        self.again = with_tooltip(
            w.Button(description="Look again", icon="refresh", layout=w.Layout(width="110px")),
            "Read the captions anew, after a change made elsewhere",
        )
        self.tag_list = w.Select(rows=9, layout=w.Layout(width="320px"))
        self.bulk = BulkTools(self._found, self._changed)
        self.auto = AutoCaption(self._caption_all, _is_demo(project))
        pictures = Pictures(project)
        cards = [CaptionCard(pictures, lambda: self.store, self._save) for _ in range(ON_A_PAGE)]
        self.grid = PagedGrid(cards, narrowest=360)
        self._observe()
        finding = w.HBox([self.search, self.order, self.again])
        finding.add_class("lb-tools")
        folded = w.Accordion(
            [self.bulk, self.auto, self._tags_box()], selected_index=None, layout=w.Layout(width="auto")
        )
        with_titles(folded, ["Change many captions", "Let a captioner write them", "Tags and how often"])
        super().__init__([self.count, folded, finding, self.notice, self.grid])
        shown(self.refresh, self.notice)()

    def refresh(self) -> None:
        """Read the captions anew and show them."""
        self.store = self._loaded()
        self._search()
        self._recount()

    def _loaded(self) -> CaptionStore:
        """Load the captions."""
        return CaptionStore.load(self.project)

    def _observe(self) -> None:
        for widget in (self.search, self.order):
            widget.observe(shown(lambda _: self._search(), self.notice), "value")
        self.again.on_click(shown(lambda _: self.refresh(), self.notice))
        self.tag_list.observe(shown(self._tag_chosen, self.notice), "value")

    def _tags_box(self) -> w.VBox:
        return w.VBox([w.HTML(small("Choose a tag to see the pictures that have it.")), self.tag_list])

    def _search(self) -> None:
        found = self.store.find(self.search.value, self.order.value)
        self.grid.show(found)
        self.bulk.recount(len(found), len(self.store.pictures))
        if self.tag_list.index is not None and self.search.value != _tag_search(self.tag_list.value):
            self._list_tags(anew=True)
        searched = self.search.value.strip()
        self.notice.value = message("info", f"No caption fits {searched}.") if searched and not found else ""

    def _found(self, scope: str) -> list[Path]:
        return self.grid.items if scope == SHOWN else self.store.pictures

    def _recount(self) -> None:
        total = len(self.store.pictures)
        done = self.store.captioned
        if not total:
            text, kind = (
                "No pictures yet: add some with the first notebook, or loranb.images(project).",
                "warning",
            )
        elif done == total:
            text, kind = f"All {total} pictures are captioned.", "good"
        else:
            text, kind = f"{done} of {total} captioned; the others go by the name of their folder.", "warning"
        self.count.value = message(kind, text)
        self.auto.show_count(len(self.store.without_caption()))
        self.bulk.undo.disabled = not self.store.can_undo
        self._list_tags()

    def _list_tags(self, anew: bool = False) -> None:
        options = [(f"{tag}  ({count})", tag) for tag, count in self.store.tag_counts().items()]
        if anew or tuple(options) != tuple(self.tag_list.options):
            self._listing = True  # filling the list may choose its first line, which nobody clicked
            self.tag_list.options = options
            self.tag_list.index = None
            self._listing = False

    def _tag_chosen(self, change: dict) -> None:
        if change["new"] is not None and not self._listing:
            self.search.value = _tag_search(change["new"])

    def _save(self, picture: Path, caption: str) -> str:
        written = self.store.save(picture, caption)
        self._recount()
        return written

    def _changed(self, change: Callable[[CaptionStore], str]) -> str:
        """Make a change to many captions, and show what came of it."""
        said = change(self.store)
        self.grid.refresh()
        self._recount()
        return said

    def _caption_all(self, name: str, source: str, progress: w.IntProgress) -> str:
        """Caption the pictures that have no caption; what is done is kept should it fail half way."""
        self.store = self._loaded()  # what was captioned elsewhere since is left alone
        pictures = self.store.without_caption()
        if not pictures:
            raise CaptionerError("Every picture has a caption. Empty those that are to be written anew.")
        unreadable: list[str] = []
        try:
            texts = captions_of(pictures, name, source, (progress, unreadable))
            done = self.store.apply(f"captions by {name}", texts, by="captioner")
        finally:
            self.grid.refresh()
            self._recount()
        left = f"\nNot captioned: {' '.join(unreadable)}" if unreadable else ""
        return f"{done} captions written by {name}. They are drafts: read each one beside its picture.{left}"


class CaptionCard(w.HBox):
    """A picture and its caption, which saves itself when one leaves the box, and says so."""

    def __init__(self, pictures: Pictures, store: Callable[[], CaptionStore], save: Callable[[Path, str], str]):
        self._pictures, self._store, self._save = pictures, store, save
        self._picture: Path | None = None
        self.image = picture_view(width="132px", height="132px")
        self.name, self.status = w.HTML(), w.HTML()
        self.text = w.Textarea(continuous_update=False, layout=w.Layout(width="auto", height="86px"))
        self.text.observe(shown(self._edited, self.status), "value")
        side = w.VBox([self.name, self.text, self.status], layout=w.Layout(flex="1 1 auto", width="0"))
        super().__init__([self.image, side], layout=w.Layout(grid_gap="10px"))
        self.add_class("lb-card")

    def fill(self, picture: Path) -> None:
        """Show a picture and its caption."""
        store = self._store()
        self._picture = None  # what is put into the box now is no edit
        caption, problem = store.text(picture), store.problems.get(picture, "")
        problem = show_thumbnail(self.image, picture, self._pictures) or problem
        name = escape(picture.name)
        self.name.value = f'<div class="lb-name" title="{name}">{name}</div>'
        self.text.value = caption
        self.text.disabled = picture in store.problems
        self.text.placeholder = "What the picture shows"
        self.status.value = f'<div class="lb-wrong">{escape(problem)}</div>' if problem else _counted(caption)
        (self.add_class if problem else self.remove_class)("lb-card-bad")
        self._picture = picture

    def _edited(self, change: dict) -> None:
        if self._picture is not None:
            written = self._save(self._picture, change["new"])
            self.status.value = _counted(written, saved=True)


def _tag_search(tag: str) -> str:
    return f'tag:"{tag}"'


def _counted(caption: str, saved: bool = False) -> str:
    count = len(tags(caption))
    said = "no caption yet" if not count else f"{count} tags" if count != 1 else "1 tag"
    return small(f"saved ✓ {said}" if saved else said)


def _is_demo(project: Project) -> bool:
    try:
        return project.settings().model.base == "demo"
    except SettingsError:
        return False
