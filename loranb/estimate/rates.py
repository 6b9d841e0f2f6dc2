"""The learning rates of a run that has not begun."""

from loranb.settings import OptimizerSettings
from loranb.settings.optimizers import finds_rate
from loranb.training.schedules import schedule_for

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
