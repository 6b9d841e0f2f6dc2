"""What is allowed but unwise, with what would mend it. A file for each group of settings."""

from loranb.settings import Settings
from loranb.settings.advice import dataset, learning, lora, objective
from loranb.settings.advice.advice import Advice

__all__ = ["Advice", "advice"]
_ABOUT = (lora.about, dataset.about, learning.about, objective.about)


def advice(settings: Settings) -> list[Advice]:
    """Say what is allowed but unwise, in plain words; nothing here stops a run."""
    return [said for about in _ABOUT for said in about(settings)]
