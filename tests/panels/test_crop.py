import pytest

from loranb.dataset.edits import LEAST, Box
from loranb.dataset.reader import Pictures
from loranb.demo.scenes import doodle
from loranb.panels._crop import SHAPES, CropEditor, of_shape
from loranb.project import Project
from loranb.settings import DatasetSettings

WHOLE = (400, 300)
BOXES = [Box(0, 0, 400, 300), Box(100, 50, 300, 100), Box(390, 0, 400, 300), Box(0, 280, 40, 300)]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("ratio", [ratio for ratio in SHAPES.values() if ratio])
@pytest.mark.parametrize("keep", ["inside", "width", "height"])
def test_a_box_of_another_shape_has_that_shape_and_lies_in_the_picture(box, ratio, keep):
    width, height = of_shape(box, ratio, WHOLE, keep).size
    assert abs(width - ratio * height) <= 0.5 + 0.5 * ratio  # both are rounded
    left, top, right, bottom = of_shape(box, ratio, WHOLE, keep)
    assert 0 <= left < right <= 400
    assert 0 <= top < bottom <= 300


def test_the_largest_square_in_a_box_stands_in_its_middle():
    assert of_shape(Box(100, 50, 300, 150), 1.0, WHOLE) == Box(150, 50, 250, 150)


def test_the_side_that_was_drawn_stays_where_there_is_room():
    assert of_shape(Box(100, 100, 200, 200), 2.0, WHOLE, "width") == Box(100, 125, 200, 175)
    assert of_shape(Box(100, 100, 200, 200), 2.0, WHOLE, "height") == Box(50, 100, 250, 200)


def test_any_shape_leaves_a_box_as_it_is():
    assert of_shape(BOXES[1], 0.0, WHOLE) == BOXES[1]


@pytest.fixture
def editor(tmp_path):
    project = Project.create(tmp_path / "one")
    folder = project.img / "1_boat"
    folder.mkdir()
    doodle(1, (400, 200)).save(folder / "boat.png")
    dataset = DatasetSettings(resolution=128, bucket_step=64, bucket_min=64)
    made = CropEditor(Pictures(project), lambda: dataset, lambda *_: None, lambda: None)
    made.show(folder / "boat.png")
    return made


def test_what_the_bucket_will_cut_off_is_said(editor):
    assert "400 × 200 pixels are kept" in editor.told.value
    editor.square.click()
    assert "trained at 128 × 128. Its bucket cuts nothing off" in editor.told.value
    assert editor.box.size == (200, 200)


def test_sliders_keep_a_shape_that_was_chosen(editor):
    editor.shape.value = 1.0
    editor.across.value = (100, 200)
    assert editor.box == Box(100, 50, 200, 150)
    assert editor.down.value == (50, 150)


def test_the_crop_turns_along_with_the_picture(editor):
    editor.across.value = (0, 100)
    editor.right.click()
    assert editor.whole_size == (200, 400)
    assert editor.box == Box(0, 0, 200, 100)
    assert editor.across.max, editor.down.max == (200, 400)


def test_too_little_cannot_be_applied(editor):
    editor.across.value = (0, LEAST - 1)
    assert editor.apply.disabled
    editor.whole.click()
    assert not editor.apply.disabled
    assert not editor.edit


def test_where_there_are_no_borders_it_is_said(editor):
    editor.trim.click()
    assert "no borders" in editor.notice.value
