"""Presets hold what their guides say, and are checked against the declarations."""

from pathlib import Path

import pytest

from loranb.dataset.training_set import TrainingImage
from loranb.errors import SettingsError
from loranb.estimate.gpus import named
from loranb.estimate.whole import estimate
from loranb.plan import plan
from loranb.settings import Settings, fields, preset_about, presets
from loranb.settings.advice import advice
from loranb.settings.conflicts import conflicts
from loranb.settings.optimizers import parse_arguments

TEN = [TrainingImage(Path(f"{i}.png"), 1024, 1024, 20, "a woman", "20_rihanna_woman") for i in range(10)]
FAMILIES = {"sd15": 512, "sd21": 768, "sdxl": 1024}  # the side that each was made for


@pytest.mark.parametrize("name", presets())
def test_every_preset_can_be_used_and_says_where_it_comes_from(name):
    assert isinstance(Settings.preset(name), Settings)
    about = preset_about(name)
    assert 5 < len(about.title) < 50
    assert about.source.endswith(".")
    assert "\n" not in about.source


def test_no_two_presets_have_the_same_title():
    titles = [preset_about(name).title for name in presets()]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("name", presets())
def test_nothing_in_a_preset_is_unwise(name):
    assert [said.words for said in advice(Settings.preset(name))] == []


@pytest.mark.parametrize("name", presets())
def test_nothing_in_a_preset_excludes_something_else(name):
    assert conflicts(Settings.preset(name)) == []


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["face", "person", "object", "style"])
def test_each_family_has_each_kind_and_its_variant_for_a_free_gpu(family, kind):
    assert {f"{family}_{kind}", f"{family}_{kind}_t4"} <= set(presets())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_face_preset_is_the_guides(family):
    settings = Settings.preset(f"{family}_face")
    assert settings.dataset.resolution == FAMILIES[family]
    assert (settings.length.batch_size, settings.length.epochs, settings.saving.every_epochs) == (5, 100, 5)
    assert (settings.optimizer.name, settings.memory.precision, settings.memory.lora_precision) == (
        "AdamW",
        "bf16",
        "bf16",
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_the_person_preset_is_the_guides(family):
    settings = Settings.preset(f"{family}_person")
    assert settings.dataset.resolution == FAMILIES[family]
    assert (settings.length.batch_size, settings.length.epochs) == (4, 20)
    assert (settings.optimizer.learning_rate, settings.lora.rank, settings.lora.alpha) == (3e-4, 64, 32)
    assert (settings.memory.precision, settings.saving.precision) == ("bf16", "bf16")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_object_preset_is_the_guides(family):
    settings = Settings.preset(f"{family}_object")
    assert settings.dataset.resolution == {"sd15": 768, "sd21": 768, "sdxl": 1024}[family]
    arguments = {"scale_parameter": False, "relative_step": False, "warmup_init": False}
    assert (settings.optimizer.name, parse_arguments(settings.optimizer.args)) == ("Adafactor", (arguments, []))
    assert settings.lora.rank == 128
    assert 100 < settings.lora.alpha < 128
    assert (settings.length.epochs, settings.memory.precision) == (8, "bf16")
    assert settings.dataset.buckets
    assert settings.dataset.no_upscale


@pytest.mark.parametrize("name", [name for name in presets() if name.endswith("_t4")])
def test_a_variant_for_a_free_gpu_learns_the_same_by_the_same_number_of_steps(name):
    small, large = Settings.preset(name), Settings.preset(name.removesuffix("_t4"))
    mine = {"optimizer.name", "length.batch_size", "length.gradient_accumulation", "saving.precision"}
    changed = {field.path for field in fields() if field.of(small) != field.of(large)}
    assert {path for path in changed if not path.startswith("memory.")} <= mine
    assert small.memory.precision == small.saving.precision == "fp16"  # a T4 has no bf16
    assert small.length.batch_size * small.length.gradient_accumulation == large.length.batch_size
    assert plan(small, TEN).steps == plan(large, TEN).steps


@pytest.mark.parametrize("name", [name for name in presets() if name != "demo"])
def test_a_preset_fits_what_it_is_for(name):
    settings, card = Settings.preset(name), named("T4" if name.endswith("_t4") else "RTX 3090")
    assert estimate(settings, plan(settings, TEN), card).verdict == "fits"


def test_the_person_guides_ten_pictures_take_its_thousand_steps():
    planned = plan(Settings.preset("sdxl_person"), TEN)
    assert (planned.steps_per_epoch, planned.steps) == (50, 1000)


@pytest.mark.parametrize("ask", [Settings.preset, preset_about])
def test_a_preset_that_is_not_there_is_told_with_those_that_are(ask):
    with pytest.raises(SettingsError, match="sdxl_face"):
        ask("nothing")
