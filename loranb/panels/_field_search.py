"""Look for settings in a form, by any of their names, and see which are not as they come."""

from collections.abc import Callable, Iterable

import ipywidgets as w

from loranb.panels._platform import with_tooltip
from loranb.panels._show import escape, small
from loranb.settings.declaration import SettingField
from loranb.settings.search import find, near

MOST = 30  # that are shown at once


class FieldSearch(w.HBox):
    """A box to write in, and a button for the changed ones.

    Args:
        sought: called when something else is looked for.
    """

    def __init__(self, sought: Callable[[], None]):
        self.text = w.Text(
            placeholder="Search: rank, network_dim, memory …", layout=w.Layout(flex="1 1 220px", width="auto")
        )
        with_tooltip(self.text, "Search settings by name, by kohya's name or by any word of their help")
        self.changed = w.ToggleButton(icon="filter", layout=w.Layout(width="auto"))
        with_tooltip(self.changed, "Show only the settings that differ from their defaults")
        self.clear = w.Button(description="Show all", layout=w.Layout(width="auto", display="none"))
        self._sought = sought
        self._quiet = False
        self.text.observe(lambda _: self._turned(), "value")
        self.changed.observe(lambda _: self._turned(), "value")
        self.clear.on_click(lambda _: self.reset())
        super().__init__([self.text, self.changed, self.clear])
        self.add_class("lb-tools")
        self.count(0)

    @property
    def active(self) -> bool:
        """Whether some settings are looked for, and not a group at a time shown."""
        return bool(self.text.value.strip()) or self.changed.value

    def count(self, changed: int) -> None:
        """Say how many differ from their defaults."""
        self.changed.description = f"Changed ({changed})"

    def found(self, differ: Iterable[SettingField]) -> list[SettingField]:
        """List what is looked for, the best first; `differ` are the changed ones."""
        among = list(differ) if self.changed.value else None
        return find(self.text.value, among) if self.text.value.strip() else among or []

    def heading(self, found: int) -> str:
        """Say in HTML how many were found, and what else might have been meant."""
        if found > MOST:
            return small(f"{found} settings; the first {MOST} are shown. Write another word to narrow them down.")
        if found:
            return small("1 setting" if found == 1 else f"{found} settings")
        if not self.text.value.strip():
            return small("Every setting has its default.")
        meant = ", ".join(near(self.text.value))
        where = " among the changed ones" if self.changed.value else ""
        nothing = f"No setting is called “{self.text.value.strip()}”{where}, and no help speaks of it."
        return f'<div class="lb-hint">{escape(nothing + (f" Near it: {meant}." if meant else ""))}</div>'

    def reset(self) -> None:
        """Look for nothing."""
        self._quiet = True
        self.text.value, self.changed.value = "", False
        self._quiet = False
        self._turned()

    def _turned(self) -> None:
        if not self._quiet:
            self.clear.layout.display = "" if self.active else "none"
            self._sought()
