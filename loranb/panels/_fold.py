"""A part of a panel that is made when it is unfolded for the first time, by pointer or by key."""

from collections.abc import Callable, Sequence

import ipywidgets as w


class Fold(w.VBox):
    """A button, and what it unfolds.

    An accordion would do, but its titles cannot be reached by the tabulator key, and all its parts are made at once.

    Args:
        title: what is written on the button.
        make: called once, for what is inside.
    """

    def __init__(self, title: str, make: Callable[[], Sequence[w.Widget]]):
        self._make = make
        self.made = False
        self.button = w.ToggleButton(description=title, icon="caret-right", layout=w.Layout(width="auto"))
        self.button.add_class("lb-unfold")
        self.inside = w.VBox(layout=w.Layout(width="100%", display="none"))
        self.button.observe(lambda change: self._turn(change["new"]), "value")
        super().__init__([self.button, self.inside], layout=w.Layout(width="100%"))

    def unfold(self) -> None:
        """Show what is inside."""
        self.button.value = True

    def fold(self) -> None:
        """Hide what is inside."""
        self.button.value = False

    def _turn(self, on: bool) -> None:
        if on and not self.made:
            self.inside.children = tuple(self._make())
            self.made = True
        self.button.icon = "caret-down" if on else "caret-right"
        self.inside.layout.display = "" if on else "none"
