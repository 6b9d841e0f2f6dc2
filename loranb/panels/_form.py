"""A form made from the settings' declarations; there is no list of settings here.

A value that cannot be used is complained about beside its field and stays there as it was typed;
the settings keep their last usable value.
"""

from collections.abc import Callable
from typing import Any

import ipywidgets as w

from loranb.errors import SettingsError
from loranb.panels._platform import with_titles
from loranb.panels._show import escape, shown, small
from loranb.settings import Settings, group_title, grouped
from loranb.settings.declaration import SettingField


class FieldRow(w.Box):
    """One setting: its name and help, its value, and what it may be or why it cannot be that.

    Args:
        field: the declaration.
        value: what to show first.
        on_edit: called with this row when the user has changed the value.
    """

    def __init__(self, field: SettingField, value: Any, on_edit: Callable[["FieldRow"], None]):
        self.field = field
        self.problem = ""
        self._filling = False
        self.input = _input_for(field)
        self.hint = w.HTML()
        name = field.label[:1].upper() + field.label[1:]
        label = f"<b>{escape(name)}</b>{small(field.help)}"
        wide = field.kind in (str, tuple) and not field.choices
        side = w.VBox([self.input, self.hint], layout=w.Layout(width="auto" if wide else "210px", flex="0 0 auto"))
        text = w.HTML(label, layout=w.Layout(flex="1 1 auto", width="auto" if wide else "0"))
        layout = w.Layout(flex_flow="column" if wide else "row", width="100%", grid_gap="4px 20px")
        super().__init__([text, side], layout=layout)
        self.add_class("lb-field")
        self.show(value)
        self.input.observe(lambda _: None if self._filling else on_edit(self), "value")

    @property
    def value(self) -> Any:
        """What stands in the field, for `Settings.assign` to judge."""
        given = self.input.value
        return self.field.parse(given.strip()) if isinstance(given, str) else given

    def show(self, value: Any) -> None:
        """Put a usable value into the field."""
        self._filling = True
        self.input.value = value if isinstance(value, bool) else _as_text(value)
        self._filling = False
        self.complain("")

    def complain(self, problem: str) -> None:
        """Say why the value cannot be used; with nothing, say what is allowed."""
        self.problem = problem
        allowed = "" if self.field.choices else self.field.allowed_in_words.strip(" ()")
        blank = "may be blank" if self.field.optional else ""
        said = problem or "; ".join(part for part in (allowed, blank) if part)
        self.hint.value = f'<div class="{"lb-wrong" if problem else "lb-hint"}">{escape(said)}</div>'


class Form(w.VBox):
    """All settings, a group at a time; it holds the defaults until `show` is called.

    Args:
        read: gives the settings as they are now.
        keep: called after each edit with the settings to keep, or with None where what was typed
            cannot be used.
    """

    def __init__(self, read: Callable[[], Settings], keep: Callable[[Settings | None], None]):
        self._read, self._keep = read, keep
        self.notice = w.HTML()
        settings = Settings()
        groups = grouped()
        self.rows = {
            field.path: FieldRow(field, field.of(settings), shown(self._edited, self.notice))
            for _, fields in groups
            for field in fields
        }
        self._parts = {group: self._part(fields) for group, fields in groups}
        self.chooser = w.ToggleButtons(
            options=[(group_title(group), group) for group, _ in groups], style={"button_width": "auto"}
        )
        self.chooser.add_class("lb-chooser")
        self.chooser.observe(lambda _: self._choose(), "value")
        self._choose()
        super().__init__([self.chooser, self.notice, *self._parts.values()], layout=w.Layout(width="100%"))

    @property
    def problems(self) -> list[str]:
        """The fields that hold something that cannot be used, and why."""
        return [f"{path}: {row.problem}" for path, row in self.rows.items() if row.problem]

    def show(self, settings: Settings) -> None:
        """Put settings into the form, in the place of what was typed."""
        for row in self.rows.values():
            row.show(row.field.of(settings))

    def _part(self, fields: list[SettingField]) -> w.VBox:
        plain = [self.rows[field.path] for field in fields if not field.advanced]
        advanced = [self.rows[field.path] for field in fields if field.advanced]
        if advanced:
            more = w.Accordion([w.VBox(advanced)], selected_index=None, layout=w.Layout(width="auto"))
            plain.append(with_titles(more, [f"For experts ({len(advanced)})"]))
        return w.VBox(plain, layout=w.Layout(width="100%"))

    def _choose(self) -> None:
        for group, part in self._parts.items():
            part.layout.display = "flex" if group == self.chooser.value else "none"

    def _edited(self, row: FieldRow) -> None:
        field = row.field
        try:
            settings = self._read().assign(field.path, row.value)
        except SettingsError as error:
            own = [p.removeprefix(f"{field.path} = ") for p in error.problems if p.startswith(f"{field.path} ")]
            row.complain(own[0] if own else str(error))
            self._keep(None)
            return
        row.complain("")
        for other in self.rows.values():
            if other is not row and not other.problem:
                other.show(other.field.of(settings))
        self._keep(settings)


def _input_for(field: SettingField) -> w.Widget:
    """Choose a widget by what the setting may be; a number counts as it is typed, a text when it is left."""
    full = w.Layout(width="auto")
    if field.kind is bool:
        return w.Checkbox(description="on", indent=False, layout=full)
    if field.choices:
        return w.Dropdown(options=field.choices, layout=full)
    if field.kind is tuple:
        return w.Textarea(rows=4, continuous_update=False, layout=full)
    return w.Text(continuous_update=field.kind is not str, layout=full)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "\n".join(value)
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return str(value)
