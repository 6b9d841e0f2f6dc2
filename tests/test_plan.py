import math
from pathlib import Path

import pytest

from loranb.dataset.training_set import TrainingImage
from loranb.errors import DatasetError
from loranb.plan import plan
from loranb.settings import Settings


def image(width=512, height=512, repeats=1):
    return TrainingImage(Path("x.png"), width, height, repeats, "caption", "1_x")


def settings(**length):
    return Settings().assign_all({f"length.{name}": value for name, value in length.items()})


def test_steps_follow_kohyas_formula():
    """Section 4.3 of kohya's trainer: batches = sum of ceil(items / batch) over buckets."""
    images = [image(repeats=3)] * 5 + [image(768, 384, repeats=2)] * 3
    horizon = plan(settings(batch_size=4, epochs=7, gradient_accumulation=2), images)
    batches = math.ceil(15 / 4) + math.ceil(6 / 4)
    assert horizon.batches_per_epoch == batches
    assert horizon.steps_per_epoch == math.ceil(batches / 2)
    assert horizon.steps == 7 * math.ceil(batches / 2)


def test_steps_asked_for_win_over_epochs():
    horizon = plan(settings(steps=25, epochs=1), [image()] * 10)
    assert (horizon.steps, horizon.epochs) == (25, 3)


def test_two_shapes_cost_a_batch_more_than_the_simple_sum():
    images = [image()] * 3 + [image(768, 384)] * 3
    assert plan(settings(batch_size=2), images).batches_per_epoch == 4 > 6 / 2


def test_no_pictures_is_told():
    with pytest.raises(DatasetError, match="no pictures"):
        plan(Settings(), [])


def test_the_sentence_holds_the_numbers():
    said = plan(settings(batch_size=2, epochs=3), [image(repeats=4)] * 2).sentence()
    assert all(number in said for number in ("2 pictures", "8 pictures an epoch", "4 steps an epoch", "12 steps"))


def test_subjects_share_the_showings_by_pictures_and_repeats():
    images = [image(repeats=10)] * 6 + [TrainingImage(Path("y.png"), 512, 512, 30, "c", "30_y")] * 2
    subjects = plan(Settings(), images).subjects
    assert [(s.folder, s.images, s.repeats, s.items) for s in subjects] == [("1_x", 6, 10, 60), ("30_y", 2, 30, 60)]
    assert [s.share for s in subjects] == [0.5, 0.5]


def test_what_is_cut_off_is_said_for_each_bucket():
    """1920 x 1080 goes into 640 x 384 as 683 x 384 (kohya's vectors): 43 of 683 columns are lost."""
    cut = plan(Settings(), [image(1920, 1080), image(512, 512)]).cropped()
    assert cut[(640, 384)] == pytest.approx(43 / 683)
    assert cut[(512, 512)] == 0
