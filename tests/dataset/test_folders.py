import zipfile

import pytest
from PIL import Image

from loranb.dataset import folders
from loranb.dataset.training_set import collect
from loranb.errors import DatasetError


def picture(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (300, 300), colour).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "repeats", "words"),
    [("20_medieval city", 20, "medieval city"), ("1_woman", 1, "woman"), ("20_rihanna_woman", 20, "rihanna_woman")],
)
def test_kohyas_folder_names_are_read(tmp_path, name, repeats, words):
    (tmp_path / name).mkdir()
    subject = folders.subjects(tmp_path)[0]
    assert (subject.repeats, subject.words) == (repeats, words)


@pytest.mark.parametrize("name", ["castle", "0_castle", "x_castle", "-1_castle"])
def test_other_folders_are_ignored_and_named(tmp_path, name):
    (tmp_path / name).mkdir()
    assert folders.subjects(tmp_path) == []
    assert name in folders.ignored(tmp_path)[0]


def test_pictures_outside_a_subject_are_told(tmp_path):
    picture(tmp_path / "a.png")
    assert "1 pictures" in folders.ignored(tmp_path)[0]


def test_adding_copies_pictures_with_their_captions_and_leaves_the_originals(tmp_path):
    source = tmp_path / "mine"
    picture(source / "deep" / "a.png")
    (source / "deep" / "a.txt").write_text("a cat")
    (source / "notes.pdf").write_text("x")
    before = sorted(p.relative_to(source) for p in source.rglob("*"))
    added = folders.add(tmp_path / "img", "cat", 5, [source])
    assert (len(added.pictures), added.captions, added.left_out) == (1, 1, ["notes.pdf"])
    assert (tmp_path / "img/5_cat/a.txt").read_text() == "a cat"
    assert sorted(p.relative_to(source) for p in source.rglob("*")) == before


def test_names_that_collide_get_a_number_and_keep_their_own_captions(tmp_path):
    for folder, word in (("x", "first"), ("y", "second")):
        picture(tmp_path / folder / "a.png")
        (tmp_path / folder / "a.txt").write_text(word)
    picture(tmp_path / "z" / "a.jpg")
    folders.add(tmp_path / "img", "cat", 1, [tmp_path / "x", tmp_path / "y", tmp_path / "z"])
    made = tmp_path / "img/1_cat"
    assert sorted(p.name for p in made.iterdir()) == ["a.png", "a.txt", "a_2.png", "a_2.txt", "a_3.jpg"]
    assert (made / "a_2.txt").read_text() == "second"


def test_other_repeats_rename_the_folder(tmp_path):
    folders.add(tmp_path / "img", "cat", 5, [picture(tmp_path / "a.png")])
    folders.make(tmp_path / "img", "cat", 8)
    assert [f.name for f in (tmp_path / "img").iterdir()] == ["8_cat"]


def test_a_zip_is_unpacked_without_its_junk(tmp_path):
    picture(tmp_path / "a.png")
    with zipfile.ZipFile(tmp_path / "pics.zip", "w") as archive:
        archive.write(tmp_path / "a.png", "folder/a.png")
        archive.writestr("__MACOSX/folder/._a.png", "junk")
        archive.writestr("folder/.DS_Store", "junk")
    added = folders.add(tmp_path / "img", "cat", 1, [tmp_path / "pics.zip"])
    assert [p.name for p in added.pictures] == ["a.png"]
    assert added.left_out == []


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png", "C:/evil.png"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(DatasetError, match="outside"):
        folders.add(tmp_path / "img", "cat", 1, [tmp_path / "evil.zip"])
    assert not list(tmp_path.rglob("evil.png"))


def test_a_zip_bomb_is_not_opened(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(100_000_000))
    with pytest.raises(DatasetError, match="95 MiB"):
        folders.add(tmp_path / "img", "cat", 1, [tmp_path / "bomb.zip"])


@pytest.mark.parametrize(("words", "repeats"), [("", 1), ("a/b", 1), ("cat", 0), ("cat", 10**6)])
def test_a_subject_that_cannot_be_a_folder_is_told(tmp_path, words, repeats):
    with pytest.raises(DatasetError):
        folders.make(tmp_path, words, repeats)


def test_a_source_that_is_not_there_is_told_and_nothing_is_copied(tmp_path):
    with pytest.raises(DatasetError, match="nowhere"):
        folders.add(tmp_path / "img", "cat", 1, [picture(tmp_path / "a.png"), tmp_path / "nowhere"])
    assert not (tmp_path / "img").exists()


def test_bad_pictures_are_set_apart_and_the_folder_speaks_for_missing_captions(tmp_path):
    picture(tmp_path / "3_grey cat/good.png")
    (tmp_path / "3_grey cat/bad.jpg").write_bytes(b"no")
    found = collect(tmp_path)
    assert [image.caption for image in found.images] == ["grey cat"]
    assert found.images[0].repeats == 3
    assert found.uncaptioned == 1
    assert [p.path.name for p in found.unusable] == ["bad.jpg"]


def test_adding_more_keeps_the_repeats_unless_others_are_asked_for(tmp_path):
    folders.add(tmp_path / "img", "cat", 20, [picture(tmp_path / "a.png")])
    folders.add(tmp_path / "img", "cat", None, [picture(tmp_path / "b.png")])
    assert [f.name for f in (tmp_path / "img").iterdir()] == ["20_cat"]


def test_a_damaged_zip_changes_nothing(tmp_path):
    folders.add(tmp_path / "img", "cat", 20, [picture(tmp_path / "a.png")])
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.txt", "words " * 1000)
    content = bytearray((tmp_path / "b.zip").read_bytes())
    content[40:60] = bytes(20)
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(DatasetError, match="damaged"):
        folders.add(tmp_path / "img", "cat", 7, [tmp_path / "b.zip"])
    assert [f.name for f in (tmp_path / "img").iterdir()] == ["20_cat"]


def test_hidden_folders_are_left_out(tmp_path):
    picture(tmp_path / "mine/.loranb/thumbnails/a.jpg")
    picture(tmp_path / "mine/b.jpg")
    assert [p.name for p in folders.add(tmp_path / "img", "cat", 1, [tmp_path / "mine"]).pictures] == ["b.jpg"]


def test_repeats_that_another_folder_of_the_subject_has_are_refused(tmp_path):
    for name in ("10_cat", "20_cat"):
        (tmp_path / name).mkdir()
    with pytest.raises(DatasetError, match="Move the pictures"):
        folders.make(tmp_path, "cat", 20)
