import pytest
from PIL import Image

from loranb.dataset import captions, curation, folders
from loranb.errors import DatasetError


@pytest.fixture
def img(tmp_path):
    folder = folders.make(tmp_path / "img", "castle", 10).folder
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8)).save(folder / name)
        captions.write(folder / name, f"caption of {name}")
    return tmp_path / "img"


@pytest.fixture
def discarded(tmp_path):
    return tmp_path / "discarded"


def test_a_discarded_picture_takes_its_caption_along_and_comes_back_the_same(img, discarded):
    picture = img / "10_castle" / "a.jpg"
    before = {path: path.read_bytes() for path in img.rglob("*.*")}
    gone = curation.discard(picture, discarded)
    assert gone == discarded / "10_castle" / "a.jpg"
    assert captions.read(gone) == "caption of a.jpg"
    assert [p.name for p in folders.subjects(img)[0].pictures()] == ["b.jpg"]
    assert curation.discarded_pictures(discarded) == [gone]
    assert curation.restore(gone, img) == picture
    assert {path: path.read_bytes() for path in img.rglob("*.*")} == before
    assert curation.discarded_pictures(discarded) == []


def test_nothing_is_overwritten_when_a_name_is_taken(img, discarded):
    picture = img / "10_castle" / "a.jpg"
    first = curation.discard(picture, discarded)
    Image.new("RGB", (9, 9)).save(picture)
    second = curation.discard(picture, discarded)
    assert (first.name, second.name) == ("a.jpg", "a_2.jpg")
    assert Image.open(first).size == (8, 8)
    Image.new("RGB", (7, 7)).save(picture)
    assert curation.restore(second, img).name == "a_2.jpg"
    assert curation.restore(first, img).name == "a_3.jpg"
    assert captions.read(img / "10_castle" / "a_3.jpg") == "caption of a.jpg"


def test_a_picture_comes_back_to_its_subject_whatever_its_repeats_are_by_now(img, discarded):
    gone = curation.discard(img / "10_castle" / "a.jpg", discarded)
    folders.make(img, "castle", 3)
    assert curation.restore(gone, img) == img / "3_castle" / "a.jpg"


def test_a_subject_that_is_gone_is_made_anew(img, discarded):
    gone = [curation.discard(img / "10_castle" / name, discarded) for name in ("a.jpg", "b.jpg")]
    (img / "10_castle").rmdir()
    assert curation.restore(gone[0], img) == img / "10_castle" / "a.jpg"


def test_a_caption_that_another_picture_uses_stays_for_it(img, discarded):
    other = img / "10_castle" / "a.png"
    Image.new("RGB", (8, 8)).save(other)
    gone = curation.discard(img / "10_castle" / "a.jpg", discarded)
    assert captions.read(other) == captions.read(gone) == "caption of a.jpg"


def test_a_picture_that_is_gone_is_said_to_be(img, discarded):
    with pytest.raises(DatasetError, match="not there any more"):
        curation.discard(img / "10_castle" / "c.jpg", discarded)


def test_a_picture_that_cannot_be_moved_stays_with_its_caption(img, discarded):
    discarded.write_text("a file is in the way")
    picture = img / "10_castle" / "a.jpg"
    with pytest.raises(DatasetError, match="cannot be moved"):
        curation.discard(picture, discarded)
    assert captions.read(picture) == "caption of a.jpg"
