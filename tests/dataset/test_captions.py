import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loranb.dataset import captions
from loranb.dataset.captions import CaptionFile
from loranb.errors import DatasetError

WORDS = "Schloß, café, 城, 🏰"
SOME_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"])) | st.text("ab ,é\n")
MARKS = {
    "utf-8": b"",
    "utf-8-sig": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
}


def _in(encoding: str, text: str) -> bytes:
    return MARKS[encoding] + text.encode(encoding.removesuffix("-sig"))


def test_a_caption_is_read_for_training_on_one_line_and_for_editing_as_it_stands(tmp_path):
    captions.write(tmp_path / "a.jpg", "  red house,\n grass  ")
    assert (tmp_path / "a.txt").read_bytes() == b"  red house,\n grass  \n"
    assert captions.text(tmp_path / "a.jpg") == "  red house,\n grass  "
    assert captions.read(tmp_path / "a.jpg") == "red house, grass"


def test_no_file_is_no_caption(tmp_path):
    assert captions.read(tmp_path / "a.jpg") == ""


def test_no_file_is_made_for_no_caption(tmp_path):
    captions.write(tmp_path / "a.jpg", "")
    assert list(tmp_path.iterdir()) == []


def test_kohyas_other_ending_is_found_and_kept(tmp_path):
    (tmp_path / "a.caption").write_text("cat")
    captions.write(tmp_path / "a.jpg", "dog")
    assert captions.read(tmp_path / "a.jpg") == "dog"
    assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize("encoding", MARKS)
def test_an_encoding_is_known_by_its_mark_and_kept(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes(_in(encoding, f"{WORDS}\r\n"))
    assert captions.text(tmp_path / "a.jpg") == WORDS
    captions.write(tmp_path / "a.jpg", f"x, {WORDS}")
    assert (tmp_path / "a.txt").read_bytes() == _in(encoding, f"x, {WORDS}\r\n")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_known_without_a_mark(encoding):
    assert CaptionFile.parse("castle, café".encode(encoding)).text == "castle, café"


@pytest.mark.parametrize("text", ["café, Schloß", "“castle” – 5 €"])
def test_western_text_is_read_and_becomes_utf8_when_it_is_written(tmp_path, text):
    (tmp_path / "a.txt").write_bytes(text.encode("cp1252"))
    assert captions.read(tmp_path / "a.jpg") == text
    captions.write(tmp_path / "a.jpg", text)
    assert (tmp_path / "a.txt").read_bytes() == text.encode("cp1252")
    captions.write(tmp_path / "a.jpg", f"x, {text}")
    assert (tmp_path / "a.txt").read_bytes() == f"x, {text}".encode()


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\xff\xfe\x00", b"ca\x81t", b"a\x00b"])
def test_what_is_no_text_is_told_and_never_written_over(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.txt is not text"):
        captions.read(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match=r"a\.txt is not text"):
        captions.write(tmp_path / "a.jpg", "cat")
    assert (tmp_path / "a.txt").read_bytes() == content


@settings(max_examples=60, deadline=None)
@given(text=SOME_TEXT, encoding=st.sampled_from(list(MARKS)))
def test_a_file_that_is_read_is_written_as_it_was(text, encoding):
    content = _in(encoding, text)
    assert CaptionFile.parse(content).encode() == content


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=40))
def test_whatever_the_bytes_they_are_given_back_or_refused(content):
    try:
        read = CaptionFile.parse(content)
    except ValueError:
        return
    assert read.encode() == content


@settings(max_examples=60, deadline=None)
@given(old=SOME_TEXT, new=SOME_TEXT, encoding=st.sampled_from(list(MARKS)), newline=st.sampled_from(["\n", "\r\n"]))
def test_a_new_text_is_read_back_in_the_old_encoding_and_line_ends(old, new, encoding, newline):
    file = CaptionFile.parse(_in(encoding, f"{old}\n".replace("\n", newline)))
    content = file.with_text(new).encode()
    assert content == _in(encoding, f"{new}\n".replace("\n", newline))
    assert CaptionFile.parse(content).text == new


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(st.tuples(st.text("abé ,"), st.sampled_from(["\n", "\r\n"])), min_size=1, max_size=6),
    place=st.integers(0, 5),
    new=st.text("xyz", min_size=1),
)
def test_an_edit_of_one_line_leaves_all_others_with_the_line_ends_they_have(lines, place, new):
    place %= len(lines)
    file = CaptionFile.parse("".join(line + end for line, end in lines).encode())
    edited = [(new if number == place else line, end) for number, (line, end) in enumerate(lines)]
    text = "\n".join(line for line, _ in edited)
    assert file.with_text(text).encode() == "".join(line + end for line, end in edited).encode()


def test_lines_that_are_not_edited_keep_their_own_line_ends():
    file = CaptionFile.parse(b"a\r\nb\nc\rd\r\ne\r\n")
    assert file.text == "a\nb\nc\nd\ne"
    assert file.with_text("a\nb\nX\nY\nd\ne").encode() == b"a\r\nb\nX\r\nY\rd\r\ne\r\n"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("a\r\nb", "a\nb"), ("half \ud83d of one", "half \ufffd of one"), ("\ud83c\udff0", "🏰"), ("a\0b\x1b", "ab")],
)
def test_what_no_file_can_hold_is_mended(tmp_path, given, kept):
    assert captions.write(tmp_path / "a.jpg", given) == kept
    assert captions.text(tmp_path / "a.jpg") == kept


def test_tags_are_counted_in_lower_case():
    assert captions.tag_frequency(["Cat, sun,, ", "cat"]) == {"cat": 2, "sun": 1}
