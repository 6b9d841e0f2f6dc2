"""The captions' grid of plain ipywidgets, for pages that do not show `CaptionGrid`: Kaggle, Colab before it is asked.

It has the grid's interface: `show`, `refresh`, `selected`, `on_selected`, `on_saved`.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import ipywidgets as w

from loranb.errors import DatasetError
from loranb.panels._caption_desk import CaptionDesk, ChangedElsewhere
from loranb.panels._grid import PagedGrid, picture_view
from loranb.panels._platform import with_tooltip
from loranb.panels._show import escape, shown, small

ON_A_PAGE = 12
THUMBNAIL = 256  # pixels on the longer side
Heard = Callable[[list[Path]], None]


class CaptionCards(w.VBox):
    """Captions beside their pictures, a page at a time; each saves itself as it is typed.

    Args:
        desk: what the captions are read from and written to.
    """

    def __init__(self, desk: CaptionDesk):
        self._desk = desk
        self._selected: set[Path] = set()
        self._on_selected: list[Heard] = []
        self._on_saved: list[Heard] = []
        self._cards = [CaptionCard(desk, self._picked, self._saved) for _ in range(ON_A_PAGE)]
        self._grid = PagedGrid(self._cards, narrowest=330)
        self.page, self.all, self.none = (_button(word) for word in ("Select page", "Select all shown", "Select none"))
        self.page.on_click(lambda _: self._select(self._on_page()))
        self.all.on_click(lambda _: self._select(self._grid.items))
        self.none.on_click(lambda _: self._select([]))
        selecting = w.HBox([self.page, self.all, self.none])
        selecting.add_class("lb-part")
        super().__init__([selecting, self._grid], layout=w.Layout(width="100%"))

    @property
    def cards(self) -> list["CaptionCard"]:
        """Those that show a picture."""
        return self._cards[: len(self._on_page())]

    @property
    def selected(self) -> list[Path]:
        """The pictures that are selected, in the order in which they are shown."""
        return [picture for picture in self._grid.items if picture in self._selected]

    def show(self, pictures: Iterable[Path]) -> None:
        """Show these pictures; a selected one that is not among them is selected no more."""
        pictures = list(pictures)
        self._selected &= set(pictures)
        self._grid.show(pictures, keep_page=pictures == self._grid.items)
        self._mark()
        for button in (self.page, self.all, self.none):
            button.disabled = not pictures

    def refresh(self, pictures: Iterable[Path] | None = None) -> None:
        """Show captions anew; by default all that are shown."""
        wanted = None if pictures is None else set(pictures)
        for card, picture in zip(self.cards, self._on_page(), strict=True):
            if wanted is None or picture in wanted:
                card.fill(picture)
        self._mark()

    def turn(self, by: int) -> None:
        """Leaf forward or back."""
        self._grid.turn(by)
        self._mark()

    def on_selected(self, callback: Heard) -> None:
        """Have a function called with the selected pictures whenever they change."""
        self._on_selected.append(callback)

    def on_saved(self, callback: Heard) -> None:
        """Have a function called with the pictures whose captions were saved."""
        self._on_saved.append(callback)

    def _on_page(self) -> list[Path]:
        first = self._grid.page * ON_A_PAGE
        return self._grid.items[first : first + ON_A_PAGE]

    def _select(self, pictures: Iterable[Path]) -> None:
        pictures = set(pictures)
        self._selected = self._selected | pictures if pictures else set()
        self._mark()
        self._tell_selected()

    def _picked(self, card: "CaptionCard") -> None:
        if card.picture:
            (self._selected.add if card.pick.value else self._selected.discard)(card.picture)
            self._tell_selected()

    def _tell_selected(self) -> None:
        for callback in self._on_selected:
            callback(self.selected)

    def _mark(self) -> None:
        for card in self.cards:
            card.mark(card.picture in self._selected)

    def _saved(self, picture: Path) -> None:
        for callback in self._on_saved:
            callback([picture])


class CaptionCard(w.HBox):
    """A picture and its caption.

    Args:
        desk: see `CaptionCards`.
        picked: called with the card when it was selected, or is no more.
        saved: called with the picture whose caption was written.
    """

    def __init__(self, desk: CaptionDesk, picked: Callable[["CaptionCard"], None], saved: Callable[[Path], None]):
        self._desk, self._saved = desk, saved
        self.picture: Path | None = None
        self._base = ""  # the caption that the box was filled with, or that was last written from it
        self._filling = self._typing = False
        self.image = picture_view(width="132px", height="132px")
        self.pick = w.Checkbox(description="select", indent=False, layout=w.Layout(width="auto"))
        self.name, self.status = w.HTML(), w.HTML()
        self.text = w.Textarea(layout=w.Layout(width="auto", height="96px"))
        self.keep = with_tooltip(_button("Keep mine"), "Write what stands in the box over what was written elsewhere")
        self.take = with_tooltip(_button("Take the other"), "Show what was written elsewhere")
        self.conflict = w.HBox([self.keep, self.take], layout=w.Layout(display="none"))
        self.text.observe(shown(lambda _: None if self._filling else self._save(), self.status), "value")
        self.keep.on_click(shown(lambda _: self._save(force=True), self.status))
        self.take.on_click(shown(lambda _: self.picture and self.fill(self.picture), self.status))
        self.pick.observe(lambda _: None if self._filling else picked(self), "value")
        side = w.VBox([self.name, self.text, self.status, self.conflict], layout=w.Layout(flex="1 1 auto", width="0"))
        super().__init__([w.VBox([self.image, self.pick]), side], layout=w.Layout(grid_gap="10px"))
        self.add_class("lb-card")

    def fill(self, picture: Path) -> None:
        """Show a picture and its caption."""
        card = self._desk.card(picture)
        self._typing = self._typing and picture == self.picture and card["text"] == self.text.value
        self._filling = True  # what is put into the box now is no edit
        self.picture, self._base = picture, card["text"]
        name = escape(card["name"])
        subject = f'<span class="lb-hint"> {escape(card["subject"])}</span>'
        self.name.value = f'<div class="lb-name" title="{name}">{name}{subject}</div>'
        self.text.value, self.text.disabled = card["text"], bool(card["problem"])
        self.text.placeholder = "What the picture shows"
        self._filling = False
        problem = self._show_picture(picture) or card["problem"]
        self.status.value = f'<div class="lb-wrong">{escape(problem)}</div>' if problem else _state(card, self._typing)
        (self.add_class if problem else self.remove_class)("lb-card-bad")
        self.conflict.layout.display = "none"

    def mark(self, selected: bool) -> None:
        """Show whether it is selected."""
        self._filling = True
        self.pick.value = selected
        self._filling = False

    def _show_picture(self, picture: Path) -> str:
        """Show the thumbnail, darkened where a mask says that nothing is to be learned; else return why not."""
        try:
            self.image.value = self._desk.thumbnail(picture, THUMBNAIL, masked=True)
        except DatasetError as error:
            self.image.layout.display = "none"
            return str(error)
        self.image.layout.display = ""
        return ""

    def _save(self, force: bool = False) -> None:
        if self.picture is None:
            return
        base = None if force else self._base
        try:
            self._base = self._desk.save(self.picture, self.text.value, base, continues=self._typing)
        except ChangedElsewhere as error:
            said = f"Not saved: it was changed elsewhere meanwhile, to: {error.now}"
            self.status.value = f'<div class="lb-wrong">{escape(said)}</div>'
            self.conflict.layout.display = ""
            return
        self._typing = True
        self.conflict.layout.display = "none"
        self.status.value = _state(self._desk.card(self.picture), saved=True)
        self._saved(self.picture)


def _state(card: dict, saved: bool = False) -> str:
    """Say how long a caption is, where it is from, and what was remarked on it."""
    over = card["tokens"] > card["limit"]
    long = f'<span class="lb-wrong">{card["tokens"]} of {card["limit"]} tokens</span>'
    said = ["saved ✓"] if saved else []
    said += [long if over else f"{card['tokens']} tokens"] if card["text"].strip() else ["no caption yet"]
    said += ["draft"] if card["drafted"] else []
    said += ["mask"] if card["masked"] else []
    chips = "".join(
        f'<span class="lb-chip lb-{escape(severity)}" title="{escape(message)}">{escape(title)}</span>'
        for severity, title, message in card["remarks"]
    )
    cut = small(f"Not read: {card['cut']}") if over else ""
    return f'<div class="lb-said">{" · ".join(said)}</div>{cut}<div class="lb-chips">{chips}</div>'


def _button(text: str) -> w.Button:
    return w.Button(description=text, layout=w.Layout(width="auto"))
