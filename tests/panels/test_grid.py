import io
from pathlib import Path

import ipywidgets as w
import pytest
from PIL import Image

from loranb.dataset.edits import Edit
from loranb.dataset.reader import Pictures
from loranb.panels._grid import PagedGrid, picture_view, show_thumbnail
from loranb.project import Project


class Label(w.HTML):
    def fill(self, item):
        self.value = str(item)


@pytest.fixture
def grid():
    return PagedGrid([Label() for _ in range(3)], narrowest=100)


def _seen(grid):
    return [card.value for card in grid.children[1].children if card.layout.display != "none"]


def test_leafing_shows_every_item_once(grid):
    grid.show(range(8))
    seen = _seen(grid)
    while not grid.bars[0].on.disabled:
        grid.bars[0].on.click()
        seen += _seen(grid)
    assert seen == [str(i) for i in range(8)]
    grid.bars[1].back.click()
    assert _seen(grid) == ["3", "4", "5"]


def test_no_more_widgets_are_made_for_more_items(grid):
    cards = grid.children[1].children
    grid.show(range(1000))
    assert grid.children[1].children == cards
    assert "1 to 3 of 1000" in grid.bars[0].where.value


def test_a_page_that_is_gone_gives_way_to_the_last(grid):
    grid.show(range(7))
    grid.turn(2)
    grid.show(range(4), keep_page=True)
    assert _seen(grid) == ["3"]


def test_one_page_has_no_bar_and_nothing_shows_nothing(grid):
    grid.show([1])
    assert grid.bars[0].layout.display == "none"
    grid.show([])
    assert _seen(grid) == []


def test_a_picture_that_cannot_be_read_is_hidden_and_named(tmp_path):
    view, bad = picture_view("10px", "10px"), tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    assert "bad.jpg cannot be read" in show_thumbnail(view, bad, Pictures(Project(tmp_path)))
    assert view.layout.display == "none"
    assert "not there any more" in show_thumbnail(view, Path(tmp_path, "gone.jpg"), Pictures(Project(tmp_path)))
    good = tmp_path / "good.png"
    Image.new("RGB", (8, 8)).save(good)
    assert show_thumbnail(view, good, Pictures(Project(tmp_path))) == ""
    assert bytes(view.value).startswith(b"\xff\xd8")
    assert view.layout.display != "none"


def test_a_thumbnail_shows_the_picture_as_it_is_trained_on(tmp_path):
    view, picture, pictures = picture_view("10px", "10px"), tmp_path / "a.png", Pictures(Project(tmp_path))
    Image.new("RGB", (60, 40)).save(picture)
    pictures.edits.set(pictures.content(picture), Edit(90), picture.name)
    show_thumbnail(view, picture, pictures)
    assert Image.open(io.BytesIO(view.value)).size == (40, 60)
