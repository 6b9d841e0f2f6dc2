"""Figures of a run, from its events alone; they are returned, and drawn nowhere.

matplotlib's pyplot is not used: it keeps every figure alive, and would pick a window system.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from loranb.events import EpochEnded, Event, Sampled, Started, Step, Validated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Clear on white and on black, and told apart by people who confuse red and green.
LOSS, EPOCH = "#2f7fd6", "#e8890c"
MOST_NAMED = 6  # groups of weights; blocks with rates of their own may be 25, and would hide their lines
RATES = ("#0f9d8a", "#a259d9", "#c2557a", "#7a8b2a")
INK, FAINT = "#2b2f36", "#c9ced6"
MOST_COLUMNS = 8  # of sample pictures
WIDTH = 9  # inches
_GAP, _LINE = 0.08, 0.3  # inches between sample pictures, and for a line of text
PIXELS = 160  # an inch, on a screen; twice what a notebook shows, for sharp letters


@dataclass(frozen=True)
class Curve:
    """The numbers of a run, step by step."""

    steps: tuple[int, ...]
    losses: tuple[float, ...]
    means: tuple[float, ...]  # running mean of the losses
    rates: dict[str, tuple[float, ...]]  # learning rates by group
    epochs: tuple[EpochEnded, ...]
    planned: int  # steps the run will have; 0 where it has not begun
    validations: tuple[Validated, ...] = ()

    @property
    def loss_range(self) -> tuple[float, float]:
        """What to show of the losses: all but the odd far outlier, with some room."""
        ordered = sorted(loss for loss in self.losses if math.isfinite(loss))
        if not ordered:
            return 0.0, 1.0
        shown = [mean for mean in self.means if math.isfinite(mean)]
        high = max([ordered[math.ceil(0.985 * (len(ordered) - 1))], *shown])
        low = min([ordered[math.floor(0.005 * (len(ordered) - 1))], *shown])
        room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
        return max(0.0, low - room), high + room


def curve(events: Sequence[Event]) -> Curve:
    """Collect a run's numbers; steps that were taken again after a crash count once."""
    steps: list[Step] = []
    epochs: list[EpochEnded] = []
    validations: dict[int, Validated] = {}
    planned = 0
    for event in events:
        if isinstance(event, Started):
            planned = event.steps
            while steps and steps[-1].step > event.first_step:
                steps.pop()
            epochs = [epoch for epoch in epochs if epoch.step <= event.first_step]
            validations = {step: one for step, one in validations.items() if step <= event.first_step}
        elif isinstance(event, Step):
            steps.append(event)
        elif isinstance(event, EpochEnded):
            epochs.append(event)
        elif isinstance(event, Validated):
            validations[event.step] = event
    groups = dict.fromkeys(name for step in steps for name in step.learning_rates)
    losses = tuple(step.loss for step in steps)
    return Curve(
        steps=tuple(step.step for step in steps),
        losses=losses,
        means=running_mean(losses, window=min(100, max(10, planned // 15))),
        rates={name: tuple(step.learning_rates.get(name, math.nan) for step in steps) for name in groups},
        epochs=tuple(epochs),
        planned=planned,
        validations=tuple(validations.values()),
    )


def running_mean(values: Sequence[float], window: int) -> tuple[float, ...]:
    """Average each value with those before it, which count less the further back they are.

    The first averages are not pulled towards nought, as in Adam: the sum is divided by the weights so far.
    """
    keep = 1 - 2 / (window + 1)
    total = weight = 0.0
    means = []
    for value in values:
        if math.isfinite(value):
            total, weight = keep * total + value, keep * weight + 1
        means.append(total / weight if weight else math.nan)
    return tuple(means)


def group_name(group: str) -> str:
    """Name a group of weights for people."""
    return group.replace("unet", "U-Net").replace("_", " ")


def loss_figure(events: Sequence[Event], title: str = "") -> "Figure":
    """Draw the loss with its running mean and the means of epochs, and the learning rates below.

    Args:
        events: of one run.
        title: stands above, such as the run's name.
    """
    from matplotlib.figure import Figure

    numbers = curve(events)
    heights = (4, 2, 1) if numbers.validations else (4, 1)
    figure = Figure(figsize=(WIDTH, 0.96 * sum(heights)), layout="constrained", facecolor="white")
    above, *between, below = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    _draw_losses(above, numbers)
    for axes in between:
        _draw_validations(axes, numbers)
    _draw_rates(below, numbers)
    for axes in (above, *between, below):
        _tidy(axes)
    if numbers.steps:
        below.set_xlim(0, max(numbers.steps[-1], 2) * 1.015)
    if title:
        above.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)
    return figure


def _draw_losses(axes: "Axes", numbers: Curve) -> None:
    if len(numbers.epochs) <= 40:
        for epoch in numbers.epochs:
            axes.axvline(epoch.step, color=FAINT, linewidth=0.7, zorder=0)
    axes.plot(numbers.steps, numbers.losses, color=LOSS, alpha=0.28, linewidth=0.9, label="each step")
    axes.plot(numbers.steps, numbers.means, color=LOSS, linewidth=2.4, label="running mean")
    if numbers.epochs:
        at, losses = [e.step for e in numbers.epochs], [e.loss for e in numbers.epochs]
        axes.plot(at, losses, "o", color=EPOCH, markersize=6, mec="white", mew=1, label="mean of an epoch", zorder=3)
    axes.set_ylabel("loss")
    axes.set_ylim(*numbers.loss_range)
    if numbers.steps:
        place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.3}
        axes.legend(**place, ncols=3, frameon=False, fontsize=9, labelcolor=INK)
    else:
        axes.text(0.5, 0.5, "no steps yet", transform=axes.transAxes, ha="center", color="#777")


def _draw_validations(axes: "Axes", numbers: Curve) -> None:
    """Draw the errors on pictures that are kept back on a scale of their own: they are not weighed as losses are."""
    at, losses = [v.step for v in numbers.validations], [v.loss for v in numbers.validations]
    axes.plot(
        at, losses, "o-", color=EPOCH, linewidth=1.8, markersize=5, mec="white", mew=1, label="pictures kept back"
    )
    best = min(numbers.validations, key=lambda one: one.loss)
    axes.annotate("least", (best.step, best.loss), (0, -11), textcoords="offset points", ha="center", fontsize=8)
    axes.margins(y=0.3)
    axes.set_ylabel("validation")
    axes.legend(loc="upper right", frameon=False, fontsize=9, labelcolor=INK, borderaxespad=0.2)


def _draw_rates(axes: "Axes", numbers: Curve) -> None:
    for number, (group, rates) in enumerate(numbers.rates.items()):
        colour = RATES[number % len(RATES)]
        axes.plot(numbers.steps, rates, color=colour, linewidth=1.8, label=group_name(group))
    axes.set_ylabel("learning rate")
    axes.set_xlabel("step")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.25)
    axes.locator_params(axis="y", nbins=3)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
    axes.yaxis.get_offset_text().set_fontsize(8)
    if 0 < len(numbers.rates) <= MOST_NAMED:
        axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=9, labelcolor=INK, borderaxespad=0.2)


