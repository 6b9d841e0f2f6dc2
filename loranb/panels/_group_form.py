"""One group of settings as a form, made from its declarations; for groups that are no part of a project's settings."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as w

from loranb.errors import SettingsError
from loranb.panels._field_row import FieldRow
from loranb.panels._fold import Fold
from loranb.settings.declaration import Group, SettingField, fields_of, filled


class GroupForm(w.VBox):
    """The settings of a group, those for experts folded.

    What cannot be used is complained about beside its field, and stays there as it was typed.

    Args:
        group: the declarations.
        name: what the group goes by in messages: the ``wording`` of ``wording.trigger``.
        values: what to show first; what is absent, or cannot be used, shows its default.
        changed: called after each change.
        known: usual values of text settings with a note on each, by the setting's name.
    """

    def __init__(
        self,
        group: type[Group],
        name: str,
        values: Mapping[str, Any],
        changed: Callable[[], None],
        known: Mapping[str, Mapping[str, str]] | None = None,
    ):
        self._group, self._name, self._changed = group, name, changed
        start = _usable(group, name, values)
        fields = fields_of(group, name)
        self.rows = {
            field.name: FieldRow(
                field, getattr(start, field.name), self._edited, (known or {}).get(field.name), marks=_proposes(field)
            )
            for field in fields
        }
        plain = [self.rows[field.name] for field in fields if not field.advanced]
        advanced = [self.rows[field.name] for field in fields if field.advanced]
        parts: list[w.Widget] = [_in_columns(plain)]
        if advanced:
            parts.append(Fold(f"For experts ({len(advanced)})", lambda: [_in_columns(advanced)]))
        super().__init__(parts, layout=w.Layout(width="100%"))

    @property
    def values(self) -> dict[str, Any]:
        """What stands in the fields, usable or not."""
        return {name: row.value for name, row in self.rows.items()}

    def read(self) -> Group:
        """Return the group as it is filled in.

        Raises:
            SettingsError: with every value that cannot be used; each is complained about beside its field too.
        """
        problems: list[str] = []
        try:
            return filled(self._group, self._name, self.values)
        except SettingsError as error:
            problems = error.problems
            raise
        finally:
            for name, row in self.rows.items():
                path = f"{self._name}.{name} "
                own = [problem.removeprefix(f"{path}= ") for problem in problems if problem.startswith(path)]
                if row.problem or own:
                    row.complain(own[0] if own else "")

    def _edited(self, row: FieldRow) -> None:
        try:
            read = self.read()
        except SettingsError:  # said beside the field
            return
        row.mark(getattr(read, row.field.name))
        self._changed()


def _proposes(field: SettingField) -> bool:
    """Whether a setting has a value of its own to go back to; words that are to be filled in have none."""
    return field.default not in (None, "", ())


def _usable(group: type[Group], name: str, values: Mapping[str, Any]) -> Group:
    """Take of some values, such as those that an earlier version kept, what can be used."""
    found = dict(values)
    for key, value in values.items():
        try:
            filled(group, name, {key: value})
        except SettingsError:
            del found[key]
    return filled(group, name, found)


def _in_columns(rows: list[FieldRow]) -> w.GridBox:
    columns = "repeat(auto-fill, minmax(min(400px, 100%), 1fr))"
    layout = w.Layout(grid_template_columns=columns, grid_gap="0 28px", width="100%", align_items="flex-start")
    return w.GridBox(rows, layout=layout)
