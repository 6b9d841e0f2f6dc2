"""Usual values of settings in which anything may be written, with a note on each."""

from collections.abc import Mapping

from loranb.base_models import QUICK_PICKS, QuickPick, find_checkpoints
from loranb.settings.optimizers import BITSANDBYTES, KNOWN, KnownOptimizer


def known_values() -> dict[str, Mapping[str, str]]:
    """Return what the form offers, by setting."""
    return {"optimizer.name": {name: _note(known) for name, known in KNOWN.items()}, "model.base": _base_models()}


def _base_models() -> dict[str, str]:
    """Return the models that lie on this machine, then well-known ones of the hub."""
    found = {str(one.path): one.title for one in find_checkpoints()}
    return found | {known.source: _described(known) for known in QUICK_PICKS} | {"demo": "the small one of loranb"}


def _described(known: QuickPick) -> str:
    return f"{known.title}, {known.resolution} pixels. {known.note}"


def _note(known: KnownOptimizer) -> str:
    notes = []
    if known.path.startswith(BITSANDBYTES):
        notes.append(f"less GPU memory; {known.instead} where bitsandbytes is missing")
    if known.finds_rate:
        notes.append("finds the rate itself: set it to 1")
    if known.averages:
        notes.append("needs no schedule")
    return "; ".join(notes)
