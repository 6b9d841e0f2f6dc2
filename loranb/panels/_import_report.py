"""What became of a file of kohya's tools: what was taken over, what means nothing here, what to look at."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as w

from loranb.interop.kohya import Imported
from loranb.panels._advice_view import AdviceView
from loranb.panels._show import escape, message, table


class ImportReport(w.VBox):
    """The report of an import; its advice is mended in the settings that are now the project's.

    Args:
        go_to: called with the setting whose field is to be shown.
        mend: called with the values that end a piece of advice.
    """

    def __init__(self, go_to: Callable[[str], None], mend: Callable[[Mapping[str, Any]], None]):
        self._mend = mend
        self.said = w.HTML()
        self.advice = AdviceView(go_to, self._mended)
        super().__init__([self.said, self.advice], layout=w.Layout(width="100%"))

    def clear(self) -> None:
        """Take the report away."""
        self.said.value, self._left = "", []
        self.advice.show([], [])

    def show(self, found: Imported, name: str) -> None:
        """Report an import; `name` is the file's."""
        kinds = [f"keys taken over: {len(found.mapped)}", f"without meaning here: {len(found.ignored)}"]
        kinds += [f"unknown: {', '.join(found.unknown)}"] if found.unknown else []
        told = message("good", f"{name}: {'; '.join(kinds)}.")
        taken = _folded("What was taken over", ["key", "setting"], found.mapped)
        self.said.value = told + taken + _folded("What means nothing here, and why", ["key", "why"], found.ignored)
        self._left = list(found.advice)
        self.advice.show([], self._left)

    def _mended(self, changes: Mapping[str, Any]) -> None:
        self._mend(changes)
        self._left = [one for one in self._left if one.mend != changes]
        self.advice.show([], self._left)


def _folded(words: str, header: list[str], rows: Mapping[str, str]) -> str:
    if not rows:
        return ""
    summary = f'<summary><span class="lb-hint">{escape(words)} ({len(rows)})</span></summary>'
    return f'<details class="lb-more">{summary}{table(header, rows.items())}</details>'
