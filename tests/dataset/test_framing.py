import io

import numpy as np
import pytest
from PIL import Image

from loranb.dataset.edits import Box
from loranb.dataset.framing import square, trim, will_crop
from loranb.demo.scenes import Scene, draw
from loranb.settings import Settings
from loranb.training.pixels import cut


def noise(size, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def scene(size, seed=1):
    return draw(Scene("church", "red", "grass", "day"), seed, size)


def framed(inside, left, top, right, bottom, colour="black"):
    """Put borders of these widths around a picture."""
    whole = Image.new("RGB", (inside.width + left + right, inside.height + top + bottom), colour)
    whole.paste(inside, (left, top))
    return whole


def jpeg(picture, quality):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return Image.open(out)


@pytest.mark.parametrize("colour", ["black", "white", "#402010"])
@pytest.mark.parametrize("widths", [(0, 30, 0, 30), (40, 0, 25, 0), (20, 20, 20, 20), (0, 0, 0, 50), (3, 3, 3, 3)])
def test_bars_and_frames_are_cut_off(widths, colour):
    wanted = Box(widths[0], widths[1], widths[0] + 320, widths[1] + 200)
    assert trim(framed(noise((320, 200)), *widths, colour)) == wanted
    assert trim(jpeg(framed(noise((320, 200)), *widths, colour), 90)) == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_bars_of_a_scaled_jpeg_are_cut_off_to_the_line(quality):
    whole = framed(noise((640, 400)), 0, 61, 0, 61).resize((450, 367), Image.Resampling.LANCZOS)
    found = trim(jpeg(whole, quality))
    assert found == pytest.approx((0, 61 * 367 / 522, 450, 461 * 367 / 522), abs=2)


def test_a_frame_within_a_frame_is_cut_off_too():
    assert trim(framed(framed(noise((320, 200)), 10, 10, 10, 10, "white"), 20, 30, 20, 30)) == Box(30, 40, 350, 240)


def test_noise_in_the_bars_is_allowed_for():
    whole = np.asarray(framed(noise((320, 200)), 0, 40, 0, 40)).astype(int)
    grain = np.random.default_rng(1).integers(-10, 11, whole.shape)
    assert trim(Image.fromarray((whole + grain).clip(0, 255).astype(np.uint8))) == Box(0, 40, 320, 240)


def test_a_picture_without_borders_and_one_of_one_colour_are_left_alone():
    assert trim(noise((320, 200))) is None
    assert trim(Image.new("RGB", (320, 200), "white")) is None
    assert trim(Image.new("RGB", (1, 1), "white")) is None


def test_a_thing_on_a_plain_ground_has_no_borders():
    whole = Image.new("RGB", (400, 300), "white")
    whole.paste(noise((90, 120)), (150, 100))
    assert trim(whole) is None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("size", [(128, 128), (192, 96)])
def test_a_sky_is_no_border(size, seed):
    assert trim(scene(size, seed)) is None


@pytest.mark.parametrize(("place", "wanted"), [(20, 0), (250, 200), (440, 400)])
@pytest.mark.parametrize("upright", [False, True])
def test_the_square_goes_where_something_is_to_be_seen(place, wanted, upright):
    whole = Image.new("RGB", (600, 200), (120, 150, 120))
    whole.paste(Image.new("RGB", (100, 120), "red"), (place, 50))
    whole.paste(noise((60, 60)), (place + 20, 70))
    box = square(whole.transpose(Image.Transpose.TRANSPOSE) if upright else whole)
    start, side = (box.top, box.size) if upright else (box.left, box.size)
    assert side == (200, 200)
    assert start <= place
    assert place + 100 <= start + 200
    assert start == pytest.approx(wanted, abs=60)


@pytest.mark.parametrize("size", [(200, 200), (201, 200), (300, 5), (8, 8), (1, 1)])
def test_a_square_lies_inside_the_picture_and_is_as_large_as_can_be(size):
    box = square(noise(size))
    assert box.size == (min(size), min(size))
    assert 0 <= box.left < box.right <= size[0]
    assert 0 <= box.top < box.bottom <= size[1]


def test_where_nothing_is_to_be_seen_the_square_is_in_the_middle():
    assert square(Image.new("RGB", (600, 200), "white")) == Box(200, 0, 400, 200)


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1000, 300), (300, 1000), (512, 512), (130, 90)])
@pytest.mark.parametrize("changes", [{}, {"dataset.no_upscale": False}, {"dataset.buckets": False}])
def test_what_is_said_to_be_kept_is_what_is_trained_on(size, changes):
    from loranb.dataset.buckets import fit

    dataset = Settings().assign_all({"dataset.resolution": 256, **changes}).dataset
    across, down = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    place = Image.fromarray(np.stack([across // 4, down // 4, across * 0], -1).astype(np.uint8))  # where each came from
    trained = np.asarray(cut(place, fit(size, dataset))).astype(float) * 4
    box = will_crop(size, dataset)
    step = max(size[0] / trained.shape[1], size[1] / trained.shape[0], 1)
    seen = (trained[..., 0].min(), trained[..., 1].min(), trained[..., 0].max(), trained[..., 1].max())
    assert seen == pytest.approx((box.left, box.top, box.right, box.bottom), abs=6 + 2 * step)
