"""A row of buttons, each of which unfolds a part of a panel; one part is open at a time, or none."""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as w


class Folds(w.VBox):
    """Parts of a panel that are out of sight until they are asked for.

    Args:
        parts: by their titles.
        opened: called with the title of a part that was unfolded.
        beside: more widgets, at the end of the row.
    """

    def __init__(self, parts: Mapping[str, w.Widget], opened: Callable[[str], None], beside: Sequence[w.Widget] = ()):
        self._parts, self._opened, self._choosing = dict(parts), opened, False
        self.buttons = {name: w.ToggleButton(description=name, layout=w.Layout(width="auto")) for name in parts}
        for name, button in self.buttons.items():
            button.observe(lambda change, name=name: self._pressed(name, change["new"]), "value")
            parts[name].layout.display = "none"
        row = w.HBox([*self.buttons.values(), *beside])
        row.add_class("lb-tools")
        row.add_class("lb-folds")
        box = w.VBox(list(parts.values()), layout=w.Layout(width="100%"))
        box.add_class("lb-unfolded")
        super().__init__([row, box], layout=w.Layout(width="100%"))

    @property
    def unfolded(self) -> str:
        """The title of the part that is open; blank for none."""
        return next((name for name, button in self.buttons.items() if button.value), "")

    def unfold(self, name: str) -> None:
        """Open a part."""
        self.buttons[name].value = True

    def name(self, part: str, said: str) -> None:
        """Write something else on a part's button."""
        self.buttons[part].description = said

    def _pressed(self, name: str, on: bool) -> None:
        if self._choosing:
            return
        self._choosing = True
        for other, button in self.buttons.items():
            button.value = on and other == name
            self._parts[other].layout.display = "" if button.value else "none"
        self._choosing = False
        if on:
            self._opened(name)
