import pytest
from PIL import Image

from loranb.dataset.edits import Box, Edit
from loranb.dataset.reader import Pictures
from loranb.dataset.training_set import TrainingImage, collect
from loranb.errors import DatasetError
from loranb.plan import plan


def edit(project, path, edit):
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(path), edit, path.name)


@pytest.fixture
def castle(drawn_project):
    return drawn_project.img / "2_red castle" / "castle_0.png"  # 80 x 80


def test_an_edit_changes_the_size_that_is_planned_with(drawn_project, castle):
    edit(drawn_project, castle, Edit(90, Box(0, 0, 64, 16)))
    found = {image.path: image for image in collect(drawn_project.img).images}
    assert found[castle].size == (64, 16)
    assert found[castle].edit == Edit(90, Box(0, 0, 64, 16))
    horizon = plan(drawn_project.settings(), list(found.values()))
    assert next(p.fit.bucket for p in horizon.images if p.image.path == castle) == (64, 16)


def test_bad_pictures_are_set_apart_and_named_and_nothing_stops(drawn_project, castle):
    whole = castle.read_bytes()
    castle.write_bytes(whole[: len(whole) // 2])
    (castle.parent / "page.jpg").write_text("<html>not found</html>")
    Image.new("RGB", (64, 64)).save(castle.parent / "good.png")
    (castle.parent / "good.txt").write_bytes(b"caption \x00\x01\x8f")
    found = collect(drawn_project.img)
    assert len(found.images) == 4
    assert sorted(picture.path.name for picture in found.unusable) == ["castle_0.png", "good.png", "page.jpg"]
    assert all(picture.path.stem in picture.problem for picture in found.unusable)


def test_a_picture_whose_edit_does_not_fit_it_is_set_apart(drawn_project, castle):
    edit(drawn_project, castle, Edit(0, Box(0, 0, 400, 400)))
    [bad] = collect(drawn_project.img).unusable
    assert "castle_0.png" in bad.problem
    assert "80 x 80" in bad.problem


def test_where_no_picture_is_left_it_says_so_and_why(drawn_project):
    for path in drawn_project.img.rglob("*.png"):
        path.write_bytes(b"")
    found = collect(drawn_project.img)
    assert found.images == ()
    with pytest.raises(DatasetError, match=r"No picture of this project can be used:(\n  • \w+\.png is empty.*){5}"):
        found.check()


def test_a_project_without_pictures_has_nothing_to_complain_of(drawn_project):
    for path in drawn_project.img.rglob("*.png"):
        path.unlink()
    collect(drawn_project.img).check()


def test_a_record_of_edits_that_was_set_aside_is_remarked_on(drawn_project):
    drawn_project.edits_file.write_text("{")
    assert any("edits.damaged.json" in remark for remark in collect(drawn_project.img).remarks)


def test_a_training_image_without_an_edit_is_used_as_it_is(tmp_path):
    assert TrainingImage(tmp_path / "a.png", 64, 64, 1, "", "1_x").edit == Edit()
