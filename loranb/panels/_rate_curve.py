"""The learning rate over a run that has not begun, as a small SVG picture."""

from loranb.figures import RATES
from loranb.panels._curve import Scale, ticks
from loranb.panels._field_row import as_text
from loranb.panels._show import escape
from loranb.settings import OptimizerSettings
from loranb.training.schedules import schedule_for

WIDTH, HEIGHT = 420, 120
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 92
POINTS = 160


def rate_curve(optimizer: OptimizerSettings, steps: int) -> str:
    """Draw the U-Net's learning rate from the first step to the last; a few kilobytes, in a few milliseconds."""
    schedule, rate = schedule_for(optimizer, steps), optimizer.learning_rate
    across, up = Scale(0, max(steps, 2), LEFT, WIDTH - RIGHT), Scale(0, rate * 1.06, BOTTOM, TOP)
    taken = sorted({round(i * (steps - 1) / (POINTS - 1)) for i in range(POINTS)} | {min(schedule.warmup, steps - 1)})
    line = " ".join(f"{across(step):.1f},{up(rate * schedule.factor(step)):.1f}" for step in taken)
    said = f"{optimizer.schedule}, from {rate * schedule.factor(0):.2g} over {rate:.2g} at most, {steps:,} steps"
    levels = "".join(_level(up(value), as_text(value)) for value in (0.0, rate))
    below = "".join(_number(across(value), f"{value:,.0f}") for value in ticks(0, steps, 5) if value == int(value))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="learning rate: {escape(said)}" '
        f'fill="currentColor" style="width:100%;max-width:{WIDTH}px;height:auto;display:block;font:11px sans-serif" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(said)}</title>{levels}{below}'
        f'<polyline points="{line}" fill="none" stroke="{RATES[0]}" stroke-width="2.2" stroke-linejoin="round"/></svg>'
    )


def _level(y: float, words: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" stroke-opacity=".18"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill-opacity=".75">{words}</text>'
    )


def _number(x: float, words: str) -> str:
    return f'<text x="{x:.1f}" y="{BOTTOM + 16}" text-anchor="middle" fill-opacity=".75">{words}</text>'
