"""Settings to start from: presets, those saved under a name, those of earlier runs, and files from elsewhere.

What a user saves lies in ``saved_settings`` beside the projects, one TOML file each, so that every project finds it.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loranb.errors import SettingsError
from loranb.files import free_name
from loranb.project import SETTINGS, Project, home
from loranb.settings import Settings, fields, preset_about, presets

_NAME = re.compile(r"[^\W_][\w .,+-]{0,80}")


@dataclass(frozen=True)
class Start:
    """Settings that a project can start from.

    Args:
        kind: ``preset``, ``saved``, ``run`` or ``defaults``.
        title: what it is called.
        about: where its values come from.
        read: gives the settings; raises SettingsError where they cannot be used any more.
    """

    kind: str
    title: str
    about: str
    read: Callable[[], Settings]

    @property
    def key(self) -> str:
        """What it is told from the others by."""
        return f"{self.kind}: {self.title}"


def starts(project: Project) -> list[Start]:
    """List what a project can start from: what the user saved, loranb's presets, the project's runs, the defaults."""
    saved = [
        Start("saved", file.stem, f"Saved by you in {file}.", lambda file=file: Settings.load(file))
        for file in sorted(folder().glob("*.toml"))
    ]
    known = [
        Start("preset", about.title, about.source.strip(), lambda name=name: Settings.preset(name))
        for name, about in ((name, preset_about(name)) for name in presets())
    ]
    runs = [
        Start("run", run.name, f"What {run.name} was trained with.", lambda run=run: Settings.load(run / SETTINGS))
        for run in reversed(project.runs())
    ]
    return [*saved, *known, *runs, Start("defaults", "Defaults", "Every setting as it comes.", Settings)]


def folder() -> Path:
    """Where settings are saved under a name."""
    return home() / "saved_settings"


def save_as(name: str, settings: Settings) -> Path:
    """Save settings under a name, without what belongs to one project; a name that is taken gets a number.

    Raises:
        SettingsError: it cannot be the name of a file.
    """
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise SettingsError(
            [f"name = {name!r}; it becomes a file: letters, digits, blanks and . , + - _, a letter or digit first."]
        )
    path = free_name(folder() / f"{name}.toml")
    settings.assign_all({field.path: field.default for field in fields() if field.own}).save(path)
    return path


def taken_over(settings: Settings, present: Settings) -> Settings:
    """Return settings to go on with: `settings`, but what belongs to the project stays as it is in `present`."""
    return settings.assign_all({field.path: field.of(present) for field in fields() if field.own})


def joined(settings: Settings, present: Settings) -> Settings:
    """Return settings to go on with: `settings`, and of `present` what belongs to the project and is blank in them."""
    own = [field for field in fields() if field.own and field.of(settings) == field.default]
    return settings.assign_all({field.path: field.of(present) for field in own})


def differences(old: Settings, new: Settings) -> dict[str, tuple[Any, Any]]:
    """Return the settings that differ, by path, with both values."""
    pairs = {field.path: (field.of(old), field.of(new)) for field in fields()}
    return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}


def is_settings_file(path: Path) -> bool:
    """Whether a file is TOML with loranb's groups of settings, and not one of kohya's."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return False
    groups = [name for name, value in values.items() if isinstance(value, Mapping) and name in Settings.model_fields]
    return bool(groups) and len(groups) == len(values)
