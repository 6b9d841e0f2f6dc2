import io
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from loranb.dataset.edits import Box, Edit
from loranb.dataset.reader import THUMBNAIL, Pictures
from loranb.errors import DatasetError
from loranb.project import Project


@pytest.fixture
def project(tmp_path):
    project = Project.create(tmp_path / "p")
    (project.img / "1_x").mkdir()
    return project


def put(project, name, picture, **how):
    path = project.img / "1_x" / name
    picture.save(path, **how)
    return path


def slope(width, height):
    """Red rises to the right, green downwards: a place in it is known by its colour."""
    red, green = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([red, green, np.full_like(red, 90)], -1).round().astype(np.uint8))


def pixels(jpeg):
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


def test_a_picture_is_read_turned_and_cropped_as_its_edit_says(project):
    path = put(project, "a.png", slope(60, 40))
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(path), Edit(90, Box(5, 10, 35, 50)), path.name)
    wanted = np.rot90(np.asarray(slope(60, 40)), -1)[10:50, 5:35]
    assert np.array_equal(pictures.open(path), wanted)
    assert pictures.size(path) == (30, 40)
    assert pictures.upright_size(path) == (60, 40)


def test_an_edit_follows_its_picture_through_moves_and_counts_for_copies(project):
    path = put(project, "a.png", slope(60, 40))
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(path), Edit(90), path.name)
    moved = project.root / "b.png"
    path.rename(moved)
    moved.with_name("c.png").write_bytes(moved.read_bytes())
    assert [Pictures(project).size(file) for file in (moved, moved.with_name("c.png"))] == [(40, 60), (40, 60)]


def test_the_original_is_never_altered(project):
    path = put(project, "a.jpg", slope(60, 40))
    before, at = path.read_bytes(), path.stat().st_mtime_ns
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(path), Edit(90, Box(0, 0, 20, 20)), path.name)
    pictures.open(path)
    pictures.thumbnail(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, at)


def test_transparent_parts_are_laid_on_what_the_settings_say(project):
    path = put(project, "a.png", Image.new("RGBA", (40, 40), (0, 0, 0, 0)))
    pictures = Pictures(project)
    assert pictures.open(path).getpixel((1, 1)) == (255, 255, 255)
    project.settings().assign("dataset.background", "#ff0000").save(project.settings_file)
    assert pictures.open(path).getpixel((1, 1)) == (255, 0, 0)
    assert pixels(pictures.thumbnail(path))[5, 5] == pytest.approx((255, 0, 0), abs=4)
    assert Pictures(project, "blue").open(path).getpixel((1, 1)) == (0, 0, 255)


def test_settings_that_cannot_be_read_do_not_hide_the_pictures(project):
    path = put(project, "a.png", Image.new("RGBA", (40, 40), (0, 0, 0, 0)))
    project.settings_file.write_text("dataset = 3")
    assert Pictures(project).open(path).getpixel((1, 1)) == (255, 255, 255)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (100, 300, 700, 500)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_thumbnail_shows_what_is_trained_on(project, turn, crop, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = put(project, "a.jpg", slope(1601, 1203), quality=95, exif=exif)
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(path), Edit(turn, crop and Box(*crop)), path.name)
    whole = pictures.open(path)
    shown = pixels(pictures.thumbnail(path))
    assert max(shown.shape) == THUMBNAIL
    wanted = np.asarray(whole.resize(shown.shape[1::-1], Image.Resampling.BOX)).astype(int)
    assert np.abs(shown - wanted).max() < 10
    assert shown.shape[1] / shown.shape[0] == pytest.approx(whole.width / whole.height, rel=0.02)


def test_a_small_picture_is_not_blown_up(project):
    path = put(project, "a.png", slope(60, 40))
    assert pixels(Pictures(project).thumbnail(path)).shape == (40, 60, 3)


def test_a_thumbnail_is_made_once_and_anew_when_the_picture_or_its_edit_changes(project):
    path = put(project, "a.png", slope(900, 600))
    pictures = Pictures(project)
    first = pictures.thumbnail(path)
    assert pixels(first).shape == (171, 256, 3)
    [kept] = project.cache.glob("thumbnails/*.jpg")
    kept.write_bytes(b"kept\xff\xd9")
    assert Pictures(project).thumbnail(path) == b"kept\xff\xd9"
    pictures.edits.set(pictures.content(path), Edit(90), path.name)
    assert pixels(pictures.thumbnail(path)).shape == (256, 171, 3)
    slope(600, 600).save(path)
    assert pixels(pictures.thumbnail(path)).shape == (256, 256, 3)


def test_a_thumbnail_that_was_cut_off_is_made_again_and_the_cache_may_be_deleted(project):
    path = put(project, "a.png", slope(900, 600))
    first = Pictures(project).thumbnail(path)
    [kept] = project.cache.glob("thumbnails/*.jpg")
    kept.write_bytes(first[:500])
    assert Pictures(project).thumbnail(path) == first
    kept.unlink()
    kept.parent.rmdir()
    assert Pictures(project).thumbnail(path) == first


def test_many_threads_and_readers_may_ask_for_the_same_thumbnails_at_once(project):
    paths = [put(project, f"{number}.jpg", slope(300 + number, 200)) for number in range(4)] * 8
    readers = [Pictures(project), Pictures(project)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda at: readers[at % 2].thumbnail(paths[at]), range(len(paths))))
    assert all(made[at] == made[at % 4] for at in range(len(made)))
    assert len(list(project.cache.glob("thumbnails/*"))) == 4  # and nothing half written beside them


def test_a_bad_picture_is_said_with_its_reason(project):
    path = project.img / "1_x" / "bad.jpg"
    path.write_bytes(b"no picture")
    pictures = Pictures(project)
    for ask in (pictures.thumbnail, pictures.open, pictures.size):
        with pytest.raises(DatasetError, match=r"bad\.jpg cannot be read"):
            ask(path)
    path.unlink()
    with pytest.raises(DatasetError, match="not there any more"):
        pictures.open(path)


def test_an_edit_that_does_not_fit_its_picture_is_said_with_the_name(project):
    path = put(project, "a.png", slope(60, 40))
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(path), Edit(0, Box(0, 0, 400, 400)), path.name)  # as by hand in the record
    for ask in (pictures.thumbnail, pictures.open, pictures.size):
        with pytest.raises(DatasetError, match=r"a\.png: crop = .*60 x 40"):
            ask(path)
    assert "a.png" in pictures.look(path).problem


def test_what_was_looked_at_once_is_not_decoded_again(project):
    path = put(project, "a.png", slope(60, 40))
    assert Pictures(project).scan([path])[0].usable
    stat = path.stat()
    path.write_bytes(bytes(stat.st_size))  # who reads it now finds no picture
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (Pictures(project).scan([path])[0].width, Pictures(project).scan([path])[0].height) == (60, 40)


@pytest.mark.parametrize("damage", ["", "[]", '{"reading": 2, "sizes": {"a": 3}}', '{"sizes": {}}'])
def test_what_is_remembered_may_be_damaged(project, damage):
    path = put(project, "a.png", slope(60, 40))
    Pictures(project).scan([path])
    (project.cache / "sizes.json").write_text(damage)
    assert Pictures(project).size(path) == (60, 40)
