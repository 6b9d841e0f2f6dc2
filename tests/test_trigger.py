import pytest
from PIL import Image

from loranb import trigger
from loranb.errors import DatasetError
from loranb.trigger import draw, examine


# tokens as CLIP's vocabulary has them; see tests/clip for its agreement with transformers
@pytest.mark.parametrize(
    ("word", "pieces", "kind"),
    [
        ("mokuba", ("mo·", "ku·", "ba"), "spelled"),
        ("lisaxl", ("lisa·", "xl"), "spelled"),
        ("rihanna", ("rihanna",), "known"),
        ("Girl", ("Girl",), "known"),
        ("sks", ("sks",), "rare"),
        ("ohwx", ("ohwx",), "rare"),
        ("  medieval   city ", ("medieval", "city"), "known"),
        ("my_cat", ("my", "_", "cat"), "known"),
        ("mokuba castle", ("mo·", "ku·", "ba", "castle"), "spelled"),
    ],
)
def test_a_word_is_judged_by_the_tokens_that_it_falls_into(word, pieces, kind):
    report = examine(word)
    assert report.pieces == pieces
    assert report.kind == kind


def test_a_letter_of_several_bytes_is_one_piece():
    assert "".join(piece.strip("·") for piece in examine("日本").pieces) == "日本"


def test_a_known_name_is_explained_and_not_forbidden():
    said = str(examine("rihanna"))
    assert "don't fight the model" in said
    assert "can be a choice" in said


def test_a_word_of_pieces_may_be_a_real_word_and_that_is_said():
    assert "may know it all the same" in examine("gargoyle").advice


def test_several_words_underscores_and_names_inside_are_pointed_out():
    assert "several words" in examine("widget city").advice
    assert "underscore" in examine("my_cat").advice
    assert "'lisa'" in examine("lisaxl").advice


@pytest.mark.parametrize("word", ["", "  ", "a, b", "!!"])
def test_what_could_be_no_trigger_is_refused(word):
    with pytest.raises(DatasetError, match="give one word"):
        examine(word)


def test_the_nearest_words_are_told_where_the_base_model_is_there():
    report = examine("castle", "demo")
    assert report.base == "demo"
    assert len(report.nearest) == 5
    assert "Nearest words of demo" in str(report)
    assert examine("church", "demo").kind == "known"  # by the demo's own small vocabulary
    assert report.kind == "spelled"


def test_a_base_model_that_is_not_there_is_said_and_the_rest_is_told_all_the_same():
    report = examine("castle", "somebody/nothing-of-this-name")
    assert report.kind == "known"
    assert "has not been downloaded yet" in str(report)


def test_what_the_base_model_makes_of_a_word_is_drawn(tiny_base, tmp_path):
    told = []
    files = draw("mokuba", "castle", str(tiny_base), tmp_path / "out", lambda *said: told.append(said), steps=2)
    assert [file.name for file in files] == [
        *("mokuba_1.png", "mokuba_2.png", "mokuba_castle_1.png", "mokuba_castle_2.png"),
        *("castle_1.png", "castle_2.png"),
    ]
    assert {Image.open(file).size for file in files} == {(64, 64)}
    assert Image.open(files[2]).text["parameters"].startswith("mokuba, castle\n")
    assert told[0] == (0, 6, "Drawing mokuba")
    assert told[-1][:2] == (6, 6)


def test_pictures_that_were_drawn_before_stay(tiny_base, tmp_path):
    first = draw("mokuba", "", str(tiny_base), tmp_path, steps=1)
    second = draw("mokuba", "", str(tiny_base), tmp_path, steps=1)
    assert not set(first) & set(second)
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]
    assert len(trigger.SEEDS) == len(first)
