"""Read the settings of kohya's tools: the form's presets of every age, and sd-scripts' TOML.

Most keys are those that settings declare as ``kohya=``; what is declared is read with no word here. The rest means
something else than one setting, or nothing at all: each has a converter, or a reason. What the tools themselves do with
a file counts, traps included, so that the same file gives the same training: steps win over epochs, noughts are left
out by the form, a rate of 0 leaves a part untrained. Where that is rarely meant, it is said, with a way back.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loranb.errors import SettingsError
from loranb.interop import _learning, _model, _network, _precision, _rest
from loranb.interop._absent import ABSENT
from loranb.interop._ignored import LACKING, why_ignored
from loranb.interop._reading import Reading, as_flag, as_number, by_key, converted
from loranb.interop._source import FORM, Source, is_blank, read_source
from loranb.settings import Settings
from loranb.settings.advice import Advice

_CONVERTERS: Sequence[Callable[[Reading], None]] = (
    _rest.noughts,
    _model.base_model,
    _model.clip_skip,
    _network.network,
    _learning.optimizer,
    _learning.rates,
    _learning.schedule,
    _precision.precision,
    _precision.compiling,
    _precision.stopping,
    _rest.length,
    _rest.resolution,
    _rest.noise,
    _rest.seed,
    _rest.saving,
    _rest.captions,
    _rest.masks,
    _rest.samples,
)


@dataclass(frozen=True)
class Imported:
    """What a file of another tool came to.

    Args:
        settings: what it says, as loranb's settings.
        mapped: the keys that stand in a setting, and in which.
        ignored: the keys that don't, and why.
        unknown: the keys that nothing is known of.
        advice: what to look at, some with a change that mends it.
    """

    settings: Settings
    mapped: dict[str, str]
    ignored: dict[str, str]
    unknown: list[str]
    advice: list[Advice]


def read(path: Path) -> Imported:
    """Read a preset of kohya_ss (JSON), or a file of sd-scripts' arguments or data sets (TOML).

    Raises:
        SettingsError: it cannot be read, or is for models or networks that loranb doesn't train; all reasons are named.
    """
    return imported(read_source(Path(path)))


def imported(source: Source) -> Imported:
    """Turn what a file says into settings.

    Raises:
        SettingsError: it is for models or networks that loranb doesn't train; all reasons are named.
    """
    reading = Reading(source, ABSENT[source.kind])
    if problems := _network.refusals(reading):
        raise SettingsError(problems)
    for convert in _CONVERTERS:
        convert(reading)
    _declared(reading)
    unknown = _undeclared(reading)
    for remark in source.remarks:
        reading.advise(remark)
    _say_assumed(reading)
    settings = Settings().assign_all(reading.changes)
    return Imported(settings, reading.mapped, reading.ignored, unknown, reading.advice)


def _declared(reading: Reading) -> None:
    """Read every key that a setting declares and no converter has dealt with."""
    for key, field in by_key().items():
        dealt_with = key not in reading.left if key in reading.source.values else field.path in reading.changes
        if dealt_with:
            continue
        if field.path in reading.changes or reading.value(key) is None:
            reading.done(key, field.path)
        else:
            reading.assign(key, field.path, converted(field, key, reading.value(key)))


def _undeclared(reading: Reading) -> list[str]:
    unknown, lacking = [], []
    for key in sorted(reading.left):
        value, name = reading.source.values[key], reading.source.names[key]
        why = why_ignored(key, is_blank(value) or as_number(value) == 0 or as_flag(value) is False)
        if why is None:
            unknown.append(name)
            continue
        reading.ignore(key, why)
        if why == LACKING:
            lacking.append(f"{name} = {value}")
    if lacking:
        reading.advise(f"loranb does not have what these do, so the LoRA may come out different: {', '.join(lacking)}.")
    return unknown


def _say_assumed(reading: Reading) -> None:
    """Say which of the other tool's own values count because the file is silent."""
    told = [f"{key} = {value}" for key, value in reading.assumed.items() if not is_blank(value)]
    if told:
        tool = "kohya_ss's form" if reading.source.kind == FORM else "sd-scripts"
        reading.advise(f"The file does not say everything; taken as {tool} does: {', '.join(told)}.")
