"""The settings of a training run: one declaration each.

A field carries its name, type, default, bounds, help and unit, whether it is for experts, and the
names it has in kohya's tools (``kohya``) and in a LoRA file's metadata (``ss``). The form, the
settings file, the command line, the plan and the metadata all read this declaration; the recipe
reads the same object. There is no second default anywhere.
"""

import functools
import textwrap
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import tomlkit
from pydantic import ValidationError, model_validator

from loranb.errors import SettingsError
from loranb.files import write_text
from loranb.settings.captions import CaptionSettings
from loranb.settings.dataset import DatasetSettings
from loranb.settings.declaration import Group, SettingField, fields_of, not_a_setting
from loranb.settings.learning import OptimizerSettings
from loranb.settings.length import LengthSettings
from loranb.settings.lora import LoraSettings
from loranb.settings.memory import MemorySettings
from loranb.settings.metadata import MetadataSettings
from loranb.settings.model import ModelSettings
from loranb.settings.objective import NoiseSettings, ObjectiveSettings
from loranb.settings.preset_files import preset_about as preset_about
from loranb.settings.preset_files import preset_values
from loranb.settings.preset_files import presets as presets
from loranb.settings.saving import SampleSettings, SavingSettings
from loranb.settings.validation import ValidationSettings

RENAMED = {  # in settings files and runs of version 0.1.0
    "optimizer.min_snr_gamma": "objective.min_snr_gamma",
    "dataset.shuffle_tags": "captions.shuffle",
    "dataset.keep_tags": "captions.keep",
    "dataset.caption_dropout": "captions.dropout",
    "saving.comment": "metadata.comment",
}


class Settings(Group):
    """All settings of a training run."""

    model: ModelSettings = ModelSettings()
    dataset: DatasetSettings = DatasetSettings()
    captions: CaptionSettings = CaptionSettings()
    lora: LoraSettings = LoraSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    objective: ObjectiveSettings = ObjectiveSettings()
    noise: NoiseSettings = NoiseSettings()
    length: LengthSettings = LengthSettings()
    memory: MemorySettings = MemorySettings()
    saving: SavingSettings = SavingSettings()
    samples: SampleSettings = SampleSettings()
    validation: ValidationSettings = ValidationSettings()
    metadata: MetadataSettings = MetadataSettings()

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        """Read what an earlier version wrote under another name."""
        return _with_new_names(values) if isinstance(values, Mapping) else values

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a settings file.

        Raises:
            SettingsError: it cannot be read, is not TOML, or holds values that cannot be used; all are named.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a mark in front
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError([f"{path} is not a settings file: {error}."]) from error
        except OSError as error:
            raise SettingsError([f"{path} cannot be read: {error.strerror or error}."]) from error
        return cls.from_values(values)

    @classmethod
    def preset(cls, name: str) -> Self:
        """Read the settings of a preset that comes with loranb; `preset_about` says where they come from.

        Raises:
            SettingsError: there is no such preset.
        """
        return cls.from_values(preset_values(name))

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from groups of values, ``{"lora": {"rank": 8}}``; what is absent keeps its default.

        Raises:
            SettingsError: with every problem, in plain words.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError([_in_words(problem) for problem in error.errors()]) from error

    def save(self, path: Path) -> None:
        """Write the settings file, each value under its help."""
        write_text(path, self.to_toml())

    def to_toml(self) -> str:
        """Return the text of the settings file. A blank value is written as a comment."""
        lines = ["# Settings of a loranb project; edit them here or in the form.", ""]
        for group, fields in grouped():
            lines.append(f"[{group}]")
            for field in fields:
                value = field.of(self)
                lines += _help_lines(field.path)
                lines += [f"# {field.name} =" if value is None else f"{field.name} = {_as_toml(value)}", ""]
        return "\n".join([*lines, ""])

    def assign(self, path: str, value: Any) -> Self:
        """Return settings with one value changed; `path` is ``group.name``.

        Raises:
            SettingsError: there is no such setting, or it cannot have this value.
        """
        return self.assign_all({path: value})

    def assign_all(self, changes: Mapping[str, Any]) -> Self:
        """Return settings with several values changed at once; see `assign`."""
        values = self.model_dump()
        for path, value in changes.items():
            group, _, name = path.partition(".")
            values.setdefault(group, {})
            if isinstance(values[group], dict):
                values[group][name] = value
        return type(self).from_values(values)

    def assign_text(self, assignments: Iterable[str]) -> Self:
        """Return settings changed by texts such as ``lora.rank=32``, from the command line.

        An empty value means blank; prompts are separated by new lines.

        Raises:
            SettingsError: with every text that cannot be used.
        """
        changes: dict[str, Any] = {}
        problems = []
        for text in assignments:
            path, equals, value = text.partition("=")
            if not equals:
                problems.append(f"{text!r} sets nothing; write group.name=value, such as lora.rank=32.")
                continue
            field = _BY_PATH.get(path.strip())
            changes[path.strip()] = field.parse(value.strip()) if field else value
        if problems:
            raise SettingsError(problems)
        return self.assign_all(changes)


def grouped() -> list[tuple[str, list[SettingField]]]:
    """List the groups and their settings, in the order of the form."""
    return [(group, fields_of(_group_class(group), group)) for group in Settings.model_fields]


def fields() -> Iterator[SettingField]:
    """Go through all settings."""
    return (field for _, members in grouped() for field in members)


def group_title(group: str) -> str:
    """Return a group's name for people."""
    return (_group_class(group).__doc__ or group).rstrip(".")


@functools.cache
def _help_lines(path: str) -> tuple[str, ...]:
    """Return a setting's help as comments; wrapped once, since a form writes the file at every key."""
    field = _BY_PATH[path]
    return tuple(f"# {line}" for line in textwrap.wrap(f"{field.help}{field.allowed_in_words}", 100))


def _as_toml(value: Any) -> str:
    return tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string()


def _group_class(group: str) -> type[Group]:
    return typing.cast(type[Group], Settings.model_fields[group].annotation)


def _with_new_names(values: Mapping[str, Any]) -> dict[str, Any]:
    renamed = dict(values)
    for old, new in RENAMED.items():
        (group, name), (new_group, new_name) = old.split("."), new.split(".")
        if isinstance(renamed.get(group), Mapping) and name in renamed[group]:
            renamed[group] = dict(renamed[group])
            value = renamed[group].pop(name)
            there = renamed.get(new_group, {})
            if isinstance(there, Mapping):  # else it is told what is wrong with the group
                renamed[new_group] = {**there, new_name: value}
    return renamed


_BY_PATH = {field.path: field for field in fields()}


def _in_words(problem: Any) -> str:
    """Say one of pydantic's complaints as a sentence: what, which value, what is allowed."""
    path = ".".join(str(part) for part in problem["loc"][:2])
    if problem["type"] == "extra_forbidden":
        kohya = {field.kohya: field.path for field in fields() if field.kohya}
        return not_a_setting(path, [*_BY_PATH, *Settings.model_fields], kohya)
    field = _BY_PATH.get(path)
    return (
        field.complaint(problem["input"]) if field else f"{path} = {problem['input']!r}; expected a table of settings."
    )
