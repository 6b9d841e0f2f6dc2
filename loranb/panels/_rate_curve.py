"""The learning rates over a run that has not begun, as a small SVG picture."""

from collections.abc import Mapping, Sequence

from loranb.estimate.rates import learning_rates
from loranb.figures import RATES, group_name
from loranb.panels._curve import Scale, ticks
from loranb.panels._field_row import as_text
from loranb.panels._show import escape
from loranb.settings import Settings

WIDTH, HEIGHT = 420, 120
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 92
Rates = Mapping[str, Sequence[tuple[int, float]]]


def rate_curve(settings: Settings, steps: int) -> str:
    """Draw the rates of all that is trained, from the first step to the last; some kilobytes, in some milliseconds."""
    rates = {
        group: points
        for group, points in learning_rates(settings.optimizer, steps).items()
        if (settings.lora.unet if group == "unet" else settings.lora.text_encoder)
    }
    highest = max((rate for points in rates.values() for _, rate in points), default=0.0)
    across, up = Scale(0, max(steps, 2), LEFT, WIDTH - RIGHT), Scale(0, highest * 1.06 or 1.0, BOTTOM, TOP)
    said = f"{settings.optimizer.schedule}, {steps:,} steps, at most " + ", ".join(
        f"{as_text(max(rate for _, rate in points))} for {_named(group)}" for group, points in rates.items()
    )
    levels = "".join(_level(up(value), as_text(value)) for value in sorted({0.0, highest}))
    below = "".join(_number(across(value), f"{value:,.0f}") for value in ticks(0, steps, 5) if value == int(value))
    lines = "".join(_line(points, across, up, RATES[i % len(RATES)]) for i, points in enumerate(rates.values()))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="learning rates: {escape(said)}" '
        f'fill="currentColor" style="width:100%;max-width:{WIDTH}px;height:auto;display:block;font:11px sans-serif" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(said)}</title>{levels}{below}{lines}</svg>{_legend(rates)}'
    )


def _named(group: str) -> str:
    return f"the {group_name(group)}"


def _line(points: Sequence[tuple[int, float]], across: Scale, up: Scale, colour: str) -> str:
    line = " ".join(f"{across(step):.1f},{up(rate):.1f}" for step, rate in points)
    return f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.2" stroke-linejoin="round"/>'


def _legend(rates: Rates) -> str:
    swatches = [
        f'<span class="lb-swatch" style="background:{RATES[i % len(RATES)]}"></span>' for i in range(len(rates))
    ]
    items = "".join(
        f"<span>{swatch}{escape(group_name(group))}</span>" for swatch, group in zip(swatches, rates, strict=True)
    )
    return f'<div class="lb-hint lb-legend">{items}</div>'


def _level(y: float, words: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" stroke-opacity=".18"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill-opacity=".75">{words}</text>'
    )


def _number(x: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle" fill-opacity=".75">{words}</text>'
