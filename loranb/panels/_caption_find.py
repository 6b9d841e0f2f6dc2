"""The bar above the captions that says which are shown."""

from collections.abc import Callable, Sequence

import ipywidgets as w

from loranb.dataset.caption_store import ORDERS
from loranb.panels._caption_filters import EVERYTHING, Asked, View
from loranb.panels._platform import with_tooltip
from loranb.panels._show import small

SEARCH_HELP = 'castle "blue sky" -night tag:sunset name:img_12'


class FindBar(w.VBox):
    """A search, a view, a subject and an order; and how much of it is shown and selected.

    Args:
        changed: called when something else was asked for.
        everything: called when all captions are to be shown.
        again: called when the project's folder is to be read anew.
    """

    def __init__(self, changed: Callable[[], None], everything: Callable[[], None], again: Callable[[], None]):
        self._changed, self._setting = changed, False
        self.search = w.Text(placeholder=f"Search: {SEARCH_HELP}", layout=w.Layout(flex="1 1 250px", width="auto"))
        with_tooltip(
            self.search,
            'Words that all must occur; "two words" as one; tag:sunset a whole tag; name: the file; subject: the '
            "folder; is:empty, is:edited, is:draft; a - in front of what must not be so",
        )
        self.view = w.Dropdown(options=[("All captions", EVERYTHING)], layout=w.Layout(width="200px"))
        self.subject = w.Dropdown(options=[("All subjects", "")], layout=w.Layout(width="150px"))
        self.order = w.Dropdown(options=list(ORDERS), layout=w.Layout(width="130px"))
        self.everything = w.Button(description="Show all", icon="eraser", layout=w.Layout(width="auto"))
        self.again = w.Button(icon="refresh", layout=w.Layout(width="38px"))
        with_tooltip(self.again, "Read the project's folder anew, after a change made elsewhere")
        self.told = w.HTML()
        for control in (self.search, self.view, self.subject, self.order):
            control.observe(lambda _: None if self._setting else changed(), "value")
        self.everything.on_click(lambda _: everything())
        self.again.on_click(lambda _: again())
        row = w.HBox([self.search, self.view, self.subject, self.order, self.everything, self.again])
        row.add_class("lb-tools")
        super().__init__([row, self.told], layout=w.Layout(width="100%"))

    @property
    def asked(self) -> Asked:
        """What is asked for here."""
        return Asked(self.search.value, self.order.value, self.view.value, self.subject.value)

    def show(self, asked: Asked) -> None:
        """Ask for something else."""
        self._setting = True
        self.search.value, self.order.value = asked.search, asked.order
        views = [value for _, value in self.view.options]
        self.view.value = asked.view if asked.view in views else EVERYTHING
        self.subject.value = asked.subject
        self._setting = False
        self._changed()

    def offer(self, known: Sequence[View], subjects: Sequence[str]) -> None:
        """Offer what there is; what is chosen stays so as long as it is there."""
        self._setting = True
        _reoffer(self.view, [(view.label, view.key) for view in known])
        _reoffer(self.subject, [("All subjects", ""), *((words, words) for words in subjects)])
        self.subject.layout.display = "" if len(subjects) > 1 else "none"
        self._setting = False

    def tell(self, shown: int, selected: int, total: int) -> None:
        """Say how many captions of how many are shown, and how many of them are selected; nothing of the obvious."""
        said = [f"{shown} of {total} shown" if shown else "No caption fits."] if shown < total else []
        said += [f"{selected} selected"] if selected else []
        self.told.value = small(" · ".join(said)) if said else ""
        self.everything.layout.display = "" if shown < total else "none"


def _reoffer(dropdown: w.Dropdown, options: list[tuple[str, str]]) -> None:
    if tuple(options) != tuple(dropdown.options):
        before = dropdown.value
        dropdown.options = options
        dropdown.value = before if before in [value for _, value in options] else options[0][1]
