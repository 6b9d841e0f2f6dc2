"""What is unwise about the LoRA itself."""

from collections.abc import Iterator

from loranb.settings import Settings
from loranb.settings.advice.advice import Advice


def about(settings: Settings) -> Iterator[Advice]:
    """Say what is unwise."""
    lora = settings.lora
    if lora.alpha is not None and lora.alpha > lora.rank:
        yield Advice(
            f"lora.alpha = {lora.alpha:g} is above the rank ({lora.rank}): the LoRA is amplified and learns in leaps. "
            "Leave it blank, or use a lower learning rate.",
            {"lora.alpha": None},
        )
