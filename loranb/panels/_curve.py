"""The live plot: a run's events as an SVG picture.

Text of a few kilobytes, made in milliseconds, that `ipywidgets.HTML` shows everywhere: nothing is
loaded, nothing flickers. It is transparent and written in the notebook's own colour, so it is
readable in a light and a dark theme.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from loranb.events import Event
from loranb.figures import EPOCH, LOSS, MOST_NAMED, RATES, Curve, curve, group_name

WIDTH, HEIGHT = 860, 330
LEFT, RIGHT, TOP = 58, 12, 30
LOSS_BOTTOM, RATE_TOP, RATE_BOTTOM = 218, 240, 296
MOST_POINTS = 500
_LEAST_APART = 34  # pixels between two epochs' numbers
_LEAST_STEPS = 20  # that are shown


class Scale(NamedTuple):
    """Turns values of `low` to `high` into pixels of `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def svg(events: Sequence[Event]) -> str:
    """Draw loss, running mean, epochs and learning rates; an empty frame before the first step."""
    numbers = curve(events)
    across = Scale(0, _shown_steps(numbers), LEFT, WIDTH - RIGHT)
    parts = [
        f'<svg class="lb-curve" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="loss, learning rate" '
        f'style="width:100%;max-width:{WIDTH}px;height:auto;display:block;font:12px sans-serif" '
        'fill="currentColor" xmlns="http://www.w3.org/2000/svg">',
        _legend(numbers),
        _steps_axis(across),
        _epoch_lines(numbers, across),
        _losses(numbers, across),
        _rates(numbers, across),
        "</svg>",
    ]
    return "".join(parts)


def decimate(steps: Sequence[int], values: Sequence[float], most: int = MOST_POINTS) -> list[tuple[int, float]]:
    """Thin a line out to at most `most` points; of each stretch its lowest and highest are kept."""
    points = [point for point in zip(steps, values, strict=True) if math.isfinite(point[1])]
    if len(points) <= most:
        return points
    stretch = math.ceil(len(points) / ((most - 2) // 2))
    kept = {points[0], points[-1]}
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        kept |= {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
    return sorted(kept)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Choose round numbers from `low` to `high`, at most `most` of them or a few more."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _shown_steps(numbers: Curve) -> int:
    """Choose the right end: the planned steps, halved while the curve fits, so that it fills the plot."""
    last = numbers.steps[-1] if numbers.steps else 0
    shown = max(numbers.planned, last, 1)
    while shown / 2 >= max(last * 1.02, _LEAST_STEPS):
        shown = math.ceil(shown / 2)
    return shown


def _losses(numbers: Curve, across: Scale) -> str:
    low, high = numbers.loss_range
    up = Scale(low, high, LOSS_BOTTOM, TOP)
    parts = [_values_axis(up, [(value, f"{value:.4g}") for value in ticks(low, high)], "loss")]
    if not numbers.steps:
        parts.append(_text(WIDTH / 2, (TOP + LOSS_BOTTOM) / 2, "waiting for the first step", "middle", 0.6))
    raw, mean = (decimate(numbers.steps, values) for values in (numbers.losses, numbers.means))
    parts.append(_line(raw, across, up, f'stroke="{LOSS}" stroke-opacity=".42" stroke-width="1"'))
    parts.append(_line(mean, across, up, f'stroke="{LOSS}" stroke-width="2.6"'))
    for epoch in numbers.epochs:
        if math.isfinite(epoch.loss):
            x, y = across(epoch.step), _within(up(epoch.loss), TOP, LOSS_BOTTOM)
            told = f"epoch {epoch.epoch}: mean loss {epoch.loss:.4f}"
            dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{EPOCH}"><title>{told}</title></circle>'
            parts.append(dot)
    return "".join(parts)


def _rates(numbers: Curve, across: Scale) -> str:
    high = max((rate for rates in numbers.rates.values() for rate in rates if math.isfinite(rate)), default=0.0)
    up = Scale(0, high * 1.12 or 1.0, RATE_BOTTOM, RATE_TOP)
    labels = [(0.0, "0"), (high, _short(high))] if high else [(0.0, "0")]
    parts = [_values_axis(up, labels, "learning rate" if not numbers.rates else "")]
    for number, (_, rates) in enumerate(numbers.rates.items()):
        colour = RATES[number % len(RATES)]
        points = decimate(numbers.steps, rates, MOST_POINTS // 2)
        parts.append(_line(points, across, up, f'stroke="{colour}" stroke-width="2"'))
    return "".join(parts)


def _legend(numbers: Curve) -> str:
    losses = [(LOSS, "running mean of the loss"), (EPOCH, "mean of an epoch")]
    named = numbers.rates if len(numbers.rates) <= MOST_NAMED else ()
    rates = [(RATES[i % len(RATES)], f"{group_name(g)} learning rate") for i, g in enumerate(named)]
    parts, x = [], float(LEFT)
    for colour, words in [*losses, *rates]:
        parts.append(f'<rect x="{x:.0f}" y="7" width="14" height="4" rx="2" fill="{colour}"/>')
        parts.append(_text(x + 19, 13, words))
        x += 19 + 6.3 * len(words) + 18
    return "".join(parts)


def _steps_axis(across: Scale) -> str:
    parts = [
        _text(across(value), RATE_BOTTOM + 16, f"{value:,.0f}", "middle", 0.75)
        for value in ticks(across.low, across.high, 8)
        if value == int(value)
    ]
    return "".join([*parts, _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, "step", "middle", 0.75)])


def _values_axis(up: Scale, labels: Sequence[tuple[float, str]], name: str) -> str:
    parts = []
    for value, words in labels:
        y = up(value)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
            'stroke-opacity=".16"/>'
        )
        parts.append(_text(LEFT - 8, y + 4, words, "end", 0.75))
    if name:
        middle = (up.start + up.end) / 2
        turned = f'transform="rotate(-90 13 {middle:.0f})"'
        parts.append(_text(13, middle, name, "middle", 0.75, turned))
    return "".join(parts)


def _epoch_lines(numbers: Curve, across: Scale) -> str:
    """Mark where epochs end; a number stands at as many as there is room for."""
    parts, free_from = [], 0.0
    for epoch in numbers.epochs:
        x = across(epoch.step)
        shown = x >= free_from
        if shown:
            free_from = x + _LEAST_APART
            parts.append(_text(x, RATE_TOP - 8, str(epoch.epoch), "middle", 0.6))
        if shown or len(numbers.epochs) <= 60:
            parts.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{LOSS_BOTTOM}" stroke="currentColor" '
                'stroke-opacity=".13" stroke-dasharray="3 3"/>'
            )
    if parts:
        parts.append(_text(LEFT - 8, RATE_TOP - 8, "epoch", "end", 0.6))
    return "".join(parts)


def _line(points: Sequence[tuple[int, float]], across: Scale, up: Scale, style: str) -> str:
    if not points:
        return ""
    top, bottom = min(up.start, up.end), max(up.start, up.end)
    places = " ".join(f"{across(x):.1f},{_within(up(y), top, bottom):.1f}" for x, y in points)
    if len(points) == 1:
        places += f" {across(points[0][0]) + 1:.1f},{_within(up(points[0][1]), top, bottom):.1f}"
    return f'<polyline points="{places}" fill="none" stroke-linejoin="round" stroke-linecap="round" {style}/>'


def _text(x: float, y: float, words: str, anchor: str = "start", opacity: float = 0.9, extra: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill-opacity="{opacity}" {extra}'
    return f"<text {place}>{escape(words)}</text>"


def _short(rate: float) -> str:
    """Write a learning rate as people do: 1e-4, 2.5e-5."""
    digits, power = f"{rate:.1e}".split("e")
    return f"{float(digits):g}e{int(power)}"


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
