"""GPU memory by part as a bar, in a small SVG picture, with the GPU's own memory as a line across."""

from collections.abc import Mapping

from loranb.estimate.words import PARTS, size
from loranb.panels._show import escape

WIDTH, TOP, HEIGHT = 420, 16, 22
# Told apart by people who confuse red and green, and readable on white and on black.
COLOURS = {
    "weights": "#2f7fd6",
    "lora": "#a259d9",
    "gradients": "#c2557a",
    "optimizer": "#e8890c",
    "activations": "#0f9d8a",
    "caches": "#7a8b2a",
    "context": "#8a8f98",
}
OTHER = "#8a8f98"


def memory_bar(parts: Mapping[str, int], limit: int | None) -> str:
    """Draw how much of a GPU each part takes, with a list of the parts under it.

    Args:
        parts: bytes by name, in the order of drawing.
        limit: bytes that the GPU has; None where none was chosen.
    """
    shown = {name: count for name, count in parts.items() if count}
    total = sum(shown.values())
    across = WIDTH / max(total, limit or 0, 1)
    x, drawn = 0.0, []
    for name, count in shown.items():
        words = f"{PARTS.get(name, name)}: {size(count)}"
        drawn.append(
            f'<rect x="{x:.1f}" y="{TOP}" width="{count * across:.1f}" height="{HEIGHT}" '
            f'fill="{COLOURS.get(name, OTHER)}"><title>{escape(words)}</title></rect>'
        )
        x += count * across
    said = "GPU memory by part: " + ", ".join(f"{PARTS.get(name, name)} {size(count)}" for name, count in shown.items())
    return (
        f'<svg viewBox="0 0 {WIDTH} {TOP + HEIGHT + 4}" role="img" aria-label="{escape(said)}" fill="currentColor" '
        f'style="width:100%;max-width:{WIDTH}px;height:auto;display:block;font:11px sans-serif" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(drawn)}{_limit(limit, across)}</svg>{_legend(shown)}'
    )


def _limit(limit: int | None, across: float) -> str:
    if not limit:
        return ""
    x = min(limit * across, WIDTH - 1)
    anchor = "end" if x > WIDTH / 2 else "start"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 3}" y2="{TOP + HEIGHT + 3}" stroke="currentColor" '
        f'stroke-width="2"/><text x="{x:.1f}" y="{TOP - 5}" text-anchor="{anchor}">{size(limit)}</text>'
    )


def _legend(parts: Mapping[str, int]) -> str:
    items = "".join(
        f'<span class="lb-part-of"><span class="lb-swatch" style="background:{COLOURS.get(name, OTHER)}"></span>'
        f"{escape(PARTS.get(name, name))} {size(count)}</span>"
        for name, count in parts.items()
    )
    return f'<div class="lb-hint lb-legend">{items}</div>'
