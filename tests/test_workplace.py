from PIL import Image

import loranb
from loranb.project import Project


def pictured(tmp_path, captions):
    project = Project.create(tmp_path / "cat")
    folder = project.img / "10_mokuba cat"
    folder.mkdir()
    for number, text in enumerate(captions):
        Image.new("RGB", (64, 64), (number * 20, 90, 90)).save(folder / f"{number}.png")
        if text:
            (folder / f"{number}.txt").write_text(text)
    return project


def test_complete_captions_send_one_on(tmp_path):
    said = loranb.check_captions(pictured(tmp_path, ["mokuba, cat, garden", "mokuba, cat, sofa, garden"]))
    assert said.startswith("2 of 2 pictures are captioned.")
    assert said.endswith("go on to 3.")
    assert "Have another look" not in said


def test_a_missing_caption_and_a_missing_trigger_are_said(tmp_path):
    said = loranb.check_captions(pictured(tmp_path, ["mokuba, cat, garden", "mokuba, cat, sofa", "cat, sofa", ""]))
    assert said.startswith("3 of 4 pictures are captioned.")
    assert "mokuba" in said
    assert "Have another look" in said


def test_an_empty_project_says_where_pictures_come_from(tmp_path):
    assert loranb.check_captions(pictured(tmp_path, [])).startswith("No pictures yet")
