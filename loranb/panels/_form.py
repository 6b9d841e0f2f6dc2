"""A form made from the settings' declarations; there is no list of settings here.

A value that cannot be used is complained about beside its field and stays there as it was typed;
the settings keep their last usable value. Fields are made when they are first seen: all of them at
once would be some thousands of widgets.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets as w

from loranb.errors import SettingsError
from loranb.panels._field_row import FieldRow
from loranb.panels._field_search import MOST, FieldSearch
from loranb.panels._fold import Fold
from loranb.panels._length_control import EPOCHS, STEPS, LengthControl
from loranb.panels._show import shown, title
from loranb.plan import Plan
from loranb.settings import Settings, fields, group_title, grouped
from loranb.settings.declaration import SettingField
from loranb.settings.search import mentioned

Known = Mapping[str, Mapping[str, str]]


class Rows(Mapping[str, FieldRow]):
    """The rows of all settings, by their paths, each made when it is asked for."""

    def __init__(self, make: Callable[[SettingField], FieldRow]):
        self._fields = {field.path: field for field in fields()}
        self._make = make
        self.made: dict[str, FieldRow] = {}

    def __getitem__(self, path: str) -> FieldRow:
        """Return a setting's row."""
        if path not in self.made:
            self.made[path] = self._make(self._fields[path])
        return self.made[path]

    def __iter__(self) -> Iterator[str]:
        """Go through the paths, in the order of the declarations."""
        return iter(self._fields)

    def __len__(self) -> int:
        """How many settings there are."""
        return len(self._fields)


