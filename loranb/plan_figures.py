"""Figures of a run that has not begun; like those of `loranb.figures` they are returned, and drawn nowhere."""

from typing import TYPE_CHECKING

from loranb.figures import INK, RATES, WIDTH, group_name, tidy
from loranb.plan import Plan
from loranb.settings import OptimizerSettings
from loranb.settings.optimizers import finds_rate
from loranb.training.schedules import schedule_for

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 400  # of the curve; more cannot be told apart


def learning_rates(optimizer: OptimizerSettings, steps: int) -> dict[str, list[tuple[int, float]]]:
    """Return the learning rate of each group over a run: steps already taken, and the rate of the next.

    A text encoder that is trained no longer has the rate 0 from there on.
    """
    schedule = schedule_for(optimizer, steps)
    at = sorted({round(i * (steps - 1) / (POINTS - 1)) for i in range(POINTS)} | {min(schedule.warmup, steps - 1)})
    stop = optimizer.text_encoder_stop / 100 * steps if optimizer.text_encoder_stop else steps
    return {
        group: [(t, peak * schedule.factor(t) if group == "unet" or t < stop else 0.0) for t in at]
        for group, peak in _peaks(optimizer).items()
        if peak
    }


def _peaks(optimizer: OptimizerSettings) -> dict[str, float]:
    """Return the highest rates, blanks filled in as a run does."""
    rate, of_text, second = (
        optimizer.learning_rate,
        optimizer.text_encoder_learning_rate,
        optimizer.text_encoder_2_learning_rate,
    )
    if of_text is None:
        of_text = rate if finds_rate(optimizer.name) else rate / 2
    return {"unet": rate, "text_encoder": of_text} | ({} if second is None else {"text_encoder_2": second})


def rate_figure(optimizer: OptimizerSettings, plan: Plan) -> "Figure":
    """Draw the learning rates from the first step to the last, with the ends of the epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained", facecolor="white")
    axes = figure.subplots()
    if plan.epochs <= 40:
        for epoch in range(1, plan.epochs + 1):
            axes.axvline(epoch * plan.steps_per_epoch, color="#c9ced6", linewidth=0.7, zorder=0)
    for colour, (group, points) in zip(RATES, learning_rates(optimizer, plan.steps).items(), strict=False):
        steps, rates = zip(*points, strict=True)
        axes.plot(steps, rates, color=colour, linewidth=2, label=group_name(group))
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate")
    axes.set_xlim(0, max(plan.steps, 2))
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    tidy(axes)
    axes.legend(loc="upper right", frameon=False, fontsize=9, labelcolor=INK)
    return figure
