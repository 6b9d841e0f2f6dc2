"""Masked loss: the mean over the mask's area, the mask scaled, cut and mirrored along with its picture."""

import numpy as np
import pytest
import torch
from PIL import Image

from loranb.dataset.augmentation import Look
from loranb.dataset.edits import Box, Edit
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError, TrainingError
from loranb.events import Step
from loranb.plan import plan
from loranb.training.batches import Batch
from loranb.training.masks import Masks, masked_mean
from loranb.training.recipe import train
from loranb.training.run import Run


def masked(project, **changes):
    """A new run of a project with masked loss."""
    return Run.create(project, project.settings().assign_all({"dataset.masked_loss": True, **changes}))


def steps(run):
    return [event.loss for event in train(run) if isinstance(event, Step)]


def masks_of(run, **changes):
    horizon = plan(run.settings().assign_all(changes), run.images())
    return horizon, Masks(horizon.shown, Pictures(run.project))


@pytest.fixture
def castle(small_project):
    return small_project.img / "2_red castle" / "castle_0.png"  # 80 x 80, in a bucket of 64 x 64


@pytest.fixture
def half(castle):
    """Its left half counts."""
    mask = Image.new("L", (80, 80), 0)
    mask.paste(255, (0, 0, 40, 80))
    mask.save(castle.with_name("castle_0.mask.png"))
    return castle


def place_of(horizon, path):
    return next(place for place, planned in enumerate(horizon.shown) if planned.image.path == path)


def test_the_mean_is_over_the_masks_area():
    """Written out with loops in float64; a picture whose mask is all white costs what it costs without."""
    generator = torch.Generator().manual_seed(1)
    error = torch.rand((3, 4, 5, 6), generator=generator, dtype=torch.float64)
    mask = torch.rand((3, 1, 5, 6), generator=generator, dtype=torch.float64)
    mask[1] = 1
    mask[2, :, 1:] = 0
    for b in range(3):
        summed = sum(mask[b, 0, y, x] * error[b, c, y, x] for c in range(4) for y in range(5) for x in range(6))
        area = 4 * sum(mask[b, 0, y, x] for y in range(5) for x in range(6))
        assert masked_mean(error, mask)[b].item() == pytest.approx((summed / area).item(), rel=1e-12)
    assert masked_mean(error, mask)[1].item() == pytest.approx(error[1].mean().item(), rel=1e-12)


def test_what_is_masked_out_gets_no_gradient_and_an_empty_mask_none_at_all():
    error = torch.ones((2, 1, 2, 2), requires_grad=True)
    mask = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]])
    masked_mean(error, mask).sum().backward()
    assert error.grad.flatten(1).tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]


def test_a_mask_is_scaled_and_cut_as_its_picture_and_mirrored_with_it(small_project, half):
    horizon, masks = masks_of(masked(small_project))
    place = place_of(horizon, half)
    found = masks(Batch((place, place), ("", ""), (False, True), 1))
    assert found.shape == (2, 1, 8, 8)
    across = [1, 1, 1, 1, 0, 0, 0, 0]
    assert torch.allclose(found[0, 0], torch.tensor(across, dtype=torch.float32).expand(8, 8), atol=0.02)
    assert torch.equal(found[1], found[0].flip(-1))


def test_a_mask_is_turned_and_cropped_as_its_picture(small_project, half):
    pictures = Pictures(small_project)
    pictures.edits.set(pictures.content(half), Edit(90, Box(0, 0, 80, 60)), half.name)
    horizon, masks = masks_of(masked(small_project, **{"dataset.buckets": False, "dataset.no_upscale": False}))
    place = place_of(horizon, half)
    turned = np.rot90(np.pad(np.ones((80, 40)), ((0, 0), (0, 40))), -1)[:60]  # its left is the top now
    scaled = Image.fromarray((turned * 255).astype(np.uint8)).resize((85, 64), Image.Resampling.LANCZOS)
    cut = np.asarray(scaled.crop((10, 0, 74, 64)), dtype=np.float32) / 255
    wanted = cut.reshape(8, 8, 8, 8).mean((1, 3))
    assert np.allclose(masks(Batch((place,), ("",), (False,), 1))[0, 0].numpy(), wanted, atol=0.02)


