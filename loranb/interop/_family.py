"""Which family a base model is of; kohya's tools have to be told, and have a trainer of its own for SDXL."""

from loranb.estimate.bases import base_of
from loranb.settings import Settings

_NAMES = {"sdxl": ("xl", "pony", "illustrious", "noob"), "sd2": ("stable-diffusion-2", "v2-1", "sd2")}


def family_of(settings: Settings) -> str:
    """Name the family: as set, as recognised from the model's files, as known of well-known ones, else by its name."""
    model = settings.model
    known = base_of(model.base, model.family)
    if known is not None:
        return known.family
    named = (family for family, words in _NAMES.items() if any(word in model.base.lower() for word in words))
    return next(named, "sd1") if model.family == "auto" else model.family
