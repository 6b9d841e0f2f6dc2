from loranb.dataset import captions


def test_a_caption_is_read_for_training_on_one_line_and_for_editing_as_it_stands(tmp_path):
    captions.write(tmp_path / "a.jpg", "  red house,\n grass  ")
    assert (tmp_path / "a.txt").read_bytes() == b"  red house,\n grass  \n"
    assert captions.text(tmp_path / "a.jpg") == "  red house,\n grass  "
    assert captions.read(tmp_path / "a.jpg") == "red house, grass"


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


def test_tags_are_counted_in_lower_case():
    assert captions.tag_frequency(["Cat, sun,, ", "cat"]) == {"cat": 2, "sun": 1}
