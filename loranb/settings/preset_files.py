"""The presets that come with loranb: what each changes, its title, and where its values come from.

A preset is a settings file that holds only what it changes, and a table ``[about]``::

    [about]
    title = "SDXL: face, on a free T4"
    source = "As sdxl_face, in 15 GB."
    like = "sdxl_face"    # may be absent; what that one changes holds here too
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from loranb.errors import SettingsError

FOLDER = Path(__file__).parent.parent / "presets"


class PresetAbout(NamedTuple):
    """What a form says of a preset.

    Args:
        title: its name for people.
        source: which of its values come from where, and which are loranb's own.
    """

    title: str
    source: str


def presets() -> list[str]:
    """List the presets that come with loranb."""
    return sorted(file.stem for file in FOLDER.glob("*.toml"))


def preset_about(name: str) -> PresetAbout:
    """Return a preset's title, and where its values come from.

    Raises:
        SettingsError: there is no such preset.
    """
    about = _read(name)["about"]
    return PresetAbout(about["title"], about["source"])


def preset_values(name: str) -> dict[str, dict[str, Any]]:
    """Return what a preset changes, by group.

    Raises:
        SettingsError: there is no such preset.
    """
    groups = _read(name)
    about = groups.pop("about")
    return _together(preset_values(about["like"]), groups) if "like" in about else groups


def _read(name: str) -> dict[str, Any]:
    if name not in presets():
        raise SettingsError([f"preset = {name!r}; there are {', '.join(presets())}."])
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def _together(first: Mapping[str, Mapping[str, Any]], over: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {group: {**first.get(group, {}), **over.get(group, {})} for group in {**first, **over}}
