import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loranb.panels._differences import MOST, marked

TEXTS = st.text(st.sampled_from("ab ,<&\n…é🎈"), max_size=40)


def _without(html, tag):
    """Undo the marks of a short text by hand: what a reader sees without what is marked."""
    return re.sub(rf"<{tag}>.*?</{tag}>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("before", "after", "gone", "new"),
    [
        ("a red castle", "a blue castle", "a <del>red</del> castle", "a <ins>blue</ins> castle"),
        ("castle", "zorbel, castle", "castle", "<ins>zorbel, </ins>castle"),
        ("castle, night", "castle", "castle<del>, night</del>", "castle"),
        ("", "new", "", "<ins>new</ins>"),
    ],
)
def test_what_is_gone_and_what_is_new_is_marked(before, after, gone, new):
    assert marked(before, after) == (gone, new)


def test_a_caption_is_shown_as_text_whatever_stands_in_it():
    gone, new = marked("<script>", "<b onclick=x>&amp;")
    assert "<script" not in gone
    assert "&lt;" in gone
    assert "<b" not in new


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS)
def test_what_is_not_marked_is_the_same_on_both_sides(before, after):
    gone, new = marked(before, after)
    assert _without(gone, "del") == _without(new, "ins")


def test_what_is_far_from_a_difference_is_left_out():
    long = " ".join(f"word{number}" for number in range(200))
    gone, new = marked(f"{long} old", f"{long} new")
    assert gone.startswith("…")
    assert gone.endswith(" <del>old</del>")
    assert len(gone) < 150
    assert new.endswith(" <ins>new</ins>")


def test_marks_and_spaces_between_two_differences_are_part_of_one():
    assert marked("red, big castle", "blue, old castle") == (
        "<del>red, big</del> castle",
        "<ins>blue, old</ins> castle",
    )


def test_a_very_long_caption_is_one_difference_from_its_first_to_its_last():
    middle = " x" * MOST
    gone, new = marked(f"start one{middle} end", f"start two{middle}! end")
    assert gone.startswith("start <del>one")
    assert new.endswith("!</ins> end")
