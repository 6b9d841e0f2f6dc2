import pytest

from loranb.dataset import captions
from loranb.errors import DatasetError


def test_a_caption_comes_back_on_one_line(tmp_path):
    captions.write(tmp_path / "a.jpg", "  red house,\n grass  ")
    assert captions.read(tmp_path / "a.jpg") == "red house, grass"
    assert (tmp_path / "a.txt").read_text() == "red house, grass\n"


def test_no_file_is_no_caption(tmp_path):
    assert captions.read(tmp_path / "a.jpg") == ""


def test_a_byte_order_mark_is_no_part_of_the_caption(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfcat")
    assert captions.read(tmp_path / "a.jpg") == "cat"


def test_kohyas_other_ending_is_found_and_kept(tmp_path):
    (tmp_path / "a.caption").write_text("cat")
    captions.write(tmp_path / "a.jpg", "dog")
    assert captions.read(tmp_path / "a.jpg") == "dog"
    assert not (tmp_path / "a.txt").exists()


def test_text_that_is_not_utf8_is_told(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DatasetError, match="a.txt is not UTF-8"):
        captions.read(tmp_path / "a.jpg")


def test_tags_are_counted_in_lower_case():
    assert captions.tag_frequency(["Cat, sun,, ", "cat"]) == {"cat": 2, "sun": 1}
