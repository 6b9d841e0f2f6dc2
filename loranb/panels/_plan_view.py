"""What a run with some settings will be: the sentence, the rate, the buckets."""

import ipywidgets as w

from loranb.panels._rate_curve import rate_curve
from loranb.panels._show import message, small, table, title
from loranb.plan import Plan
from loranb.settings import Settings


class PlanView(w.VBox):
    """The plan, which follows each change of the settings."""

    def __init__(self) -> None:
        self.text = w.HTML()
        super().__init__([self.text], layout=w.Layout(width="100%"))

    @property
    def value(self) -> str:
        """What is shown, as HTML."""
        return self.text.value

    def show(self, settings: Settings, plan: Plan | None, why_not: str = "") -> None:
        """Show a plan, or why there is none."""
        if plan is None:
            self.text.value = title("Plan") + message("warning", why_not)
            return
        self.text.value = "".join(
            [title("Plan"), message("info", plan.sentence()), _rate(settings, plan), _buckets(plan)]
        )


def _rate(settings: Settings, plan: Plan) -> str:
    return small("Learning rate, step by step") + rate_curve(settings.optimizer, plan.steps)


def _buckets(plan: Plan) -> str:
    rows = [(f"{b.size[0]} × {b.size[1]}", b.images, b.items, b.batches) for b in plan.buckets]
    hint = small("Buckets: pictures of like shape are trained together at the size that fits them.")
    return hint + table(["size", "pictures", "with repeats", "batches"], rows)
