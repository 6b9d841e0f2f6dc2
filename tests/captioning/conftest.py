"""A captioner of a few lines, found as the real ones are; and a project with pictures for it."""

import sys

import pytest
from PIL import Image

from loranb import captioners
from loranb.dataset.edits import Box, Edit
from loranb.dataset.reader import Pictures
from loranb.project import Project

SIZES = '''
"""Says how large a picture is and what colour its corner has."""
from loranb.captioners import Said
from loranb.settings.declaration import Group, setting

TITLE, KIND, MODELS = "Sizes", "tags", {}
LOOKED, CLOSED = [], []

class Options(Group):
    model: str = setting("", "None.")
    word: str = setting("by", "Between two numbers.")
    batch: int = setting(2, "At a time.")

class Sizes:
    kind = "tags"
    def __init__(self, options):
        self.batch, self.word = options.batch, options.word
    def look(self, pictures):
        LOOKED.append(len(pictures))
        return [Said((f"{p.width} {self.word} {p.height}", f"{p.getpixel((0, 0))}"), (0.9, 0.8)) for p in pictures]
    def close(self):
        CLOSED.append(True)

def load(options=None, progress=None):
    return Sizes(options or Options())
'''


@pytest.fixture
def sizes(tmp_path, monkeypatch):
    """The module of a captioner that is a file of its own."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "sizes.py").write_text(SIZES)
    monkeypatch.setattr(captioners, "__path__", [*captioners.__path__, str(tmp_path / "more")])
    yield captioners.module("sizes")
    del sys.modules["loranb.captioners.sizes"]


@pytest.fixture
def project(tmp_path):
    """Five pictures, 60 by 40 and transparent; the first is turned and cropped."""
    project = Project.create(tmp_path / "p")
    folder = project.img / "1_x"
    folder.mkdir()
    project.settings().assign("dataset.background", "#00ff00").save(project.settings_file)
    for number, name in enumerate("abcde"):
        Image.new("RGBA", (60, 40), (0, 0, number, 0)).save(folder / f"{name}.png")
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(folder / "a.png"), Edit(90, Box(0, 0, 20, 30)), "a.png")
    return project


@pytest.fixture
def picture(project):
    """The path of a picture by its letter."""
    return lambda name: project.img / "1_x" / f"{name}.png"
