"""Presets fit the GPUs that they are for, as far as that can be computed."""

from pathlib import Path

import pytest

from loranb.dataset.training_set import TrainingImage
from loranb.estimate import estimate, named
from loranb.plan import plan
from loranb.settings import Settings, presets


def verdict(preset, gpu):
    images = [TrainingImage(Path(f"{i}.png"), 2000, 1500 + 10 * i, 10, "caption", "10_x") for i in range(40)]
    settings = Settings.preset(preset)
    return estimate(settings, plan(settings, images), named(gpu)).verdict


@pytest.mark.parametrize("preset", [name for name in presets() if name.endswith("_t4")])
def test_presets_for_a_free_t4_fit_it_with_room_to_spare(preset):
    assert verdict(preset, "T4") == "fits"


@pytest.mark.parametrize("preset", presets())
def test_every_preset_fits_a_gpu_of_24_gib(preset):
    assert verdict(preset, "RTX 3090") == "fits"