class Form(w.VBox):
    """All settings, a group at a time; it holds the defaults until `show` is called.

    Args:
        read: gives the settings as they are now.
        keep: called after each edit with the settings to keep, or with None where what was typed
            cannot be used.
        known: usual values of text settings with a note on each, by path.
        under: more widgets, each shown under the row of a setting.
    """

    def __init__(
        self,
        read: Callable[[], Settings],
        keep: Callable[[Settings | None], None],
        known: Known | None = None,
        under: Mapping[str, w.Widget] | None = None,
    ):
        self._read, self._keep, self._known, self._under = read, keep, known or {}, under or {}
        self._settings, self._conflicts = Settings(), ()
        self.notice = w.HTML()
        self.rows = Rows(self._make_row)
        self.search = FieldSearch(shown(self._search, self.notice))
        self.chooser = w.ToggleButtons(
            options=[(group_title(group), group) for group, _ in grouped()], style={"button_width": "auto"}
        )
        self.chooser.add_class("lb-chooser")
        self.chooser.observe(shown(lambda _: self.search.reset(), self.notice), "value")
        self.results = w.VBox(layout=w.Layout(width="100%", display="none"))
        self._found, self._headings = w.HTML(), {}
        self.parts: dict[str, w.VBox] = {}
        self.folds: dict[str, Fold] = {}
        self.length: LengthControl | None = None
        self._plan: Plan | None = None
        self._body = w.VBox([self.results], layout=w.Layout(width="100%"))
        self._body.add_class("lb-scroll")  # so that the plan stays beside what is being changed
        super().__init__([self.search, self.chooser, self.notice, self._body], layout=w.Layout(width="100%"))
        self._search()

    @property
    def problems(self) -> list[str]:
        """The fields that hold something that cannot be used, and why."""
        return [f"{path}: {row.problem}" for path, row in self.rows.made.items() if row.problem]

    def show(self, settings: Settings) -> None:
        """Put settings into the form, in the place of what was typed."""
        self._settings = settings
        for row in self.rows.made.values():
            row.show(row.field.of(settings))
        self._count()
        if self.search.active:
            self._search()

    def say(self, plan: Plan | None, conflicts: tuple[str, ...]) -> None:
        """Show what was found out about the settings: how long they train, and at each field what it does not go with.

        Args:
            plan: of the settings that are shown; None without pictures.
            conflicts: messages that name settings in full.
        """
        self._plan, self._conflicts = plan, conflicts
        if self.length is not None:
            self.length.show(self._settings.length, plan)
        for row in self.rows.made.values():
            row.warn(self._conflict(row.field))
        wrong = {path.partition(".")[0] for said in (*conflicts, *self.problems) for path in mentioned(said)}
        icons = tuple("exclamation-triangle" if group in wrong else "" for _, group in self.chooser.options)
        if icons != tuple(self.chooser.icons):
            self.chooser.icons = icons

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Change settings as if all of it had been typed at once.

        Raises:
            SettingsError: they cannot have these values.
        """
        self._take(self._read().assign_all(changes), changed=set(changes))

    def go_to(self, path: str) -> None:
        """Show a setting's field, and put the cursor there where the notebook can do so."""
        row = self.rows[path]
        self.chooser.value = row.field.group
        self.search.reset()
        if row.field.advanced:
            self.folds[row.field.group].unfold()
        if hasattr(row.input, "focus"):  # not in ipywidgets 7
            row.input.focus()

    def _make_row(self, field: SettingField) -> FieldRow:
        row = FieldRow(field, field.of(self._settings), shown(self._edited, self.notice), self._known.get(field.path))
        row.warn(self._conflict(field))
        return row

    def _conflict(self, field: SettingField) -> str:
        return " ".join(said for said in self._conflicts if field.path in mentioned(said))

    def _part(self, group: str, members: list[SettingField]) -> w.VBox:
        plain: list[w.Widget] = []
        for field in members:
            plain += [] if field.advanced else [self.rows[field.path]]
            plain += [self._under[field.path]] if field.path in self._under else []
        if group == "length":
            pair = self.rows[EPOCHS], self.rows[STEPS]
            self.length = LengthControl(*pair, shown(self.apply, self.notice))
            self.length.show(self._settings.length, self._plan)
            plain = [self.length, *(row for row in plain if row not in pair)]
        if advanced := [field.path for field in members if field.advanced]:
            fold = Fold(f"For experts ({len(advanced)})", lambda: [self.rows[path] for path in advanced])
            self.folds[group] = fold
            if not plain:
                fold.unfold()  # there is nothing else to see
            plain.append(fold)
        return w.VBox(plain, layout=w.Layout(width="100%"))

    def _search(self) -> None:
        """Show what is looked for, or the chosen group."""
        active, chosen = self.search.active, self.chooser.value
        if active:
            self.results.children = self._results()
        elif chosen not in self.parts:
            self.parts[chosen] = self._part(chosen, dict(grouped())[chosen])
            self._body.children = [*self._body.children, self.parts[chosen]]
        if self.length is not None and not active:
            self.length.arrange()
        self.results.layout.display = "" if active else "none"
        self.chooser.layout.display = "none" if active else ""
        for group, part in self.parts.items():
            part.layout.display = "flex" if group == chosen and not active else "none"

    def _results(self) -> list[w.Widget]:
        """Give the rows that were found, under the names of their groups."""
        found = self.search.found(self._changed())
        self._found.value = self.search.heading(len(found))
        parts: list[w.Widget] = [self._found]
        for group in dict.fromkeys(field.group for field in found[:MOST]):
            if group not in self._headings:
                self._headings[group] = w.HTML(title(group_title(group)))
            rows = [self.rows[field.path] for field in found[:MOST] if field.group == group]
            parts += [self._headings[group], *rows]
            for row in rows:
                row.layout.display = "flex"  # one of epochs and steps is hidden in its own group
        return parts

    def _changed(self) -> list[SettingField]:
        return [field for field in fields() if field.of(self._settings) != field.default]

    def _count(self) -> None:
        self.search.count(len(self._changed()))

    def _edited(self, row: FieldRow) -> None:
        field = row.field
        try:
            settings = self._read().assign(field.path, row.value)
        except SettingsError as error:
            own = [p.removeprefix(f"{field.path} = ") for p in error.problems if p.startswith(f"{field.path} ")]
            row.complain(own[0] if own else str(error))
            self._keep(None)
            return
        row.problem = ""
        self._take(settings, typed=row)

    def _take(self, settings: Settings, typed: FieldRow | None = None, changed: set[str] | None = None) -> None:
        """Go on with other settings, leaving alone what is being typed and what could not be used."""
        self._settings = settings
        for path, row in self.rows.made.items():
            if row is typed:
                row.mark(row.field.of(settings))
            elif not row.problem or path in (changed or ()):
                row.show(row.field.of(settings))
        self._count()
        self._keep(settings)
