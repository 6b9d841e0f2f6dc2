"""A grid of cards for any number of pictures: a page of cards is built once and filled anew.

A card for each picture would be thousands of widgets and hundreds of megabytes for a thousand
pictures; a page of twelve or twenty-four is always quick.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import ipywidgets as w

from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.panels._show import small


class Card(Protocol):
    """A widget that shows one of many things."""

    layout: w.Layout

    def fill(self, item: Any) -> None:
        """Show a thing; whatever was shown before is forgotten."""
        ...


class PagedGrid(w.VBox):
    """Cards in columns, with a bar above and below for leafing.

    Args:
        cards: those of one page; a card without a thing to show is hidden.
        narrowest: a column's least width in pixels; there are as many columns as fit.
    """

    def __init__(self, cards: Sequence[Card], narrowest: int):
        self._cards = list(cards)
        self.items: list[Any] = []
        self.page = 0
        self.bars = [_Bar(self.turn), _Bar(self.turn)]
        columns = f"repeat(auto-fill, minmax(min({narrowest}px, 100%), 1fr))"
        grid = w.GridBox(
            self._cards,
            layout=w.Layout(grid_template_columns=columns, grid_gap="10px", margin="4px 2px 6px 2px"),
        )
        super().__init__([self.bars[0], grid, self.bars[1]], layout=w.Layout(width="100%"))
        self.refresh()

    @property
    def pages(self) -> int:
        """How many pages there are; one even where there is nothing to show."""
        return max(1, -(-len(self.items) // len(self._cards)))

    def show(self, items: Sequence[Any], keep_page: bool = False) -> None:
        """Show other things, from the first page or on the present one."""
        self.items = list(items)
        self.page = min(self.page, self.pages - 1) if keep_page else 0
        self.refresh()

    def turn(self, by: int) -> None:
        """Leaf forward or back."""
        self.page = min(max(0, self.page + by), self.pages - 1)
        self.refresh()

    def refresh(self) -> None:
        """Fill the cards of the present page anew."""
        first = self.page * len(self._cards)
        on_page = self.items[first : first + len(self._cards)]
        for index, card in enumerate(self._cards):
            if index < len(on_page):
                card.fill(on_page[index])
            card.layout.display = "flex" if index < len(on_page) else "none"
        where = f"{first + 1} to {first + len(on_page)} of {len(self.items)}" if on_page else ""
        for bar in self.bars:
            bar.show(where, back=self.page > 0, on=self.page < self.pages - 1)


class _Bar(w.HBox):
    """Back, where one is, on; hidden while there is one page."""

    def __init__(self, turn: Callable[[int], None]):
        self.back = w.Button(description="Back", icon="chevron-left", layout=w.Layout(width="90px"))
        self.on = w.Button(description="Next", icon="chevron-right", layout=w.Layout(width="90px"))
        self.where = w.HTML()
        self.back.on_click(lambda _: turn(-1))
        self.on.on_click(lambda _: turn(1))
        super().__init__([self.back, self.where, self.on], layout=w.Layout(align_items="center"))
        self.add_class("lb-bar")

    def show(self, where: str, back: bool, on: bool) -> None:
        self.where.value = small(where)
        self.back.disabled, self.on.disabled = not back, not on
        self.layout.display = "flex" if back or on else "none"


def picture_view(width: str = "auto", height: str = "auto", layout: w.Layout | None = None) -> w.Image:
    """Make a place for a picture; it is filled later, since Colab loses bytes given at the start.

    Args:
        width: of the place.
        height: of the place.
        layout: in the place of these, one that several places share.
    """
    view = w.Image(format="jpeg", layout=layout or w.Layout(width=width, height=height, flex="0 0 auto"))
    view.add_class("lb-picture")
    return view


def show_thumbnail(view: w.Image, picture: Path, pictures: Pictures) -> str:
    """Fill a place with a picture's thumbnail; where it cannot be read, hide it and return why."""
    try:
        if not picture.exists():
            raise DatasetError(f"{picture.name} is not there any more; it was moved or renamed.")
        view.value = pictures.thumbnail(picture)
    except DatasetError as error:
        view.layout.display = "none"
        return str(error)
    view.layout.display = ""
    return ""
