"""What SDXL is told of how pictures were cut."""

from pathlib import Path

import pytest

from loranb.dataset.augmentation import Look
from loranb.dataset.buckets import Fit, fit
from loranb.dataset.training_set import TrainingImage
from loranb.plan import PlannedImage
from loranb.settings import DatasetSettings
from loranb.training.batches import Batch
from loranb.training.placement import Placements, cut_view, kohya_view

SDXL = DatasetSettings(resolution=1024, bucket_min=256, bucket_max=2048, bucket_step=64, no_upscale=False)


def test_the_cut_is_told_as_it_was_made():
    # 1536 x 1024 is scaled to 1248 x 832 and loses 16 at either side
    view = cut_view((1536, 1024), fit((1536, 1024), SDXL))
    assert view == ((1536, 1024), (16, 0), (1216, 832))


def test_kohyas_variant_tells_the_margins_of_the_picture_fitted_in_whole():
    # a known case: kohya's trainer says top 10, left 0
    view = kohya_view((1536, 1024), fit((1536, 1024), SDXL))
    assert view == ((1536, 1024), (0, 10), (1216, 832))


def test_mirrored_what_was_cut_off_at_the_right_is_the_left():
    uneven = Fit(bucket=(64, 64), resized=(71, 64))  # 3 cut off at the left, 4 at the right
    assert cut_view((142, 128), uneven).crop == (3, 0)
    assert cut_view((142, 128), uneven, mirrored=True).crop == (4, 0)


@pytest.mark.parametrize("size", [(1024, 1536), (1000, 1111), (640, 1920)])
def test_kohyas_variant_mirrored_is_as_far_from_the_right(size):
    # its right margin is what is left of the bucket beside the picture and its left margin
    found = fit(size, SDXL)
    plain, mirrored = kohya_view(size, found).crop[0], kohya_view(size, found, mirrored=True).crop[0]
    inside = found.bucket[1] * size[0] / size[1]
    if found.bucket[0] / found.bucket[1] > size[0] / size[1]:
        assert mirrored == int(found.bucket[0] - (plain + inside))
    else:
        assert (plain, mirrored) == (0, 0)


def test_a_cut_at_a_place_drawn_by_chance_is_told_as_it_was_made():
    planned = PlannedImage(TrainingImage(Path("a.png"), 142, 128, 1, "", "1_x"), Fit((64, 64), (71, 64)))
    batch = Batch((0, 0), ("", ""), (False, True), 1, looks=(Look((5, 0)), Look((5, 0))))
    told = Placements([planned], "cut")(batch)
    assert [view.crop for view in told] == [(5, 0), (2, 0)]  # mirrored: what was right of the cut
