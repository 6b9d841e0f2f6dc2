import gzip
import importlib.resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loranb import clip
from loranb.errors import SettingsError

TEXTS = [
    "",
    " ",
    "lisaxl, girl, looking at viewer, black shirt",
    "Medieval City,\n\tchurch   interior",
    "rihanna's a woman who'll, don't, I'VE",
    "no.1: 8K (masterpiece:1.2) ^_^ :3 >_<",
    "mokuba || {a|b} ||| ;;; __wild__",
    "caf\u00e9 cafe\u0301 \u212b ＦＵＬＬ",
    "日本語 العربية עברית ไทย हिन्दी",
    "👩‍🚀 🇫🇷 \u200b \u00a0 \x00 \ufffd",
    "<|startoftext|> a <|endoftext|> b<|endoftext|>c",
    "1girl 2024 ½ ²",
    "İSTANBUL ß ﬁ",
]


@pytest.fixture(scope="module")
def theirs():
    """CLIPTokenizer of transformers, made of the same merges."""
    from transformers import CLIPTokenizer
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    packed = importlib.resources.files("loranb.clip").joinpath("bpe_simple_vocab_16e6.txt.gz").read_bytes()
    merges = [tuple(line.split()) for line in gzip.decompress(packed).decode().split("\n")[1:48895]]
    letters = list(bytes_to_unicode().values())
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    vocab = {piece: i for i, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocab, merges=merges)


def ids(text):
    return clip.tokenizer().encode(text, add_special_tokens=False).ids


def test_the_vocabulary_is_that_of_stable_diffusion():
    made = clip.tokenizer()
    assert made.get_vocab_size() == 49408
    assert made.token_to_id("<|startoftext|>") == 49406
    assert made.token_to_id("<|endoftext|>") == 49407
    # as published with the model openai/clip-vit-large-patch14
    assert ids("a photo of a cat") == [320, 1125, 539, 320, 2368]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_the_tokens_that_transformers_finds(theirs, text):
    expected = theirs(text, add_special_tokens=False).input_ids
    assert ids(text) == expected
    assert clip.tokens(text) == theirs.convert_ids_to_tokens(expected)
    assert clip.count(text) == len(expected)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_the_tokens_that_transformers_finds(theirs, text):
    assert ids(text) == theirs(text, add_special_tokens=False).input_ids


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=20, max_size=400), st.sampled_from(clip.LIMITS), st.booleans())
def test_what_is_read_and_what_is_cut_off_are_the_text(text, limit, weights):
    read, off = clip.cut(text, limit, weights)
    assert read + off == text
    assert bool(off) == (clip.count(text, weights) > limit)


@pytest.mark.parametrize("limit", clip.LIMITS)
def test_a_text_is_cut_after_as_many_tokens_as_are_read(limit):
    text = "cat, " * 120  # two tokens each
    read, off = clip.cut(text, limit)
    assert clip.count(read) == limit
    assert clip.count(off) == 240 - limit


def test_what_fits_is_not_cut():
    assert clip.cut("Cat " * 75) == ("Cat " * 75, "")


def test_there_are_three_limits():
    with pytest.raises(SettingsError, match="limit = 77.*75, 150 or 225"):
        clip.cut("a cat", 77)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a (red:1.2) hat", "a red hat"),
        ("((very)) [old] hat", "very old hat"),
        (r"castle \(ruin\)", "castle (ruin)"),
        ("(red hat: 0.8 ), bow", "red hat, bow"),
        ("smile :) and 4:3)", "smile :) and 4:3)"),
        ("never (closed", "never closed"),
    ],
)
def test_weights_are_not_read_where_asked(written, read):
    assert clip.count(written, weights=True) == clip.count(read)


def test_weights_are_read_as_text_where_not_asked():
    assert clip.count("(cat:1.2)") == len(["(", "cat", ":", "1", ".", "2", ")"])


def test_brackets_of_weights_do_not_shift_the_cut():
    read, off = clip.cut("(cat:1.1) " * 76, 75, weights=True)
    assert off.startswith("cat:1.1")
    assert read + off == "(cat:1.1) " * 76
