"""What is known of a base model from its name or from its files, before anything is loaded."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loranb.base_models.picks import QuickPick, pick
from loranb.errors import ModelError

# Sides that the families' first models were trained at; SD 2.x has one of 512 too, which only its own page tells apart.
RESOLUTIONS: Mapping[str, int] = {"sd1": 512, "sd2": 768, "sdxl": 1024}
AUTO = "auto"


@dataclass(frozen=True)
class KnownBase:
    """A base model of which the family is known.

    Args:
        title: its name for people.
        family: sd1, sd2 or sdxl.
        resolution: the side that models of the family were trained at, in pixels.
    """

    title: str
    family: str
    resolution: int


def known_base(source: str, family: str = AUTO) -> QuickPick | KnownBase | None:
    """Return what is known of a base model; None where its files do not say, or are not on this machine.

    Args:
        source: what `model.base` is set to.
        family: what `model.family` is set to; it overrules the files.
    """
    known = pick(source)
    if known is not None and family in (AUTO, known.family):
        return known
    title = Path(source).name
    if family == AUTO:
        path = Path(source).expanduser()
        if not path.exists():
            return None
        family = _family(path, path.stat().st_mtime_ns)
    return KnownBase(title, family, RESOLUTIONS[family]) if family in RESOLUTIONS else None


@functools.lru_cache(maxsize=64)
def _family(path: Path, _changed: int) -> str:
    """Read a local model's family from its files; empty where they do not say."""
    from loranb.families._recognise import recognise

    try:
        return recognise(str(path)).family
    except ModelError:
        return ""
