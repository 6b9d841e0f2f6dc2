"""What is allowed but unwise, with what would mend it. A file for each group of settings."""

from loranb.settings import Settings
from loranb.settings.advice import captions, dataset, learning, length, lora, memory, model, objective
from loranb.settings.advice.advice import Advice, Base, Card, Horizon

__all__ = ["Advice", "Base", "Card", "Horizon", "advice"]
_ABOUT = (lora.about, dataset.about, captions.about, learning.about, objective.about, length.about, memory.about)
_OF_RUN = (length.of_run, captions.of_run, memory.of_run)
_ON_CARD = (memory.on_card,)
_ON_BASE = (model.on_base,)


def advice(
    settings: Settings, plan: Horizon | None = None, gpu: Card | None = None, base: Base | None = None
) -> list[Advice]:
    """Say what is allowed but unwise, in plain words; nothing here stops a run.

    Args:
        settings: to be looked at.
        plan: what a run with them will be; without it nothing is said that depends on the pictures.
        gpu: what it will run on; without it nothing is said that depends on the machine.
        base: the base model, such as `loranb.base_models.pick` knows it.
    """
    found = [said for about in _ABOUT for said in about(settings)]
    if plan is not None:
        found += [said for of_run in _OF_RUN for said in of_run(settings, plan)]
    if gpu is not None:
        found += [said for on_card in _ON_CARD for said in on_card(settings, gpu)]
    if base is not None:
        found += [said for on_base in _ON_BASE for said in on_base(settings, base)]
    return found
