import json

import numpy as np
import pytest
from PIL import Image

from loranb.dataset.edits import Box, Edit, Edits
from loranb.dataset.images import open_picture
from loranb.errors import DatasetError

A, B = "a" * 64, "b" * 64


def noise(width, height):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def cut(pixels, box):
    return pixels[box.top : box.bottom, box.left : box.right]


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, Box(3, 5, 20, 30)])
def test_a_picture_is_turned_clockwise_and_then_cropped(turn, crop):
    pixels = noise(40, 50)
    turned = np.rot90(pixels, -turn // 90)
    wanted = turned if crop is None else cut(turned, crop)
    edit = Edit(turn, crop)
    assert np.array_equal(edit.apply(Image.fromarray(pixels)), wanted)
    assert edit.size((40, 50)) == wanted.shape[1::-1]


@pytest.mark.parametrize(("orientation", "quarters"), [(1, 0), (3, 2), (6, -1), (8, 1)])
@pytest.mark.parametrize("turn", [0, 90, 270])
def test_turning_and_cropping_begin_from_the_picture_that_exif_turned_upright(tmp_path, orientation, quarters, turn):
    stored, crop = noise(40, 50), Box(4, 6, 30, 36)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    wanted = cut(np.rot90(stored, quarters - turn // 90), crop)
    assert np.array_equal(Edit(turn, crop).apply(open_picture(tmp_path / "a.png")), wanted)


@pytest.mark.parametrize("first", [0, 90, 180, 270])
@pytest.mark.parametrize("second", [90, 180, 270])
@pytest.mark.parametrize("crop", [None, Box(3, 5, 20, 30)])
def test_turning_what_is_seen_turns_its_crop_along(first, second, crop):
    picture, edit = Image.fromarray(noise(40, 50)), Edit(first, crop)
    seen = np.asarray(edit.apply(picture))
    again = edit.then_turned(second, picture.size)
    assert np.array_equal(again.apply(picture), np.rot90(seen, -second // 90))


@pytest.mark.parametrize("edit", [Edit(), Edit(90), Edit(270, Box(3, 5, 28, 30))])
def test_cropping_what_is_seen_crops_within_the_crop(edit):
    picture, box = Image.fromarray(noise(40, 50)), Box(2, 1, 14, 19)
    assert np.array_equal(edit.then_cropped(box).apply(picture), cut(np.asarray(edit.apply(picture)), box))


@pytest.mark.parametrize(
    ("crop", "said"),
    [
        ((-1, 0, 20, 20), "40 x 50"),
        ((0, 0, 41, 20), "40 x 50"),
        ((0, 0, 20, 51), "40 x 50"),
        ((20, 0, 10, 20), "left before right"),
        ((0, 20, 20, 20), "top before bottom"),
        ((0, 0, 7, 20), "7 x 20 pixels; 8 on each side"),
    ],
)
def test_a_crop_that_does_not_fit_is_refused_with_its_reason(crop, said):
    with pytest.raises(DatasetError, match=said):
        Edit(0, Box(*crop)).size((40, 50))
    with pytest.raises(DatasetError, match=said):
        Edit(0, Box(*crop)).apply(Image.new("RGB", (40, 50)))


def test_a_crop_is_measured_against_the_turned_picture():
    assert Edit(90, Box(0, 0, 50, 40)).size((40, 50)) == (50, 40)
    with pytest.raises(DatasetError, match="50 x 40"):
        Edit(90, Box(0, 0, 40, 50)).size((40, 50))


def test_only_quarter_turns_can_be_asked_for():
    with pytest.raises(DatasetError, match="turn = 45; .*0, 90, 180 or 270"):
        Edit(45)


def test_edits_are_on_disk_at_once_and_seen_by_others(tmp_path):
    ours, theirs = Edits(tmp_path / "edits.json"), Edits(tmp_path / "edits.json")
    assert ours.of(A) == Edit()
    ours.set(A, Edit(90, Box(1, 2, 30, 40)), "church.jpg")
    assert theirs.of(A) == Edit(90, Box(1, 2, 30, 40))
    theirs.set(B, Edit(180), "mill.jpg")
    assert ours.of(B) == Edit(180)
    ours.clear(A)
    assert Edits(tmp_path / "edits.json").of(A) == Edit()
    assert theirs.of(B) == Edit(180)


def test_the_record_names_the_pictures_for_people(tmp_path):
    Edits(tmp_path / "edits.json").set(A, Edit(90), "Schloß.jpg")
    assert json.loads((tmp_path / "edits.json").read_text("utf-8"))["pictures"] == {
        A: {"name": "Schloß.jpg", "turn": 90, "crop": None}
    }


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"pictures": [1]}', "\0\0\0", '{"edits": {}}'])
def test_a_damaged_record_is_set_aside_and_said_and_never_lost(tmp_path, damage):
    (tmp_path / "edits.json").write_text(damage)
    edits = Edits(tmp_path / "edits.json")
    assert edits.of(A) == Edit()
    edits.set(A, Edit(90), "church.jpg")
    assert (tmp_path / "edits.damaged.json").read_text() == damage
    assert "edits.damaged.json" in edits.problems[0]
    assert Edits(tmp_path / "edits.json").problems == edits.problems  # and after a restart
    (tmp_path / "edits.damaged.json").unlink()
    assert edits.problems == []


def test_of_a_record_that_is_damaged_in_parts_the_rest_is_used(tmp_path):
    good = {"name": "mill.jpg", "turn": 90, "crop": [0, 0, 20, 20]}
    bad = [{"turn": 45}, {"crop": [1, 2, 3]}, {"crop": "1234"}, {"turn": "90"}, {"turn": True}, 7]
    record = {"pictures": {B: good} | {f"{number:064}": values for number, values in enumerate(bad)}}
    (tmp_path / "edits.json").write_text(json.dumps(record))
    edits = Edits(tmp_path / "edits.json")
    assert edits.of(B) == Edit(90, Box(0, 0, 20, 20))
    assert [edits.of(f"{number:064}") for number in range(len(bad))] == [Edit()] * len(bad)
    assert json.loads((tmp_path / "edits.damaged.json").read_text()) == record
    assert json.loads((tmp_path / "edits.json").read_text())["pictures"] == {B: good}
    assert len(Edits(tmp_path / "edits.json").problems) == 1


def test_a_second_damaged_record_does_not_take_the_place_of_the_first(tmp_path):
    for damage in ("one", "two"):
        (tmp_path / "edits.json").write_text(damage)
        Edits(tmp_path / "edits.json").of(A)
    assert {file.read_text() for file in tmp_path.glob("edits.damaged*.json")} == {"one", "two"}
