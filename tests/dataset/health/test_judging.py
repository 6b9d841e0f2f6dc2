"""Findings that depend on how a picture is used: resolution, buckets, turns and crops."""

import numpy as np
import pytest
from PIL import Image

from loranb.dataset import health
from loranb.dataset.edits import Box, Edit, Edits
from loranb.settings import Settings


@pytest.fixture
def settings(project):
    """Write the project's settings."""

    def save(**dataset):
        Settings().assign_all({f"dataset.{name}": value for name, value in dataset.items()}).save(project.settings_file)

    return save


def put(folder, width, height, name="a.jpg"):
    """Put a picture of a size there, with something in it."""
    ramp = np.linspace(30, 220, width)[None, :, None] + np.linspace(-30, 30, height)[:, None, None] * [1, 0.5, 0.2]
    Image.fromarray(ramp.clip(0, 255).astype(np.uint8)).save(folder / name)


def test_a_small_picture_is_told_with_how_much_it_would_be_enlarged(settings, town, finding):
    settings(no_upscale=False)
    put(town, 256, 256)
    assert "enlarged 2 times to 512 x 512" in finding("small").message  # 512 / 256
    assert finding("small").severity == "warning"


def test_a_picture_that_is_enlarged_a_little_is_only_noted(settings, town, finding):
    settings(no_upscale=False)
    put(town, 480, 480)
    assert finding("small").severity == "info"


def test_a_small_picture_that_is_not_enlarged_is_told_with_the_size_it_is_trained_at(settings, town, finding):
    settings(no_upscale=True)
    put(town, 300, 300)
    message = finding("small").message
    assert "256 x 256 and not enlarged" in message  # 300 down to a multiple of 64
    assert "512" in message


@pytest.mark.parametrize(("size", "no_upscale"), [((512, 512), True), ((512, 512), False), ((1600, 900), False)])
def test_a_picture_of_the_training_size_is_not_small(settings, town, found, size, no_upscale):
    settings(no_upscale=no_upscale)
    put(town, *size)
    assert "small" not in found()["a.jpg"]


@pytest.mark.parametrize(
    ("resolution", "size", "too_small"),
    [(1024, (1400, 500), True), (1024, (512, 2000), False), (512, (300, 300), False)],
)
def test_what_is_below_512_pixels_is_told_where_sdxl_is_trained(settings, town, found, resolution, size, too_small):
    settings(resolution=resolution)
    put(town, *size)
    assert ("small_for_sdxl" in found()["a.jpg"]) == too_small


def test_a_long_and_narrow_picture_is_told_with_what_its_bucket_cuts_off(settings, town, finding):
    settings(no_upscale=False)
    put(town, 3000, 500)
    # the nearest bucket of kohya's list at 512 is 1024 x 256: 4 to 1 of 6 to 1, a third is lost
    assert "6.0 to 1, cut to 1024 x 256, which takes 33% off" in finding("extreme_aspect").message


@pytest.mark.parametrize("size", [(1000, 1000), (3000, 2000), (1080, 1920), (1200, 500)])
def test_usual_shapes_are_neither_extreme_nor_much_cut(town, found, size):
    put(town, *size)
    assert not {"extreme_aspect", "cropped"} & found()["a.jpg"]


def test_what_a_square_cuts_off_is_told_where_there_are_no_buckets(settings, town, finding):
    settings(buckets=False)
    put(town, 1500, 1000)
    assert "33% off" in finding("cropped").message


def tinted(low, high):
    """Coloured noise between two grey levels."""
    noise = np.random.default_rng(0).uniform(low, high, (600, 600, 1)) * [1, 0.95, 0.9]
    return Image.fromarray(noise.astype(np.uint8))


@pytest.mark.parametrize(
    ("low", "high", "code"),
    [(0, 40, "under_exposed"), (0, 70, "under_exposed"), (225, 255, "over_exposed"), (5, 240, None), (60, 160, None)],
)
def test_dark_and_bright_pictures_are_told(town, found, low, high, code):
    tinted(low, high).save(town / "a.jpg")
    assert found()["a.jpg"] & {"under_exposed", "over_exposed"} == ({code} if code else set())


def test_blown_out_light_is_told_and_a_subject_on_white_is_not(leaves, town, found):
    linear = (np.asarray(leaves()) / 255) ** 2.2
    Image.fromarray(((linear * 8 + 0.08).clip(0, 1) ** (1 / 2.2) * 255).astype(np.uint8)).save(town / "blown.jpg")
    product = Image.new("RGB", (640, 640), "white")
    product.paste(leaves(size=(240, 240)), (200, 200))
    product.save(town / "product.jpg")
    lines = Image.new("RGB", (640, 640), "white")
    for at in range(0, 640, 80):
        lines.paste("black", (at, 0, at + 1, 640))
    lines.save(town / "lines.png")
    codes = found()
    assert {name for name in codes if "over_exposed" in codes[name]} == {"blown.jpg"}


def test_dark_bars_do_not_make_a_picture_dark(leaves, town, found):
    picture = Image.new("RGB", (640, 1000), "black")
    picture.paste(leaves(size=(640, 300)), (0, 350))
    picture.save(town / "a.jpg")
    assert "under_exposed" not in found()["a.jpg"]


def test_an_edit_changes_what_is_judged(settings, project, town):
    settings(resolution=512, no_upscale=False)
    put(town, 3000, 500)
    picture = health.check(project).pictures[0]
    assert picture.has("extreme_aspect")
    Edits(project.edits_file).set(picture.content, Edit(90, Box(0, 1000, 500, 1500)), "a.jpg")
    cropped = health.check(project).pictures[0]
    assert cropped.size == (500, 500)
    assert not cropped.has("extreme_aspect")
    assert cropped.has("small")


def test_a_picture_that_was_turned_by_hand_is_not_said_to_be_turned_by_its_exif(project, town):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (600, 500), "red").save(town / "a.jpg", exif=exif)
    picture = health.check(project).pictures[0]
    assert picture.has("exif_orientation")
    Edits(project.edits_file).set(picture.content, Edit(90), "a.jpg")
    assert not health.check(project).pictures[0].has("exif_orientation")


def test_a_crop_that_does_not_fit_leaves_the_picture_out_and_says_so(project, town):
    put(town, 600, 600)
    picture = health.check(project).pictures[0]
    Edits(project.edits_file).set(picture.content, Edit(0, Box(0, 0, 900, 900)), "a.jpg")
    picture = health.check(project).pictures[0]
    assert picture.has("bad_edit")
    assert not picture.usable


def test_the_ground_of_transparent_parts_is_the_one_of_the_settings(settings, town, finding):
    settings(background="teal")
    Image.new("RGBA", (600, 600), (255, 0, 0, 90)).save(town / "a.png")
    assert "laid on teal" in finding("transparent").message
