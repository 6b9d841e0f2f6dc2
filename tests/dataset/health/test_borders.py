import pytest
from PIL import Image, ImageDraw, ImageOps

from loranb.dataset import health
from loranb.dataset.edits import Box, Edit, Edits

NEAR = 4  # pixels: two of the picture as it is looked at, which is at most half its size here


def barred(picture, sides, colour):
    """Lay a picture on a ground that is larger by (left, top, right, bottom)."""
    return ImageOps.expand(picture, sides, colour)


def is_near(box, expected):
    return all(abs(a - b) <= NEAR for a, b in zip(box, expected, strict=True))


@pytest.mark.parametrize("colour", ["black", "white", "#446688"])
@pytest.mark.parametrize("sides", [(0, 80, 0, 80), (100, 0, 100, 0), (60, 60, 60, 60), (50, 120, 50, 90)])
def test_bars_are_found_and_what_is_left_without_them(leaves, town, project, colour, sides):
    barred(leaves(size=(800, 600)), sides, colour).save(town / "a.jpg", quality=80)
    picture = health.check(project).pictures[0]
    left, top = sides[:2]
    assert picture.has("borders")
    assert is_near(picture.trim, (left, top, left + 800, top + 600))


def test_the_rectangle_lies_within_the_picture_not_on_its_bars(leaves, town, project):
    barred(leaves(size=(1999, 1501)), (0, 211, 0, 211), "black").save(town / "a.jpg")
    trim = health.check(project).pictures[0].trim
    assert trim.top >= 211
    assert trim.bottom <= 211 + 1501


def test_a_strip_with_text_is_told_as_such(leaves, town, project, finding):
    picture = barred(leaves(size=(800, 600)), (0, 0, 0, 70), "white")
    ImageDraw.Draw(picture).text((60, 618), "www.example.com  all rights reserved", fill="black", font_size=30)
    picture.save(town / "a.jpg")
    assert "text" in finding("borders").message
    assert is_near(health.check(project).pictures[0].trim, (0, 0, 800, 600))


def on_a_ground(colour):
    picture = Image.new("RGB", (800, 800), colour)
    ImageDraw.Draw(picture).ellipse((200, 250, 600, 700), fill="#a03020")
    return picture


def under_a_sky():
    picture = Image.new("RGB", (800, 800), "#90b0e0")
    ImageDraw.Draw(picture).rectangle((0, 420, 800, 800), fill="#305020")
    return picture


@pytest.mark.parametrize("make", [lambda: on_a_ground("white"), lambda: on_a_ground("black"), under_a_sky])
def test_a_plain_ground_is_no_border(town, found, make):
    make().save(town / "a.jpg")
    assert "borders" not in found()["a.jpg"]


def test_a_picture_of_many_things_has_no_borders(leaves, town, found):
    leaves().save(town / "a.jpg")
    assert "borders" not in found()["a.jpg"]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_borders_that_a_crop_has_trimmed_are_not_told_again(leaves, town, project, turn):
    barred(leaves(size=(800, 600)), (0, 100, 0, 60), "black").save(town / "a.png")
    edits = Edits(project.edits_file)
    picture = health.check(project).pictures[0]
    edits.set(picture.content, Edit().then_turned(turn, (800, 760)) if turn else Edit(), "a.png")
    turned = health.check(project).pictures[0]
    assert turned.has("borders")
    edits.set(turned.content, edits.of(turned.content).then_cropped(turned.trim), "a.png")
    trimmed = health.check(project).pictures[0]
    assert not trimmed.has("borders")
    assert trimmed.trim is None
    kept = Edit(turn).turned(Image.open(town / "a.png")).crop(edits.of(turned.content).crop)
    assert kept.convert("L").getextrema()[0] >= 0
    assert abs(kept.width * kept.height - 800 * 600) < 0.02 * 800 * 600


def test_a_crop_that_leaves_part_of_a_bar_is_told_with_what_to_crop_in_it(leaves, town, project):
    barred(leaves(size=(800, 600)), (0, 100, 0, 100), "black").save(town / "a.png")
    picture = health.check(project).pictures[0]
    Edits(project.edits_file).set(picture.content, Edit(0, Box(0, 0, 800, 650)), "a.png")
    assert is_near(health.check(project).pictures[0].trim, (0, 100, 800, 650))
