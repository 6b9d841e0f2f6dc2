"""From what is said to a caption: the two guides to the letter, and laws over whatever is said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loranb.captioners import Said
from loranb.captioning.options import NAME, Wording
from loranb.captioning.wording import append, compose, counted
from loranb.dataset.tag_text import name, tags
from loranb.errors import SettingsError
from loranb.settings.declaration import filled

LISA = Said(
    ("1girl", "nose", "looking_at_viewer", "sleeveless", "black shirt", "lips", "head tilt", "jewelry"),
    (0.99, 0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4),
)
WOMAN = Said(("a woman with a green and black shirt and jeans",))
TAGS = st.lists(st.text("abc_ X", min_size=1, max_size=4), max_size=8)


def test_a_first_pass_as_in_the_guide_of_lisa_puts_trigger_and_class_in_front():
    caption = compose(LISA, Wording(trigger="lisaxl", class_word="girl"))
    assert caption == "lisaxl, girl, 1girl, nose, looking_at_viewer, sleeveless, black shirt, lips, head tilt, jewelry"


@pytest.mark.parametrize(
    "asked",
    [
        Wording(trigger="lisaxl", class_word="girl", undesired=("nose, lips, 1girl",)),
        Wording(prefix="lisaxl, girl, ", undesired=("nose", "LIPS", "1girl")),
    ],
)
def test_a_second_pass_as_in_the_guide_of_lisa_leaves_out_what_is_undesired(asked):
    assert compose(LISA, asked) == "lisaxl, girl, looking_at_viewer, sleeveless, black shirt, head tilt, jewelry"


def test_a_prefix_stands_before_a_sentence_as_in_the_guide_of_rihanna():
    assert compose(WOMAN, Wording(prefix="rihanna")) == "rihanna a woman with a green and black shirt and jeans"


def test_a_sentence_that_names_the_class_is_not_told_it_again():
    shirt = Said(("a woman wearing a brown shirt",))
    assert compose(shirt, Wording(trigger="lisaxl", class_word="woman")) == "lisaxl, a woman wearing a brown shirt"
    assert compose(shirt, Wording(trigger="lisaxl", class_word="girl")) == "lisaxl, girl, a woman wearing a brown shirt"


@pytest.mark.parametrize(
    ("asked", "caption"),
    [
        ({"undesired": ("arafed",)}, "woman in a grey coat, at night"),
        ({"replacements": ("arafed => a", "grey coat => silver_coat")}, "a woman in a silver_coat, at night"),
        ({"undesired": ("arafed", "at night")}, "woman in a grey coat"),
        ({"undesired": ("rafe", "oat")}, "arafed woman in a grey coat, at night"),
        ({"suffix": "film grain"}, "arafed woman in a grey coat, at night film grain"),
        ({"suffix": ", film grain"}, "arafed woman in a grey coat, at night, film grain"),
    ],
)
def test_words_of_a_sentence_are_replaced_or_left_out_whole(asked, caption):
    assert compose(Said(("arafed woman in a grey\ncoat,  at night",)), Wording(**asked)) == caption


@pytest.mark.parametrize(
    ("asked", "caption"),
    [
        ({"replacements": ("b b => x, y", "c=>")}, "a, x, y, d"),
        ({"replacements": ("B_B => a",)}, "a, c, d"),
        ({"order": "confidence"}, "d, a, c, b_b"),
        ({"order": "alphabet"}, "a, b_b, c, d"),
        ({"order": "frequency"}, "c, b_b, a, d"),
        ({"maximum": 2}, "a, d"),
        ({"maximum": 2, "order": "confidence"}, "d, a"),
        ({"maximum": 3, "undesired": ("d",)}, "a, b_b, c"),
        ({"suffix": "d, film grain,"}, "a, b_b, c, d, film grain"),
        ({"prefix": "k |||"}, "k ||| a, b_b, c, d"),
    ],
)
def test_tags_are_replaced_ordered_and_cut(asked, caption):
    said = Said(("a", "b_b", "c", "d"), (0.8, 0.5, 0.6, 0.9))
    assert compose(said, Wording(**asked), {"c": 9, "b b": 5, "a": 1}) == caption


def test_tags_are_counted_by_the_pictures_that_have_them_as_they_will_be_written():
    every = [Said(("A_b", "c"), (1, 1)), Said(("a b", "x"), (1, 1)), Said(("a sentence of words",))]
    assert counted(every, Wording(replacements=("x => c",), undesired=("y",))) == {"a b": 2, "c": 2}


def test_what_says_nothing_leaves_what_is_put_in_front():
    assert compose(Said(()), Wording(trigger="mokuba", class_word="castle")) == "mokuba, castle"
    assert compose(Said(()), Wording()) == ""


@settings(max_examples=200, deadline=None)
@given(TAGS, TAGS, st.sampled_from(("said", "confidence", "frequency", "alphabet")), st.booleans())
def test_no_tag_is_said_twice_none_that_is_undesired_and_all_others_once(tags, undesired, order, front):
    said = Said(tuple(tags), tuple(1 / (n + 1) for n in range(len(tags))))
    wording = Wording(trigger="mokuba" if front else "", undesired=tuple(undesired), order=order)
    names = [name(tag) for tag in compose(said, wording).split(",") if tag]
    wanted = {name(tag) for tag in tags} - {name(tag) for tag in undesired} - {""}
    assert len(names) == len(set(names))
    assert set(names) == wanted | ({"mokuba"} if front else set())


@pytest.mark.parametrize(
    ("caption", "said", "appended"),
    [
        ("", ("x", "y"), "mokuba, castle, x, y"),
        ("(X:1.2), my own", ("x", "y"), "mokuba, castle, (X:1.2), my own, y"),
        ("castle,mokuba , x", ("x",), "castle,mokuba , x"),
        ("mokuba, a castle on a hill", ("x",), "mokuba, a castle on a hill, x"),
    ],
)
def test_appending_adds_what_is_not_said_yet(caption, said, appended):
    assert append(caption, Said(said, (1,) * len(said)), Wording(trigger="mokuba", class_word="castle")) == appended


@pytest.mark.parametrize(
    ("caption", "appended"),
    [
        ("", "a castle on a hill"),
        ("mokuba, grass", "mokuba, grass, a castle on a hill"),
        ("It is night.\n", "It is night. a castle on a hill\n"),
        ("we see a castle on a hill", "we see a castle on a hill"),
    ],
)
def test_a_sentence_is_appended_once(caption, appended):
    assert append(caption, Said(("a castle on a hill",)), Wording()) == appended


@settings(max_examples=200, deadline=None)
@given(st.text("ab, \n(:1)|", max_size=20), TAGS, st.sampled_from(("", "mokuba")))
def test_appending_loses_no_tag_and_does_it_once(caption, said, trigger):
    words, wording = Said(tuple(said), (1.0,) * len(said)), Wording(trigger=trigger)
    once = append(caption, words, wording)
    assert append(once, words, wording) == once
    assert {name(tag) for tag in tags(once)} >= {name(tag) for tag in tags(caption)}


def test_what_cannot_be_used_is_said_all_at_once():
    with pytest.raises(SettingsError) as caught:
        filled(Wording, NAME, {"maximum": "0", "mode": "maybe", "replacements": "a > b", "triger": "x"})
    assert caught.value.problems == [
        "wording.replacements = 'a > b'; expected lines of text, old => new.",
        "wording.maximum = '0'; expected a whole number, 1 to 1,000; tags, or blank.",
        "wording.mode = 'maybe'; expected one of missing, drafts, overwrite, append.",
        "wording.triger is not a setting; did you mean wording.trigger?",
    ]


def test_texts_of_a_form_or_a_command_line_become_values():
    wording = filled(Wording, NAME, {"undesired": "nose, lips\n1girl", "maximum": "", "replacements": "a => b\nc =>"})
    assert wording == Wording(undesired=("nose", "lips", "1girl"), replacements=("a => b", "c =>"))
    assert wording.pairs == [("a", "b"), ("c", "")]