def test_a_mask_follows_a_cut_at_a_place_drawn_by_chance(small_project, castle):
    wide = castle.with_name("castle_1.png")
    ramp = Image.linear_gradient("L").rotate(90).resize((96, 64), Image.Resampling.NEAREST)
    ramp.save(wide.with_suffix(".mask.png"))
    horizon, masks = masks_of(masked(small_project, **{"dataset.buckets": False, "dataset.random_crop": True}))
    place = place_of(horizon, wide)
    assert horizon.shown[place].fit.resized == (96, 64)
    for left in (0, 5, 32):
        found = masks(Batch((place,), ("",), (False,), 1, (Look((left, 0)),)))
        wanted = np.asarray(ramp, dtype=np.float32)[:, left : left + 64].reshape(8, 8, 8, 8).mean((1, 3)) / 255
        assert np.allclose(found[0, 0].numpy(), wanted, atol=0.01)


def test_a_pictures_own_transparency_is_a_mask_too(small_project, castle):
    picture = Image.open(castle).convert("RGBA")
    picture.putalpha(Image.new("L", picture.size, 51))
    picture.save(castle)
    horizon, masks = masks_of(masked(small_project))
    assert masks(Batch((place_of(horizon, castle),), ("",), (False,), 1)).mean().item() == pytest.approx(0.2, abs=0.01)


def test_pictures_without_a_mask_count_wholly(small_project, half):
    """All white or none: the run costs the same, but for the picture that is masked in half."""
    horizon, masks = masks_of(masked(small_project))
    others = [place for place in range(len(horizon.shown)) if place != place_of(horizon, half)]
    assert all(masks(Batch((place,), ("",), (False,), 1)).eq(1).all() for place in others)


def test_white_masks_change_no_loss_and_half_of_one_does(small_project, castle):
    unmasked = steps(Run.create(small_project, small_project.settings()))
    mask = castle.with_name("castle_0.mask.png")
    Image.new("L", (80, 80), 255).save(mask)
    assert steps(masked(small_project)) == pytest.approx(unmasked, rel=1e-5)
    Image.linear_gradient("L").resize((80, 80)).save(mask)
    found = steps(masked(small_project))
    assert found != pytest.approx(unmasked, rel=1e-5)


def test_a_masked_run_goes_on_exactly(small_project, half):
    changes = {"dataset.flip": True, "dataset.random_crop": True, "dataset.buckets": False}
    whole = steps(masked(small_project, **changes))
    run, first = masked(small_project, **changes), []
    for event in train(run):
        if isinstance(event, Step):
            first.append(event.loss)
            if event.step == 3:
                run.stop_file.touch()
    assert first + steps(run) == whole


def test_masks_that_cannot_be_used_are_all_named_before_a_run_is_made(small_project, castle):
    Image.new("L", (80, 40), 255).save(castle.with_name("castle_0.mask.png"))
    Image.new("L", (96, 64), 0).save(castle.with_name("castle_1.mask.png"))
    castle.with_name("castle_2.mask.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError) as told:
        masked(small_project)
    assert "shapes differ" in str(told.value)
    assert "castle_1.mask.png is black all over" in str(told.value)
    assert "castle_2.mask.png" in str(told.value)
    assert small_project.runs() == []


def test_masks_that_do_not_count_are_not_complained_about(small_project, castle):
    castle.with_name("castle_2.mask.png").write_bytes(b"no picture")
    Run.create(small_project, small_project.settings())


def test_where_there_is_no_mask_masked_loss_is_refused(small_project):
    with pytest.raises(DatasetError, match=r"no picture has a mask.*church\.mask\.png.*False"):
        masked(small_project)


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_a_mask_that_changes_after_the_run_was_made_is_told(small_project, half, what):
    run = masked(small_project)
    mask = half.with_name("castle_0.mask.png")
    if what == "gone":
        mask.unlink()
    else:
        Image.new("L", (80, 80), 9).save(mask)
    with pytest.raises(TrainingError, match=r"castle_0(\.mask)?\.png (has changed|is gone)|mask of castle_0"):
        list(train(run))
