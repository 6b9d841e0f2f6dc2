"""Sharpness: what is blurred at the size that is trained on, and what only looks as if it were."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import convolve1d

from loranb.dataset import health
from loranb.settings import Settings


def blurred(picture, radius):
    return picture.filter(ImageFilter.GaussianBlur(radius))


def moved(picture, pixels):
    row = np.full(pixels, 1 / pixels)
    return Image.fromarray(convolve1d(np.asarray(picture, np.float32), row, axis=1).astype(np.uint8))


def enlarged(picture, factor):
    return picture.reduce(factor).resize(picture.size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: blurred(p, 2.5),
        lambda p: blurred(p, 6),
        lambda p: blurred(p, 20),
        lambda p: enlarged(p, 8),
        lambda p: moved(p, 21),
        lambda p: blurred(p, 4).point(lambda level: level // 3),
    ],
    ids=["a little", "much", "beyond recognition", "enlarged", "moved", "dark"],
)
def test_a_blurred_picture_is_told(leaves, town, found, spoil):
    spoil(leaves(size=(512, 512))).save(town / "a.jpg", quality=92)
    assert "blurred" in found()["a.jpg"]


def logo():
    picture = Image.new("RGB", (600, 600), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((150, 150, 450, 450), fill="red", outline="black", width=8)
    draw.line((300, 150, 300, 450), fill="black", width=8)
    return picture


def shallow_focus(picture):
    """A sharp subject in a sixth of a picture whose background is far out of focus."""
    soft = blurred(picture, 12)
    soft.paste(picture.crop((200, 200, 420, 420)), (200, 200))
    return soft


@pytest.mark.parametrize(
    "make",
    [
        lambda p: p,
        shallow_focus,
        lambda p: blurred(p, 0.5),
        lambda p: p.point(lambda level: level // 8),
        lambda p: Image.fromarray((np.asarray(p) / 3 + 160).astype(np.uint8)),
        lambda p: logo(),
        lambda p: Image.new("RGB", (600, 600), "navy"),
        lambda p: Image.linear_gradient("L").resize((600, 600)).point(lambda level: 100 + level // 8).convert("RGB"),
    ],
    ids=["sharp", "shallow focus", "as from a camera", "dark", "pale", "drawing", "plain", "gentle shade"],
)
@pytest.mark.parametrize("quality", [95, 40])
def test_a_sharp_a_dark_and_a_plain_picture_are_not_called_blurred(leaves, town, found, make, quality):
    make(leaves(size=(600, 600))).save(town / "a.jpg", quality=quality)
    assert "blurred" not in found()["a.jpg"]


@pytest.mark.parametrize(("resolution", "is_blurred"), [(512, False), (1024, True)])
def test_a_picture_is_judged_at_the_size_it_is_trained_on(leaves, project, town, found, resolution, is_blurred):
    Settings().assign_all({"dataset.resolution": resolution}).save(project.settings_file)
    blurred(leaves(size=(2048, 2048)), 4).save(town / "a.jpg")
    assert ("blurred" in found()["a.jpg"]) == is_blurred


def test_the_width_of_edges_grows_with_the_blur(leaves, project, town):
    for radius in (1, 2, 3, 4):
        blurred(leaves(size=(512, 512)), radius).save(town / f"{radius}.png")
    widths = [picture.edge_width for picture in health.check(project).pictures]
    assert widths == sorted(widths)
    assert widths[-1] > 2
