"""The tokenizer that single files are given."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loranb import clip
from loranb.families._tokenizer import clip_tokenizer


@pytest.fixture(scope="module")
def made():
    return clip_tokenizer()


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(max_size=40)
    | st.lists(st.sampled_from(["a", "red", "house's", "1girl", "ß", "漢", ",", "  "])).map(" ".join)
)
def test_it_splits_texts_as_the_one_that_counts_tokens(made, text):
    ids = made(text, add_special_tokens=False)["input_ids"]
    assert ids == clip.tokenizer().encode(text, add_special_tokens=False).ids


def test_it_begins_ends_and_fills_up_as_clips(made):
    # known of CLIP: 49406 begins, 49407 ends, and "a photo of a cat" is 320, 1125, 539, 320, 2368
    padded = made("a photo of a cat", padding="max_length", max_length=9)["input_ids"]
    assert padded == [49406, 320, 1125, 539, 320, 2368, 49407, 49407, 49407]
    assert (len(made), made.model_max_length) == (49408, 77)


def test_those_of_open_clip_fill_up_with_number_nought():
    assert clip_tokenizer("!")("a", padding="max_length", max_length=5)["input_ids"] == [49406, 320, 49407, 0, 0]