def _tidy(axes: "Axes") -> None:
    """Leave out of a diagram what says nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9, length=3, color=FAINT)
    axes.grid(axis="y", color=FAINT, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set(color=INK, fontsize=10)


def samples_figure(folder: Path, events: Sequence[Event]) -> "Figure | None":
    """Lay the sample pictures out: a row for each prompt, a column for each epoch.

    Args:
        folder: the run's.
        events: of the run.

    Returns:
        None where there are no pictures. Of many epochs some are shown, the first and the last among them.
    """
    from matplotlib.figure import Figure

    table = {(s.prompt, s.step): s for s in events if isinstance(s, Sampled) and (folder / s.path).exists()}
    if not table:
        return None
    prompts = list(dict.fromkeys(prompt for prompt, _ in table))
    epochs = {s.step: s.epoch for s in table.values()}
    columns = spread(sorted(epochs), MOST_COLUMNS)
    pictures = {key: Image.open(folder / table[key].path) for key in table if key[1] in columns}
    across = min(1.7, WIDTH / len(columns) - _GAP)  # inches
    heights = [
        across * max(p.height / p.width for (of, _), p in pictures.items() if of == prompt) for prompt in prompts
    ]
    tall = sum(heights) + _LINE * (len(prompts) + 1)
    figure = Figure(figsize=(WIDTH, tall), facecolor="white")
    top = tall - _LINE
    for prompt, height in zip(prompts, heights, strict=True):
        for number, step in enumerate(columns):
            place = (number * (across + _GAP) / WIDTH, (top - height) / tall, across / WIDTH, height / tall)
            axes = figure.add_axes(place)
            axes.set_axis_off()
            if (prompt, step) in pictures:
                axes.imshow(pictures[prompt, step], interpolation="antialiased")
            if prompt == prompts[0]:
                axes.set_title(f"epoch {epochs[step]}", fontsize=9, color=INK, pad=4)
        top -= height + _LINE
        words = prompt if len(prompt) <= 140 else prompt[:137] + "..."
        figure.text(0, (top + _LINE - 0.05) / tall, words, va="top", fontsize=8, color="#666")
    return figure


def spread(values: Sequence[int], most: int) -> list[int]:
    """Choose at most `most` values, evenly, with the first and the last."""
    if len(values) <= most:
        return list(values)
    return [values[round(i * (len(values) - 1) / (most - 1))] for i in range(most)]


def to_png(figure: "Figure") -> bytes:
    """Render a figure."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=PIXELS)
    return png.getvalue()
