"""Expected values follow kohya's rules for captions and A1111's for weights; the laws hold for any text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loranb.dataset import tagging
from loranb.errors import DatasetError

ANY = st.text() | st.text("ab ,()[]{}|;:\n\\_1.", max_size=40)
WORD = st.text("abcdefgh", min_size=1, max_size=3)
TAG = st.builds("{}{}".format, WORD, st.sampled_from(["", " x", "_x", r" \(y\)"])) | st.builds("({}:1.2)".format, WORD)
SEPARATED = st.lists(st.tuples(TAG, st.sampled_from([", ", ",", " ,  ", ";;;", " ||| ", "\n", ",\n"])), max_size=8)
CAPTION = SEPARATED.map(lambda parts: "".join(tag + separator for tag, separator in parts).rstrip(" ,;|\n"))
LOTS = settings(max_examples=60, deadline=None)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", []),
        (" , ,", []),
        ("lisaxl, girl,looking at viewer ", ["lisaxl", "girl", "looking at viewer"]),
        ("(red, blue:1.2), [a, b], {day, sun|night}", ["(red, blue:1.2)", "[a, b]", "{day, sun|night}"]),
        ("((a, b), c), d", ["((a, b), c)", "d"]),
        (r"ganyu \(genshin impact\), \(a, b\)", [r"ganyu \(genshin impact\)", r"\(a", r"b\)"]),
        ("(a, b", ["(a", "b"]),
        ("a), b", ["a)", "b"]),
        ("([a, b), c", ["([a, b)", "c"]),
        (":(, b, :)", [":(", "b", ":)"]),
        ("a\nb, c", ["a", "b", "c"]),
        ("(a\nb), c", ["(a", "b)", "c"]),
        ("lisaxl, girl ||| hat, red;;;long ||| end", ["lisaxl", "girl", "hat", "red", "long", "end"]),
        ("a; b | c", ["a; b | c"]),
    ],
)
def test_a_caption_is_split_at_what_separates_tags(text, tags):
    assert tagging.tags(text) == tags


@LOTS
@given(ANY)
def test_the_tags_of_any_text_joined_are_that_text(text):
    assert tagging.join(tagging.split(text)) == text


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("Long_Hair", "long hair"),
        ("(castle:1.2)", "castle"),
        ("((castle))", "castle"),
        ("[ castle ]", "castle"),
        ("(a, b:0.8)", "a, b"),
        (r"ganyu \(genshin_impact\)", "ganyu (genshin impact)"),
        ("(a) and (b)", "(a) and (b)"),
        ("[x:0.5]", "x:0.5"),  # with square brackets it is no weight
        ("1:30", "1:30"),
        ("()", "()"),
        ("^_^", "^ ^"),
        ("{a|b}", "{a|b}"),
    ],
)
def test_a_tag_is_called(tag, name):
    assert tagging.name(tag) == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lisaxl, girl, looking at viewer, sleeveless, black shirt", False),
        ("standing on one leg, hand on own hip", False),
        ("rihanna a woman with long hair and a black dress", True),
        ("A cat sits here.", True),
        ("lisaxl, girl, a photo of a woman", True),
        ("", False),
    ],
)
def test_sentences_are_told_from_tags(text, sentence):
    assert tagging.is_sentence(text) is sentence


@pytest.mark.parametrize(
    ("edit", "before", "after"),
    [
        (lambda t: tagging.add(t, "lisaxl, girl"), "hat,  red", "lisaxl, girl, hat,  red"),
        (lambda t: tagging.add(t, "lisaxl, girl"), "a, girl, lisaxl,b", "lisaxl, girl, a,b"),
        (lambda t: tagging.add(t, "girl"), "  a, (Girl:1.2)", "  (girl:1.2), a"),
        (lambda t: tagging.add(t, "x"), "", "x"),
        (lambda t: tagging.add(t, "x"), "a ||| b", "x, a ||| b"),
        (lambda t: tagging.add(t, "b"), "a ||| b, c", "b, a ||| c"),
        (lambda t: tagging.add(t, "x"), "||| b", "x ||| b"),
        (lambda t: tagging.add(t, "x"), "a\nb", "x, a\nb"),
        (lambda t: tagging.add(t, "x", at_end=True), "a\nb", "a\nb, x"),
        (lambda t: tagging.add(t, "x", at_end=True), "a, b, ", "a, b, x"),
        (lambda t: tagging.add(t, "a", at_end=True), "a, b", "b, a"),
        (lambda t: tagging.remove(t, "b"), "a, b, c", "a, c"),
        (lambda t: tagging.remove(t, "a, C"), "a, b, c", "b"),
        (lambda t: tagging.remove(t, "b"), "a,(b:1.3),  c", "a,  c"),
        (lambda t: tagging.remove(t, "b"), "a;;;b, c", "a, c"),
        (lambda t: tagging.remove(t, "b"), "a, b;;;c", "a, c"),
        (lambda t: tagging.remove(t, "b"), "a, b ||| c", "a ||| c"),
        (lambda t: tagging.remove(t, "a"), "a ||| c", "||| c"),
        (lambda t: tagging.remove(t, "b"), "a ||| b ||| c", "a |||||| c"),
        (lambda t: tagging.remove(t, "b"), "a\nb\nc", "a\nc"),
        (lambda t: tagging.remove(t, "b"), "a,, b, c", "a,, c"),
        (lambda t: tagging.rename(t, "castle", "fort"), "(castle:1.2), sky", "(fort:1.2), sky"),
        (lambda t: tagging.rename(t, "blue sky", "Sky"), "sky, blue_sky, x", "sky, x"),
        (lambda t: tagging.rename(t, "castle", "Castle"), "castle, x", "Castle, x"),
        (lambda t: tagging.rename(t, "castle", ""), "castle, x", "x"),
        (lambda t: tagging.replace(t, "sky", "sea"), "blue_sky, skyline, SKY.", "blue_sea, skyline, sea."),
        (lambda t: tagging.replace(t, "blue sky", "x"), "a, blue_sky at night", "a, x at night"),
        (lambda t: tagging.replace(t, "sky", ""), "a, sky, blue sky at night", "a, blue at night"),
        (lambda t: tagging.replace(t, "a", r"\1"), "a, b", r"\1, b"),
        (lambda t: tagging.replace(t, r"(\d)girls?", r"\1 girl", True), "1girl, 2girls", "1 girl, 2 girl"),
        (lambda t: tagging.replace(t, r"\bb\w*", "", True), "a, bee, c", "a, c"),
        (tagging.deduplicate, "a, B,b, (a:1.1), c", "a, B, c"),
        (tagging.deduplicate, "a, b\na, c", "a, b\na, c"),
        (tagging.sort, "c,a ,  b", "a,b ,  c"),
        (tagging.sort, "z ||| c;;;d, a, b ||| y", "z ||| a, b, c;;;d ||| y"),
        (lambda t: tagging.sort(t, keep=2), "z, y, c, b", "z, y, b, c"),
        (lambda t: tagging.sort(t, key=len), "ccc, a, bb", "a, bb, ccc"),
        (lambda t: tagging.move_to_front(t, "c, x"), "a, b, c", "c, a, b"),
        (lambda t: tagging.move_to_front(t, "x"), "a,  b", "a,  b"),
        (tagging.spaced, r"long_hair, ^_^, o_o, (red_hat:1.2)", "long hair, ^_^, o_o, (red hat:1.2)"),
        (lambda t: tagging.unify(t, {"Trees": "tree"}), "(Trees:1.2), x", "(tree:1.2), x"),
    ],
)
def test_an_edit_changes_what_it_is_about_and_nothing_else(edit, before, after):
    assert edit(before) == after


@LOTS
@given(CAPTION, WORD)
def test_what_is_removed_is_gone_and_the_others_are_as_they_were_in_their_order(text, word):
    left = [tag for tag in tagging.tags(text) if tagging.name(tag) != word]
    assert tagging.tags(tagging.remove(text, word)) == left


@LOTS
@given(CAPTION, WORD, st.booleans())
def test_what_is_added_stands_there_once_and_the_others_are_as_they_were(text, word, at_end):
    text = text.replace("\n", ",")
    tags = tagging.tags(tagging.add(text, word, at_end))
    assert tagging.name(tags[-1 if at_end else 0]) == word
    others = [tag for tag in tagging.tags(text) if tagging.name(tag) != word]
    assert (tags[:-1] if at_end else tags[1:]) == others


EDITS = {
    "add": lambda t: tagging.add(t, "zz"),
    "add at the end": lambda t: tagging.add(t, "zz", at_end=True),
    "remove": lambda t: tagging.remove(t, "ab"),
    "rename": lambda t: tagging.rename(t, "ab", "zz"),
    "replace": lambda t: tagging.replace(t, "ab", "zz"),
    "replace by nothing": lambda t: tagging.replace(t, "ab", ""),
    "deduplicate": tagging.deduplicate,
    "sort": tagging.sort,
    "move to the front": lambda t: tagging.move_to_front(t, "ab"),
    "spaced": tagging.spaced,
    "unify": lambda t: tagging.unify(t, {"ab": "zz"}),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@settings(max_examples=60, deadline=None)
@given(text=ANY | CAPTION)
def test_an_edit_that_is_done_twice_is_done_once(edit, text):
    assert edit(edit(text)) == edit(text)


@pytest.mark.parametrize("name", ["remove", "rename", "replace", "replace by nothing", "move to the front", "unify"])
@settings(max_examples=60, deadline=None)
@given(text=ANY | CAPTION)
def test_an_edit_of_words_that_are_not_there_changes_no_letter(name, text):
    text = text.casefold().replace("ab", "ac")
    assert EDITS[name](text) == text


@pytest.mark.parametrize("separator", ["|||", "\n"])
@pytest.mark.parametrize("name", ["add", "add at the end", "rename", "deduplicate", "sort", "move to the front"])
@settings(max_examples=60, deadline=None)
@given(text=CAPTION)
def test_what_sets_parts_of_a_caption_apart_stays(name, separator, text):
    assert EDITS[name](text).count(separator) == text.count(separator)


@settings(max_examples=60, deadline=None)
@given(CAPTION)
def test_sorting_keeps_every_tag_and_every_separator(text):
    done = tagging.sort(text)
    assert sorted(tagging.tags(done)) == sorted(tagging.tags(text))
    assert sorted(done) == sorted(text)


@pytest.mark.parametrize(
    ("counts", "plural", "chosen"),
    [
        ({"long_hair": 1, "long hair": 3, "Long Hair": 2}, False, {"long_hair": "long hair", "Long Hair": "long hair"}),
        ({"long_hair": 1, "long hair": 1}, False, {"long_hair": "long hair"}),
        ({"tree": 2, "trees": 1, "glass": 1, "bus": 1}, False, {}),
        ({"tree": 2, "trees": 1, "glass": 1, "bus": 1}, True, {"trees": "tree"}),
        ({"city": 1, "cities": 2, "box": 2, "boxes": 1}, True, {"city": "cities", "boxes": "box"}),
        ({"woman": 1, "women": 2, "dress": 2, "dresses": 1}, True, {"woman": "women", "dresses": "dress"}),
    ],
)
def test_the_most_frequent_spelling_is_chosen(counts, plural, chosen):
    assert tagging.spellings(counts, plural) == chosen


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda: tagging.add("a", " , "), "No tag is given"),
        (lambda: tagging.remove("a", ""), "No tag is given"),
        (lambda: tagging.rename("a", "b, c", "d"), "is 2 tags"),
        (lambda: tagging.replace("a", " ", "b"), "No words to replace"),
        (lambda: tagging.replace("a", "(", "b", True), "no regular expression"),
        (lambda: tagging.replace("a", "a", r"\2", True), "cannot be put in place"),
    ],
)
def test_what_cannot_be_done_is_said(edit, said):
    with pytest.raises(DatasetError, match=said):
        edit()
