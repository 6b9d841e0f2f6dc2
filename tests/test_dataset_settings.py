"""What is advised against of the settings of pictures."""

import pytest

from loranb.settings import DatasetSettings, Settings
from loranb.settings.advice import advice


@pytest.mark.parametrize("changes", [{"colour": True}, {"random_crop": True, "buckets": False}, {"random_crop": True}])
def test_what_cannot_be_cached_is_said_and_the_mend_ends_it(changes):
    settings = Settings().assign_all({f"dataset.{name}": value for name, value in changes.items()})
    said = advice(settings)
    assert "encoded at each step" in said[0].words
    for one in said:
        settings = settings.assign_all(one.mend)
    assert advice(settings) == []


def test_regularisation_pictures_that_count_for_nothing_are_better_left_aside():
    settings = Settings().assign("dataset.prior_loss_weight", 0)
    [said] = advice(settings)
    assert advice(settings.assign_all(said.mend)) == []


@pytest.mark.parametrize(("name", "same"), [("cubic", "bicubic"), ("linear", "bilinear"), ("area", "area")])
def test_kohyas_names_of_interpolations_are_read(name, same):
    assert DatasetSettings(interpolation=name).interpolation == same
