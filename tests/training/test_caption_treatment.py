"""The rules are those of kohya's trainer, whose caption options these are; see its ``process_caption``."""

import re
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loranb.dataset.training_set import Wording
from loranb.settings import CaptionSettings
from loranb.training.caption_treatment import BEGINNING, When, treated


def shown(caption, times=40, when=BEGINNING, **options):
    """What is shown of a caption, many times."""
    wording = Wording.of(caption)
    return [treated(wording, CaptionSettings(**options), Random(i), when) for i in range(times)]


@pytest.mark.parametrize("caption", ["a, b ,c", "one {x|y}", "a|||b;;;c", "", "(a:1.2), :("])
def test_without_options_a_caption_is_shown_as_it_is(caption):
    assert set(shown(caption)) == {caption}


def test_kept_tags_stay_in_front_and_none_is_lost():
    found = shown("trigger, b, c, d", shuffle=True, keep=1)
    assert all(caption.startswith("trigger, ") for caption in found)
    assert all(sorted(caption.split(", ")) == ["b", "c", "d", "trigger"] for caption in found)
    assert len(set(found)) == 6  # all orders of three


def test_dropout_of_one_shows_no_caption():
    assert set(shown("a", dropout=1.0)) == {""}


def test_dropout_is_as_frequent_as_asked():
    found = Counter(shown("a", times=4000, dropout=0.25))
    assert found[""] == pytest.approx(1000, abs=4 * (4000 * 0.25 * 0.75) ** 0.5)  # four deviations of a binomial


@pytest.mark.parametrize(("every", "without"), [(1, [1, 2, 3, 4, 5, 6]), (3, [3, 6]), (0, [])])
def test_every_so_many_epochs_no_caption_is_shown(every, without):
    epochs = range(1, 7)
    assert [n for n in epochs if shown("a", 1, When(n), dropout_every_epochs=every) == [""]] == without


def test_a_mark_ends_the_kept_tags_and_a_second_one_begins_those_at_the_end():
    found = shown("t, u ||| b, c ||| y, z", shuffle=True, keep=0, keep_separator="|||")
    assert set(found) == {"t, u, b, c, y, z", "t, u, c, b, y, z"}


def test_a_mark_wins_over_the_number_of_kept_tags_and_captions_without_it_go_by_the_number():
    assert all(
        caption.startswith("t, ") for caption in shown("t ||| b, c, d", shuffle=True, keep=3, keep_separator="|||")
    )
    assert set(shown("t, b", shuffle=True, keep=2, keep_separator="|||")) == {"t, b"}


def test_a_mark_is_never_shown_even_where_nothing_is_shuffled():
    """In kohya's trainer it stays in the prompt then."""
    assert set(shown("t ||| b, c", keep_separator="|||")) == {"t, b, c"}


def test_a_group_is_shuffled_and_left_out_as_one_and_shown_with_commas():
    found = shown("a;;;b, c, d", times=200, shuffle=True, keep=0, tag_dropout=0.3, group_separator=";;;")
    assert any("a" in caption for caption in found)
    assert all(("a, b" in caption) == ("a" in caption) == ("b" in caption) for caption in found)
    assert set(shown("a ;;; b", group_separator=";;;")) == {"a, b"}


def test_a_comma_within_brackets_separates_nothing():
    found = shown(r"k, (red, blue:1.2), ganyu \(genshin impact\), :(", shuffle=True)
    assert all("(red, blue:1.2)" in caption for caption in found)
    assert all(caption.count(", ") == 4 for caption in found)


def test_another_separator_parts_what_holds_commas():
    assert set(shown("k; a, b; c", shuffle=True, separator=";")) == {"k, a, b, c", "k, c, a, b"}


def test_prefix_and_suffix_are_joined_with_a_space_and_count_as_tags():
    assert set(shown("a", prefix="t,", suffix=", s")) == {"t, a , s"}
    assert set(shown("a", prefix="t,", shuffle=True)) == {"t, a"}


def test_a_wildcard_shows_each_of_its_choices_about_as_often():
    found = Counter(shown("a {b|c, d|} {e}", times=3000, wildcards=True))
    assert set(found) == {"a b e", "a c, d e", "a  e"}
    assert all(count == pytest.approx(1000, abs=4 * (3000 * 2 / 9) ** 0.5) for count in found.values())


def test_doubled_brackets_are_brackets_and_without_wildcards_all_are():
    assert set(shown("a {{b|c}}", wildcards=True)) == {"a {b|c}"}
    assert set(shown("a {b|c}")) == {"a {b|c}"}


def test_of_several_lines_one_is_shown_with_wildcards_and_all_of_them_without():
    assert set(shown("a b\n\n c\n", wildcards=True)) == {"a b", "c"}
    assert set(shown("a b\n\n c\n")) == {"a b c"}


def test_tags_are_left_out_as_often_as_asked_and_kept_ones_never():
    found = shown("t, a, b, c, d", times=2000, tag_dropout=0.25)
    assert all(caption.startswith("t") for caption in found)
    left = sum(caption.count(",") for caption in found)
    assert left == pytest.approx(6000, abs=4 * (8000 * 0.25 * 0.75) ** 0.5)
    assert set(shown("t, a", tag_dropout=1.0)) == {"t"}


@pytest.mark.parametrize(("step", "tags"), [(0, 1), (24, 1), (25, 2), (50, 3), (99, 4), (100, 5), (500, 5)])
def test_tags_come_in_evenly_over_the_warm_up(step, tags):
    """kohya: floor(step x (flexible - least) / warm-up) + least; here 4 flexible, 0 in front besides 1."""
    [caption] = shown("t, a, b, c, d", 1, When(1, step, 1000), warmup=100, warmup_min=0)
    assert caption == ", ".join("tabcd"[:tags])


def test_a_warm_up_below_one_is_a_share_of_the_run():
    assert shown("t, a, b", 1, When(1, 99, 1000), warmup=0.1) == shown("t, a, b", 1, When(1, 99, 1000), warmup=100)
    assert shown("t, a, b", 1, When(1, 0, 1000), warmup=0.1) == ["t, a"]


def test_the_same_state_gives_the_same_words():
    options = {"shuffle": True, "tag_dropout": 0.5, "wildcards": True, "dropout": 0.2}
    assert shown("a, {b|c}, d, e", **options) == shown("a, {b|c}, d, e", **options)


WRITTEN = st.text("ab ,()[]:1.|;{}\\\n", max_size=40)


@given(WRITTEN, st.integers(0, 3), st.randoms(use_true_random=False))
def test_shuffling_loses_no_word_and_adds_none(caption, keep, random):
    words = Counter(re.findall(r"[ab]+", Wording.of(caption).caption))
    found = treated(Wording.of(caption), CaptionSettings(shuffle=True, keep=keep), random)
    assert Counter(re.findall(r"[ab]+", found)) == words


@given(WRITTEN, st.randoms(use_true_random=False))
def test_no_mark_is_ever_shown(caption, random):
    options = CaptionSettings(
        keep_separator="|||", group_separator=";;;", shuffle=True, wildcards=True, tag_dropout=0.2, warmup=2
    )
    found = treated(Wording.of(caption), options, random, When(1, 1, 4))
    assert "|||" not in found
    assert ";;;" not in found
