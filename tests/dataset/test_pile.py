import unicodedata

import pytest

from loranb.dataset import pile
from loranb.dataset.pile import Place


def touch(top, *names):
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"x")
    return top


def found(*tops):
    """Name the pictures in places and their captions, and what is left out."""
    sorted_ = pile.sort(map(Place, tops))
    named = {p.name: getattr(p.caption, "name", p.caption) for p in sorted_.pictures}
    return named, sorted(sorted_.left_out)


def test_pictures_are_found_in_all_subfolders_by_every_ending(tmp_path):
    names = [
        *("a.jpg", "b.JPEG", "c.png", "deep/d.webp", "deep/er/e.bmp", "f.gif"),
        *("g.tif", "h.TIFF", "i.avif", "j.HEIC", "k.heif"),
    ]
    assert found(touch(tmp_path, *names)) == (dict.fromkeys(names), [])


def test_what_is_no_picture_is_left_out_by_name(tmp_path):
    touch(tmp_path, "a.jpg", "Thumbs.db", "notes.txt", "b.psd", "deep/.DS_Store", "._a.jpg", "video.mp4", "c.zip")
    left_out = ["._a.jpg", "Thumbs.db", "b.psd", "c.zip", "deep/.DS_Store", "notes.txt", "video.mp4"]
    assert found(tmp_path) == ({"a.jpg": None}, left_out)


def test_hidden_folders_are_left_out_whole(tmp_path):
    touch(tmp_path, "a.jpg", "__MACOSX/._a.jpg", "__MACOSX/x/._b.jpg", ".loranb/thumbnails/c.jpg", "d/.git/e.jpg")
    assert found(tmp_path) == ({"a.jpg": None}, [".loranb/", "__MACOSX/", "d/.git/"])


def test_a_caption_belongs_to_the_pictures_of_its_stem_in_its_folder(tmp_path):
    touch(tmp_path, "a.jpg", "a.txt", "x/a.png", "b.jpg", "b.caption", "c.JPG", "c.TXT", "d.jpg", "d.png", "d.txt")
    named, left_out = found(tmp_path)
    assert named == {
        **{"a.jpg": "a.txt", "x/a.png": None, "b.jpg": "b.caption", "c.JPG": "c.TXT"},
        **{"d.jpg": "d.txt", "d.png": "d.txt"},
    }
    assert left_out == []


def test_of_two_captions_the_first_kind_counts(tmp_path):
    assert found(touch(tmp_path, "a.jpg", "a.txt", "a.caption")) == ({"a.jpg": "a.txt"}, ["a.caption"])


def test_accents_are_compared_as_letters(tmp_path):
    composed, apart = (unicodedata.normalize(form, "b\u00e4r") for form in ("NFC", "NFD"))
    named, left_out = found(touch(tmp_path, f"{apart}.jpg", f"{composed}.txt"))
    assert (list(named.values()), left_out) == ([f"{composed}.txt"], [])


def test_a_picture_that_is_given_alone_brings_its_caption(tmp_path):
    touch(tmp_path, "a.jpg", "a.txt", "b.jpg", "b.txt")
    assert found(tmp_path / "a.jpg") == ({"a.jpg": "a.txt"}, [])
    assert found(tmp_path / "a.jpg", tmp_path / "a.txt") == ({"a.jpg": "a.txt"}, [])
    assert found(tmp_path / "b.txt") == ({}, ["b.txt"])


def test_captions_in_a_table_count_where_there_is_no_file(tmp_path):
    touch(tmp_path, "deep/a.jpg", "deep/x/b.jpg", "deep/c.jpg", "deep/c.txt", "a.jpg")
    (tmp_path / "deep" / "metadata.csv").write_text("file_name,text\na.jpg,an a\nx/b.jpg,a b\nc.jpg,a c\n")
    named, left_out = found(tmp_path)
    assert named == {"deep/a.jpg": "an a", "deep/x/b.jpg": "a b", "deep/c.jpg": "c.txt", "a.jpg": None}
    assert left_out == []


def test_a_table_that_cannot_be_read_is_left_out_with_the_reason(tmp_path):
    touch(tmp_path, "a.jpg")
    (tmp_path / "metadata.jsonl").write_text("{")
    assert "metadata.jsonl cannot be read" in found(tmp_path)[1][0]


def test_linked_folders_are_read_once_though_they_lead_in_a_circle(tmp_path):
    touch(tmp_path / "elsewhere", "a.jpg")
    touch(tmp_path / "mine", "b.jpg")
    (tmp_path / "mine" / "shortcut").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "mine")
    assert found(tmp_path / "mine")[0] == {"b.jpg": None, "shortcut/a.jpg": None}


def lots(top):
    found = pile.lots(Place(top))
    named = {
        (lot.subject.repeats, lot.subject.words, lot.regularisation): sorted(p.name for p in lot.pile.pictures)
        for lot in found
    }
    return named, pile.outside(Place(top), found)


@pytest.mark.parametrize("around", ["", "img/", "my project/img/", "a/b/c/IMG/", "one/", "a/b/c/"])
def test_subjects_are_found_by_their_folders_names_wherever_the_layout_begins(tmp_path, around):
    touch(tmp_path, f"{around}20_medieval city/a.jpg", f"{around}20_medieval city/deep/b.jpg", f"{around}1_woman/c.jpg")
    touch(tmp_path, f"{around}20_rihanna_woman/d.png", f"{around}castle/e.png", f"{around}f.png")
    named, left_out = lots(tmp_path)
    assert named == {
        (20, "medieval city", False): ["a.jpg", "deep/b.jpg"],
        (1, "woman", False): ["c.jpg"],
        (20, "rihanna_woman", False): ["d.png"],
    }
    assert left_out == [f"{around}castle/", f"{around}f.png"]


def test_of_a_project_folder_only_what_is_trained_on_is_taken(tmp_path):
    touch(tmp_path, "img/20_cat/a.jpg", "reg/1_animal/b.jpg", "model/cat.safetensors", "model/sample/1_x/c.png")
    touch(tmp_path, "discarded/20_cat/d.jpg", ".loranb/thumbnails/e.jpg", "log/f", "settings.toml")
    named, left_out = lots(tmp_path)
    assert named == {(20, "cat", False): ["a.jpg"], (1, "animal", True): ["b.jpg"]}
    assert left_out == [".loranb/", "discarded/", "log/", "model/", "settings.toml"]


def test_a_subjects_folder_may_be_given_itself(tmp_path):
    assert lots(touch(tmp_path / "10_cat", "a.jpg", "deep/b.jpg")) == (
        {(10, "cat", False): ["a.jpg", "deep/b.jpg"]},
        [],
    )


@pytest.mark.parametrize("name", ["cats/a.jpg", "0_cat/a.jpg", "20/a.jpg", "a.jpg"])
def test_other_folders_have_no_layout(tmp_path, name):
    assert pile.lots(Place(touch(tmp_path / "mine", name))) == []
