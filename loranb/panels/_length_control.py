"""How long is trained, in epochs or in steps: one control, and both numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as w

from loranb.panels._field_row import FieldRow
from loranb.panels._show import escape
from loranb.plan import Plan
from loranb.settings import LengthSettings

EPOCHS, STEPS = "length.epochs", "length.steps"


class LengthControl(w.VBox):
    """The rows of epochs and steps, one of them at a time.

    Args:
        epochs: its row.
        steps: its row; blank means that the epochs count.
        change: called with the settings to change where the other is to count.
    """

    def __init__(self, epochs: FieldRow, steps: FieldRow, change: Callable[[Mapping[str, Any]], None]):
        self._rows, self._change = {EPOCHS: epochs, STEPS: steps}, change
        self._plan: Plan | None = None
        self._filling = False
        self.unit = w.ToggleButtons(options=[("Epochs", EPOCHS), ("Steps", STEPS)], style={"button_width": "90px"})
        self.said = w.HTML()
        self.unit.observe(lambda change: None if self._filling else self._chosen(change["new"]), "value")
        super().__init__([self.unit, self.said, epochs, steps], layout=w.Layout(width="100%"))

    def show(self, length: LengthSettings, plan: Plan | None) -> None:
        """Show what counts; without a plan, which takes pictures, only that number is known."""
        self._plan = plan
        self._filling = True
        self.unit.value = EPOCHS if length.steps is None else STEPS
        self._filling = False
        self.arrange()
        self.said.value = f'<div class="lb-length">{escape(_sum(length, plan))}</div>'

    def _chosen(self, unit: str) -> None:
        """Count in the other from now on; the run stays as long as it is, as nearly as can be."""
        plan = self._plan
        if unit == STEPS:
            self._change({STEPS: plan.steps if plan else 1000})
        else:
            self._change({STEPS: None} | ({EPOCHS: plan.epochs} if plan else {}))

    def arrange(self) -> None:
        """Show the row that counts and hide the other."""
        for path, row in self._rows.items():
            row.layout.display = "flex" if path == self.unit.value else "none"


def _sum(length: LengthSettings, plan: Plan | None) -> str:
    if plan is None:
        return "Add pictures to see how many steps an epoch has."
    whole = plan.steps == plan.epochs * plan.steps_per_epoch
    if length.steps is None or whole:
        return f"{plan.epochs:,} epochs × {plan.steps_per_epoch:,} steps = {plan.steps:,} steps"
    rest = plan.steps - (plan.epochs - 1) * plan.steps_per_epoch
    return (
        f"{plan.steps:,} steps = {plan.steps / plan.steps_per_epoch:.1f} epochs of {plan.steps_per_epoch:,} steps: "
        f"the last ends after {rest:,}"
    )
