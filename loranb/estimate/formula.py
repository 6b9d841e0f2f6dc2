"""The formula of a run's length as a picture: pictures x repeats / batch x epochs, with the run's own numbers."""

import math
from html import escape

from loranb.plan import Plan

WIDTH, ROW, BOX, HIGH, TOP = 420, 60, 80, 44, 6
# One colour for each kind of number; readable on white and on black, told apart by the colour-blind.
PICTURES, REPEATS, BATCH, EPOCHS, STEPS = "#2f7fd6", "#a259d9", "#7a8b2a", "#e8890c", "#0f9d8a"
Item = tuple[str, str, str]  # a number, what it is, and its colour; no colour for a sign


def formula(plan: Plan) -> str:
    """Draw how many steps a plan comes to and why, as SVG; a kilobyte or two, at once."""
    first, second = _first(plan), _second(plan)
    said = f"{_spoken(first)}; {_spoken(second)}"
    drawn = "".join(_row(items, TOP + ROW * number) for number, items in enumerate((first, second)))
    note = _note(plan)
    below = f'<text x="0" y="{TOP + 2 * ROW + 4}" fill-opacity=".75">{escape(note)}</text>' if note else ""
    height = TOP + 2 * ROW + (12 if note else -8)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(said)}" fill="currentColor" '
        f'style="width:100%;max-width:{WIDTH}px;height:auto;display:block;font:11px sans-serif" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(said)}</title>{drawn}{below}</svg>'
    )


def plain_steps(plan: Plan) -> int:
    """Return the steps of an epoch as the plain formula has them, which knows no buckets."""
    shown = plan.items + plan.regularisation_items
    return math.ceil(shown / (plan.batch_size * plan.gradient_accumulation))


def _first(plan: Plan) -> list[Item]:
    """Pictures, repeats, batch: the steps of an epoch."""
    repeats = {subject.repeats for subject in plan.subjects}
    if len(repeats) == 1 and not plan.regularisation:
        items = [_number(len(plan.images), "pictures", PICTURES), _sign("×"), _number(*repeats, "repeats", REPEATS)]
    else:
        items = [_number(plan.items + plan.regularisation_items, "showings", PICTURES)]
    items += [_sign("÷"), _number(plan.batch_size, "in a batch", BATCH)]
    if plan.gradient_accumulation > 1:
        items += [_sign("÷"), _number(plan.gradient_accumulation, "added up", BATCH)]
    return [*items, _sign("="), _number(plan.steps_per_epoch, "steps/epoch", STEPS)]


def _second(plan: Plan) -> list[Item]:
    items = [_number(plan.steps_per_epoch, "steps/epoch", STEPS), _sign("×"), _number(plan.epochs, "epochs", EPOCHS)]
    cut = plan.steps < plan.steps_per_epoch * plan.epochs
    return [*items, _sign("→" if cut else "="), _number(plan.steps, "steps (cut)" if cut else "steps", STEPS)]


def _note(plan: Plan) -> str:
    more = plan.steps_per_epoch - plain_steps(plan)
    if more <= 0:
        return ""
    return f"{more} more than the plain sum: the last batch of a bucket is short." if len(plan.buckets) > 1 else ""


def _number(value: int, words: str, colour: str) -> Item:
    return f"{value:,}", words, colour


def _sign(sign: str) -> Item:
    return sign, "", ""


def _spoken(items: list[Item]) -> str:
    return " ".join(f"{value} {words}".strip() for value, words, _ in items)


def _row(items: list[Item], top: float) -> str:
    signs = sum(not colour for _, _, colour in items)
    gap = 18.0
    wide = min(BOX, (WIDTH - gap * signs) / (len(items) - signs))
    x, drawn = 0.0, []
    for value, words, colour in items:
        if not colour:
            drawn.append(
                f'<text x="{x + gap / 2:.1f}" y="{top + 28}" text-anchor="middle" font-size="16">{value}</text>'
            )
            x += gap
            continue
        drawn.append(_box(x, top, wide, (value, words, colour)))
        x += wide
    return "".join(drawn)


def _box(x: float, top: float, wide: float, item: Item) -> str:
    value, words, colour = item
    middle = x + wide / 2
    return (
        f'<rect x="{x:.1f}" y="{top}" width="{wide:.1f}" height="{HIGH}" rx="6" fill="{colour}" fill-opacity=".16" '
        f'stroke="{colour}" stroke-width="1.5"/>'
        f'<text x="{middle:.1f}" y="{top + 20}" text-anchor="middle" font-size="16" font-weight="bold">{value}</text>'
        f'<text x="{middle:.1f}" y="{top + 36}" text-anchor="middle" font-size="10" fill-opacity=".85">'
        f"{escape(words)}</text>"
    )
