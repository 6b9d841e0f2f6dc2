"""Usual values of settings in which anything may be written, with a note on each."""

from collections.abc import Mapping

from loranb.settings.optimizers import BITSANDBYTES, KNOWN, KnownOptimizer


def known_values() -> dict[str, Mapping[str, str]]:
    """Return what the form offers, by setting."""
    return {"optimizer.name": {name: _note(known) for name, known in KNOWN.items()}}


def _note(known: KnownOptimizer) -> str:
    notes = []
    if known.path.startswith(BITSANDBYTES):
        notes.append(f"less GPU memory; {known.instead} where bitsandbytes is missing")
    if known.finds_rate:
        notes.append("finds the rate itself: set it to 1")
    if known.averages:
        notes.append("needs no schedule")
    return "; ".join(notes)
