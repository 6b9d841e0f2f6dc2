"""Captioners see the pictures that are trained on."""

import pytest
from PIL import Image

from loranb.captioners import Said
from loranb.captioning import caption_project, compose
from loranb.dataset import captions
from loranb.dataset.edits import Box, Edit
from loranb.dataset.reader import Pictures
from loranb.project import Project


class Sizes:
    """A captioner that says how large a picture is, and what colour its corner has."""

    kind, batch = "tags", 8

    def look(self, pictures):
        return [Said((f"{p.width} by {p.height}, {p.getpixel((0, 0))}",)) for p in pictures]

    def close(self):
        pass


@pytest.fixture
def project(tmp_path):
    project = Project.create(tmp_path / "p")
    (project.img / "1_x").mkdir()
    project.settings().assign("dataset.background", "#00ff00").save(project.settings_file)
    for name in ("a.png", "b.png"):
        Image.new("RGBA", (60, 40), (0, 0, 0 if name == "a.png" else 9, 0)).save(project.img / "1_x" / name)
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(project.img / "1_x" / "a.png"), Edit(90, Box(0, 0, 20, 30)), "a.png")
    return project


def test_a_captioner_sees_pictures_turned_cropped_and_on_the_chosen_background(project):
    caption_project(project, Sizes())
    assert captions.read(project.img / "1_x" / "a.png") == "20 by 30, (0, 255, 0)"
    assert captions.read(project.img / "1_x" / "b.png") == "60 by 40, (0, 255, 0)"


def test_pictures_that_have_a_caption_keep_it_and_bad_ones_are_passed_over(project):
    captions.write(project.img / "1_x" / "a.png", "mine")
    (project.img / "1_x" / "c.png").write_bytes(b"no picture")
    assert list(caption_project(project, Sizes())) == [project.img / "1_x" / "b.png"]
    assert captions.read(project.img / "1_x" / "a.png") == "mine"


def test_the_trigger_comes_first_then_the_prefix_then_the_tags() -> None:
    assert compose(["house", "sky"], trigger="zkl", prefix="castle") == "zkl, castle, house, sky"


def test_nothing_is_said_twice() -> None:
    assert compose(["Castle", "sky", "sky"], trigger="zkl", prefix="castle") == "zkl, castle, sky"


def test_trigger_and_prefix_are_never_undesired() -> None:
    assert compose(["city", "sky"], trigger="city", undesired=["city", "sky"]) == "city"


def test_blanks_leave_no_comma_behind() -> None:
    assert compose([" ", "sky "], trigger="", prefix=None) == "sky"
