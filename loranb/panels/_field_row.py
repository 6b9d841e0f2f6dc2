"""One setting in a form: its name and help, its value, what it may be, and the way back to its default."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as w

from loranb.panels._platform import with_tooltip
from loranb.panels._show import escape, small
from loranb.settings.declaration import SettingField

_SIDE = "232px"  # room for a learning rate and for the longest choice


class FieldRow(w.Box):
    """One setting.

    A value that differs from the default is marked, with a button that brings the default back.

    Args:
        field: the declaration.
        value: what to show first.
        on_edit: called with this row when the user has changed the value.
        known: usual values of a text with a note on each; any other may be written too.
        marks: whether a value that is not the default is marked.
    """

    def __init__(
        self,
        field: SettingField,
        value: Any,
        on_edit: Callable[["FieldRow"], None],
        known: Mapping[str, str] | None = None,
        marks: bool = True,
    ):
        self.field = field
        self.problem = ""  # why what was typed cannot be used
        self.conflict = ""  # what it does not go with
        self.changed = False
        self._filling, self._marks = False, marks
        self.input = _input_for(field, known or {})
        with_tooltip(self.input, field.path)
        self.hint = w.HTML()
        self.back: w.Button | None = None
        wide = field.kind in (str, tuple) and not field.choices
        self._parts = [self.input, *([_offer(self.input, known)] if known else []), self.hint]
        self.side = w.VBox(self._parts, layout=w.Layout(width="auto" if wide else _SIDE, flex="0 0 auto"))
        text = w.HTML(_said_of(field), layout=w.Layout(flex="1 1 auto", width="auto" if wide else "0"))
        layout = w.Layout(flex_flow="column" if wide else "row", width="100%", grid_gap="4px 20px")
        super().__init__([text, self.side], layout=layout)
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
        self.input.value = value if isinstance(value, bool) else as_text(value)
        self._filling = False
        self.problem = ""
        self.mark(value)

    def mark(self, value: Any) -> None:
        """Say whether the value that counts now is the default, without touching what is being typed."""
        self._mark(value != self.field.default)
        self._say()

    def complain(self, problem: str) -> None:
        """Say why the value cannot be used; with nothing, say what is allowed."""
        self.problem = problem
        if problem:
            self._mark(True)
        self._say()

    def warn(self, conflict: str) -> None:
        """Say what the value does not go with; nothing takes that back."""
        if conflict != self.conflict:
            self.conflict = conflict
            self._say()

    def _mark(self, changed: bool) -> None:
        if changed == self.changed or not self._marks:
            return
        self.changed = changed
        if changed:
            self.add_class("lb-changed")
            self.back = self.back or self._button()
            self.side.children = [*self._parts, self.back]
        else:
            self.remove_class("lb-changed")
            self.side.children = self._parts

    def _button(self) -> w.Button:
        default = as_text(self.field.default)
        said = default.replace("\n", ", ") or "blank"
        short = said if len(said) <= 20 else "the default"
        back = w.Button(description=f"back to {short}", icon="undo", layout=w.Layout(width="auto"))
        back.add_class("lb-link")
        with_tooltip(back, f"The default of {self.field.label}: {said}")
        back.on_click(lambda _: self._take_back())
        return back

    def _take_back(self) -> None:
        default = self.field.default
        self.input.value = default if isinstance(default, bool) else as_text(default)

    def _say(self) -> None:
        wrong = self.problem or self.conflict
        if wrong:
            said = wrong
        elif self.field.choices:
            said = self.field.meaning(str(self.input.value))
        else:
            blank = "may be blank" if self.field.optional else ""
            said = "; ".join(part for part in (self.field.allowed_in_words.strip(" ()"), blank) if part)
        self.hint.value = f'<div class="{"lb-wrong" if wrong else "lb-hint"}">{escape(said)}</div>'


def as_text(value: Any) -> str:
    """Write a value as a person would type it; blank is nothing, several lines are lines."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return "\n".join(value)
    if isinstance(value, float):
        return _number(value)
    return str(value)


def _number(value: float) -> str:
    """Write 0.05 and 1e-4, and every digit of what has more."""
    digits, _, power = f"{value:e}".partition("e")
    small = f"{float(digits):g}e{int(power)}"
    if 0 < abs(value) < 0.001 and float(small) == value:
        return small
    return f"{value:g}" if float(f"{value:g}") == value else str(value)


def _said_of(field: SettingField) -> str:
    name = field.label[:1].upper() + field.label[1:]
    kohya = f' <span class="lb-kohya" title="its name in kohya\'s tools">{escape(field.kohya)}</span>'
    return f"<b>{escape(name)}</b>{kohya if field.kohya else ''}{small(field.help)}"


def _input_for(field: SettingField, known: Mapping[str, str]) -> w.Widget:
    """Choose a widget by what the setting may be; a number counts as it is typed, a text when it is left."""
    full = w.Layout(width="auto")
    if field.kind is bool:
        return w.Checkbox(description="on", indent=False, layout=full)
    if field.choices:
        return w.Dropdown(options=field.choices, layout=full)
    if field.kind is tuple:
        return w.Textarea(rows=4, continuous_update=False, layout=full)
    if known:
        return w.Combobox(options=tuple(known), continuous_update=False, layout=full)
    return w.Text(continuous_update=field.kind is not str, layout=full)


def _offer(field: w.Widget, known: Mapping[str, str]) -> w.Dropdown:
    """Offer usual values, beside the field in which any other may be written."""
    options = [
        ("usual ones …", ""),
        *((f"{value} · {note}" if note else value, value) for value, note in known.items()),
    ]
    offer = w.Dropdown(options=options, layout=w.Layout(width="auto"))

    def take(change: dict) -> None:
        if change["new"]:
            field.value = change["new"]
            offer.value = ""

    offer.observe(take, "value")
    return offer
