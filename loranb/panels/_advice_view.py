"""What is wrong with settings and what is unwise, each with the button that leads there or mends it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as w

from loranb.panels._field_row import as_text
from loranb.panels._platform import close, with_tooltip
from loranb.panels._show import message, shown, small
from loranb.settings import fields
from loranb.settings.advice import Advice
from loranb.settings.search import mentioned

_LABELS = {field.path: field.label for field in fields()}
_MOST_WORDS = 34  # letters on a button


class AdviceView(w.VBox):
    """A list that follows the settings; what stays the same keeps its widgets.

    Args:
        go_to: called with the setting whose field is to be shown.
        mend: called with the values that end a piece of advice.
    """

    def __init__(self, go_to: Callable[[str], None], mend: Callable[[Mapping[str, Any]], None]):
        self._go_to, self._mend = go_to, mend
        self._items: dict[tuple, w.Widget] = {}
        self.notice = w.HTML()
        super().__init__(layout=w.Layout(width="100%"))

    def show(self, problems: Sequence[str], advice: Sequence[Advice]) -> None:
        """Show problems, which stop a run, and advice, which doesn't."""
        wanted = {("problem", said): lambda said=said: self._problem(said) for said in problems}
        wanted |= {("advice", one.words, tuple(one.mend.items())): lambda one=one: self._advice(one) for one in advice}
        if list(wanted) == list(self._items):
            return
        gone = [item for key, item in self._items.items() if key not in wanted]
        self._items = {key: self._items.get(key) or make() for key, make in wanted.items()}
        self.children = [self.notice, *self._items.values()]
        for item in gone:
            close(item)

    def _problem(self, said: str) -> w.Widget:
        return self._item(message("error", said), [self._there(path) for path in mentioned(said)])

    def _advice(self, one: Advice) -> w.Widget:
        buttons = [self._mending(one.mend)] if one.mend else []
        paths = dict.fromkeys([*mentioned(one.words), *one.mend])
        return self._item(message("warning", one.words), [*buttons, *(self._there(path) for path in list(paths)[:3])])

    def _item(self, words: str, buttons: list[w.Button]) -> w.Widget:
        row = w.HBox(buttons)
        row.add_class("lb-tools")
        return w.VBox([w.HTML(words), row], layout=w.Layout(width="100%"))

    def _there(self, path: str) -> w.Button:
        button = w.Button(description=_LABELS[path], icon="arrow-left", layout=w.Layout(width="auto"))
        button.add_class("lb-link")
        with_tooltip(button, f"Show the field of {path}")
        button.on_click(shown(lambda _: self._go_to(path), self.notice))
        return button

    def _mending(self, changes: Mapping[str, Any]) -> w.Button:
        button = w.Button(description=mending(changes), icon="wrench", layout=w.Layout(width="auto"))
        with_tooltip(button, "; ".join(_set(path, value) for path, value in changes.items()))
        button.on_click(shown(lambda _: self._mend(changes), self.notice))
        return button


def mending(changes: Mapping[str, Any]) -> str:
    """Say on a button what it will change."""
    first = "; ".join(f"set {_LABELS[path]} to {_written(value)}" for path, value in changes.items())
    said = first if len(first) <= _MOST_WORDS else f"mend {' and '.join(_LABELS[path] for path in changes)}"
    return said[:1].upper() + said[1:]


def listed(differences: Mapping[str, tuple[Any, Any]]) -> str:
    """List in HTML what changes from which value to which."""
    return small("\n".join(f"{path}: {_written(old)} → {_written(new)}" for path, (old, new) in differences.items()))


def _set(path: str, value: Any) -> str:
    return f"{path} = {_written(value)}"


def _written(value: Any) -> str:
    return as_text(value).replace("\n", ", ") or "blank"
