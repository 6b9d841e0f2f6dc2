"""Every value of every setting survives the way from the form to a file's metadata, and what kohya says comes back."""

import functools
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from loranb.dataset.training_set import TrainingImage
from loranb.errors import SettingsError
from loranb.events import Ended
from loranb.interop.export import export
from loranb.interop.kohya import read
from loranb.lora.file import load_lora
from loranb.lora.metadata import Moment, metadata, settings_of
from loranb.panels._form import FieldRow
from loranb.plan import plan
from loranb.settings import Settings, fields
from loranb.settings.conflicts import conflicts
from loranb.training.blanks import fill_blanks
from loranb.training.recipe import train
from loranb.training.run import Run

BASE = {"name": "base", "version": "sd_v1", "architecture": "stable-diffusion-v1", "prediction": "epsilon"}
PICTURES = [TrainingImage(Path("a.png"), 512, 512, 20, "medieval city", "20_medieval city")]
ALL = list(fields())
EXAMPLES = {  # what a word must be that is not any word
    "optimizer.name": ["Prodigy", "adamw8bit", "pytorch_optimizer.AdEMAMix"],
    "dataset.background": ["black", "#a0b0c0"],
}


def numbers(field):
    """Numbers within a setting's bounds; whole ones among those that need not be."""
    low, high, step = (field.bound(name) for name in ("ge", "le", "multiple_of"))
    low = field.bound("gt") if low is None else low
    high = field.bound("lt") if high is None else high
    if field.kind is int:
        unit = int(step or 1)
        return st.integers(-(-int(low) // unit), int(high) // unit).map(lambda n: n * unit)
    whole = st.integers(int(low), min(int(high), 1000)).map(float)
    return st.floats(low, high, allow_nan=False) | whole


def of_kind(field):
    """Values of a setting, most of which it may have."""
    if field.choices:
        return st.sampled_from(field.choices)
    if field.kind is bool:
        return st.booleans()
    if field.kind in (int, float):
        return numbers(field)
    text = st.text(max_size=20) | st.sampled_from(EXAMPLES.get(field.path, ["a", "ü, (x:1.2) #|"]))
    return st.lists(text, max_size=3).map(tuple) if field.kind is tuple else text


def usable(field, value):
    try:
        return field.of(Settings().assign(field.path, value))
    except SettingsError:
        return field.info.default


def value_of(field):
    """Values that a setting may have, as it keeps them."""
    some = of_kind(field).map(lambda value: usable(field, value))
    return st.none() | some if field.optional else some


VALUES = st.fixed_dictionaries({}, optional={field.path: value_of(field) for field in ALL})
SETTINGS = VALUES.map(lambda values: Settings().assign_all(values))


@functools.cache
def rows():
    """The form's row of every setting; no fixture, since a failing example would print them all."""
    return {field.path: FieldRow(field, field.info.default, lambda _: None) for field in ALL}


@pytest.mark.parametrize("field", ALL, ids=lambda field: field.path)
def test_each_setting_can_be_drawn_for_these_tests(field):
    tried = []

    @given(value_of(field))
    @trying(max_examples=30, database=None)
    def draw(value):
        tried.append(value)

    draw()
    assert any(value != field.info.default for value in tried)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("round_trip") / "settings.toml"


@given(SETTINGS)
@trying(deadline=None, max_examples=20)
def test_every_value_survives_form_file_command_line_run_and_metadata(file, asked):
    for field in ALL:
        rows()[field.path].show(field.of(asked))
    of_form = Settings().assign_all({path: row.value for path, row in rows().items()})
    assert unlike(of_form, asked) == {}

    of_form.save(file)
    of_file = Settings.load(file)
    assert unlike(of_file, asked) == {}

    of_command = Settings().assign_text(f"{field.path}={as_argument(field.of(of_file))}" for field in ALL)
    assert unlike(of_command, asked) == {}

    of_run = fill_blanks(of_command, "city_v1a", PICTURES)
    of_run.save(file)
    kept = Settings.load(file)
    assert unlike(kept, of_run) == {}
    assert unlike(fill_blanks(kept, "another", PICTURES), kept) == {}

    told = metadata(kept.assign("metadata.detail", "full"), plan(kept, PICTURES), BASE, Moment(1, 1, 0.0, 1.0, 1))
    assert settings_of(told) == kept.assign("metadata.detail", "full")


def test_a_trained_file_holds_the_settings_of_its_run_and_its_preview(small_project):
    asked = small_project.settings().assign_all(
        {
            "length.epochs": 1,
            "samples.every_epochs": 1,
            "samples.prompts": ("castle --w 64 --h 64 --s 1",),
            "metadata.author": "Ada",
            "metadata.thumbnail": True,
        }
    )
    run = Run.create(small_project, asked)
    assert isinstance(list(train(run))[-1], Ended)
    _, told = load_lora(run.loras()[-1])
    kept = settings_of(told)
    assert {f.path for f in ALL if f.of(kept) != f.of(run.settings())} <= {"memory.precision"}  # what auto came to
    assert told["modelspec.author"] == "Ada"
    assert told["modelspec.thumbnail"].startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("name", ["preset.json", "config.toml"])
@given(SETTINGS)
@trying(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.filter_too_much])
def test_what_is_written_for_kohya_is_read_again(file, name, asked):
    asked = without_conflicts(asked)
    path = file.with_name(name)
    written = export(asked, path)
    assert unlike(read(path).settings, written.said) == {}
    assert read(path).unknown == []


def unlike(some, others):
    """Name what is not the same, so that a failure can be read."""
    return {f.path: (f.of(some), f.of(others)) for f in ALL if f.of(some) != f.of(others)}


def without_conflicts(settings):
    """Take out what excludes something else, a group at a time."""
    for group in Settings.model_fields:
        if conflicts(settings):
            settings = settings.assign_all({f.path: f.info.default for f in ALL if f.group == group})
    return settings


def as_argument(value):
    """Write a value as a person would in a terminal."""
    if value is None:
        return ""
    return "\n".join(value) if isinstance(value, tuple) else str(value)
