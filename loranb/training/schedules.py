"""Learning-rate schedules, as factors of the rate that was asked for.

The formulas are those of kohya's trainer and of transformers (``optimization.py``): linear warm-up
from nought, then the named course down to the last step.
"""

import math

from loranb.errors import TrainingError


def factor(name: str, step: int, steps: int, warmup: int) -> float:
    """Return what the learning rate is multiplied by at a step.

    Args:
        name: "constant", "cosine" or "linear".
        step: steps already taken; 0 for the first.
        steps: all steps of the run.
        warmup: steps over which the rate rises.
    """
    if step < warmup:
        return step / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    if name == "constant":
        return 1.0
    if name == "cosine":
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    if name == "linear":
        return max(0.0, 1 - progress)
    raise TrainingError(f"optimizer.schedule = {name!r}; there are constant, cosine and linear.")
