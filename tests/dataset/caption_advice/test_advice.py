import itertools
from pathlib import Path

import pytest

from loranb import clip
from loranb.dataset.caption_advice import CODES, advise, advise_captions
from loranb.dataset.caption_advice.advising import as_read
from loranb.dataset.caption_advice.opposites import OPPOSED
from loranb.dataset.caption_store import CaptionStore
from loranb.errors import SettingsError
from loranb.project import Project

# The example captions of a guide to faces: trigger, class, then what is not in all pictures.
GUIDE = [
    "lisaxl, girl, looking at viewer, sleeveless, black shirt, head tilt, jewelry, gray background",
    "lisaxl, girl, sitting, red shirt, smile",
    "lisaxl, girl, standing, outdoors, hat",
    "lisaxl, girl, upper body, brown shirt, looking away",
]


def told(texts, subject="lisaxl girl", **how):
    """Advise on captions of one subject; returns the advice, and the remarks by code."""
    captions = {Path(f"/p/img/10_{subject}/{number:03d}.jpg"): text for number, text in enumerate(texts)}
    advice = advise_captions(captions, dict.fromkeys(captions, subject), **how)
    by_code = {}
    for remark in advice.remarks:
        by_code.setdefault(remark.code, []).append(remark)
    return advice, by_code


def numbers(remark):
    return [int(picture.stem) for picture in remark.pictures]


def mended(texts, remark):
    return [remark.mend.edit(texts[number]) for number in numbers(remark)]


def test_captions_as_a_guide_has_them_give_nothing_to_mend():
    advice, _ = told(GUIDE)
    assert advice.remarks == ()
    assert advice.triggers == {"lisaxl girl": "lisaxl"}
    assert advice.classes == {"lisaxl girl": "girl"}


def test_a_prefix_before_sentences_counts_as_trigger_and_class():
    sentences = [
        "rihanna a woman with a green and black shirt and jeans",
        "rihanna a woman in a red dress on a stage",
        "rihanna a woman with a hat looking at the sea",
        "rihanna a woman standing in front of a car",
    ]
    advice, codes = told(sentences, "rihanna woman")
    assert advice.triggers == {"rihanna woman": "rihanna"}
    assert codes == {}


def test_a_trigger_that_is_missing_is_put_in_front():
    texts = [*GUIDE, "girl, hat", "girl with lisaxlike hair, bow"]
    _, codes = told(texts)
    [remark] = codes["trigger_missing"]
    assert numbers(remark) == [4, 5]
    assert mended(texts, remark) == ["lisaxl, girl, hat", "lisaxl, girl with lisaxlike hair, bow"]


def test_a_trigger_that_stands_further_back_is_moved_to_the_front():
    texts = [*GUIDE, "girl, Lisaxl, tree"]
    _, codes = told(texts)
    [remark] = codes["trigger_not_first"]
    assert numbers(remark) == [4]
    assert mended(texts, remark)[0].lower() == "lisaxl, girl, tree"


def test_a_trigger_within_a_sentence_is_in_its_place():
    _, codes = told([*GUIDE, "a photo of lisaxl, the girl, with a hat in the rain"])
    assert not {"trigger_missing", "trigger_not_first"} & set(codes)


def test_a_class_that_is_missing_is_put_behind_the_trigger():
    texts = [*GUIDE, "lisaxl, hat"]
    _, codes = told(texts)
    [remark] = codes["class_missing"]
    assert numbers(remark) == [4]
    assert mended(texts, remark) == ["lisaxl, girl, hat"]
    assert remark.severity == "info"
    assert told(texts, class_word="girl")[1]["class_missing"][0].severity == "warning"


@pytest.mark.parametrize(
    ("subject", "texts", "trigger", "class_word"),
    [
        ("castle", ["mokuba, a red castle", "mokuba, a blue castle", "mokuba, a castle at night"], "mokuba", "castle"),
        ("windmill", ["a red windmill on grass", "a windmill at night", "a blue windmill"], "", ""),
        ("medieval city", ["church", "alley, archway", "medieval city, canal", "tower"], "", ""),
        ("medieval city", ["medieval city, church", "medieval city, alley", "canal"], "medieval city", ""),
        ("grey cat", ["1girl, cat", "1girl, sofa", "1girl, grass"], "", ""),
        ("ohwxz man", ["a man on a chair", "a man in a car"], "ohwxz", "man"),
        ("lisaxl", ["lisaxl, girl, hat", "lisaxl, girl, tree"], "lisaxl", "girl"),
    ],
)
def test_trigger_and_class_are_inferred_from_the_folder_and_what_captions_begin_with(
    subject, texts, trigger, class_word
):
    advice, _ = told(texts, subject)
    assert (advice.triggers[subject], advice.classes[subject]) == (trigger, class_word)


def test_a_trigger_that_is_given_counts():
    advice, codes = told(["a cat", "widget, a dog"], "pets", trigger="widget")
    assert advice.triggers == {"pets": "widget"}
    assert [numbers(remark) for remark in codes["trigger_missing"]] == [[0]]


def test_a_tag_in_every_caption_is_explained_and_can_be_taken_out_but_not_trigger_and_class():
    texts = [f"{text}, Nose" for text in GUIDE]
    advice, codes = told(texts)
    [remark] = codes["everywhere"]
    assert "Nose in all 4 captions" in remark.message
    assert "keep it" in remark.advice
    assert mended(texts, remark) == GUIDE
    assert advice.of == {}


def test_a_tag_in_every_caption_of_all_subjects_is_said_once_and_of_one_subject_for_that():
    captions = {Path(f"/p/img/1_{s}/{n}.jpg"): f"photo, {s} wall, {n} birds" for s in ("a", "b") for n in range(4)}
    advice = advise_captions(captions, {picture: picture.parent.name[2:] for picture in captions})
    found = [remark.message for remark in advice.remarks if remark.code == "everywhere"]
    assert found == [
        "photo in all 8 captions of the set",
        "a wall in all 4 captions of a",
        "b wall in all 4 captions of b",
    ]


def test_in_a_few_captions_a_shared_tag_tells_nothing():
    assert "everywhere" not in told(["cat, red", "cat, blue", "cat, green"], "pets")[1]


def test_tags_that_stand_once_are_listed_and_told_by_picture():
    texts = [f"mokuba, castle, {side}" for side in ("left", "right") * 4] + ["mokuba, castle, gargoyle"]
    advice, codes = told(texts, "mokuba castle")
    [remark] = codes["once"]
    assert "gargoyle" in remark.message
    assert numbers(remark) == [8]
    [of] = [r for r in advice.of[remark.pictures[0]] if r.code == "once"]
    assert of.message == "gargoyle in no other caption"


def test_a_slip_is_told_with_the_tag_that_was_meant():
    texts = ["mokuba, looking at viewer, gargoyle"] * 8 + ["mokuba, looking at veiwer", "mokuba, gargoile"]
    _, codes = told(texts, "mokuba castle")
    assert [r.mend.label for r in codes["misspelt"]] == ["Rename to looking at viewer", "Rename to gargoyle"]
    assert [mended(texts, r) for r in codes["misspelt"]] == [["mokuba, looking at viewer"], ["mokuba, gargoyle"]]


@pytest.mark.parametrize(
    ("frequent", "rare"),
    [("red shirt", "red skirt"), ("long hair", "short hair"), ("black hair", "black chair"), ("1girl", "2girls")],
)
def test_words_that_are_words_are_no_slips(frequent, rare):
    _, codes = told([f"mokuba, {frequent}"] * 8 + [f"mokuba, {rare}"], "mokuba castle")
    assert "misspelt" not in codes


@pytest.mark.parametrize(
    ("text", "opposed"),
    [
        ("a, day, night", "day and night"),
        ("a, Indoors, (outdoors:1.2)", "indoors and outdoors"),
        ("a, solo, 2girls", "solo and 2girls"),
        ("a, black_hair, blonde hair", "black hair and blonde hair"),
        ("a, standing, sitting", "standing and sitting"),
    ],
)
def test_tags_that_contradict_each_other_are_named(text, opposed):
    _, codes = told([text, "b, c"], "x")
    [remark] = codes["contradiction"]
    assert numbers(remark) == [0]
    assert opposed in remark.message


@pytest.mark.parametrize(
    "text",
    [
        "2girls, black hair, blonde hair, standing, sitting",
        "1girl, multicolored hair, black hair, blonde hair",
        "1girl, blue eyes, green eyes, heterochromia",
        "2girls, multiple girls, smile, open mouth",
        "1girl, solo, long hair, very long hair, portrait, close-up",
        "a house by day, the same at night",
    ],
)
def test_what_may_be_true_together_is_no_contradiction(text):
    assert "contradiction" not in told([text, "b, c"], "x")[1]


def test_opposed_tags_are_written_as_tags_are_compared():
    for tag in itertools.chain.from_iterable((*opposed.sides, opposed.unless) for opposed in OPPOSED):
        assert all(name == name.lower() and "_" not in name for name in tag)


def test_equal_captions_are_grouped_however_they_are_written():
    texts = ["castle, day", "Castle,  day", "castle, night", "(castle), day", "tower", "tower"]
    _, codes = told(texts, "x")
    assert [numbers(remark) for remark in codes["same_caption"]] == [[0, 1, 3], [4, 5]]


def test_many_groups_of_equal_captions_are_told_together():
    texts = [f"castle, view {number // 2}" for number in range(40)]
    advice, codes = told(texts, "x")
    assert sum(len(remark.pictures) for remark in codes["same_caption"]) == 40
    assert len(codes["same_caption"]) == 11
    assert all(any(r.message.startswith("2 pictures: castle, view") for r in said) for said in advice.of.values())


def test_two_pictures_that_share_a_file_have_no_equal_captions():
    captions = {Path("/p/img/1_x/a.jpg"): "castle", Path("/p/img/1_x/a.png"): "castle"}
    assert "same_caption" not in {r.code for r in advise_captions(captions, dict.fromkeys(captions, "x")).remarks}


def test_captions_over_the_limit_are_told_with_what_is_cut_off():
    long = "lisaxl, girl, " + ", ".join(["cat"] * 40) + ", lighthouse"
    advice, codes = told([*GUIDE, long])
    [remark] = codes["too_long"]
    assert numbers(remark) == [4]
    assert any("cut off" in r.message and "lighthouse" in r.message for r in advice.of[remark.pictures[0]])
    assert "too_long" not in told([*GUIDE, long], limit=150)[1]
    with pytest.raises(SettingsError, match="75, 150 or 225"):
        told(GUIDE, limit=80)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a ||| b;;;c", "a, b, c"),
        ("a {day|a long night} b", "a a long night b"),
        ("{a|{b b|c c c}} d", "c c c d"),
        ("a\nb", "a b"),
    ],
)
def test_length_is_measured_of_what_is_read_at_the_longest(text, read):
    assert clip.tokens(as_read(text)) == clip.tokens(read)


def test_spellings_of_one_tag_are_made_alike():
    texts = ["a, black shirt", "b, black shirt", "c, black_shirt", "d, (Black Shirt:1.1)"]
    _, codes = told(texts, "x")
    [remark] = codes["spelling"]
    assert numbers(remark) == [2, 3]
    assert mended(texts, remark) == ["c, black shirt", "d, (black shirt:1.1)"]
    assert "plural" not in codes


def test_singular_and_plural_are_told_apart_from_spellings():
    texts = ["a, tree", "b, tree", "c, trees"]
    _, codes = told(texts, "x")
    assert "spelling" not in codes
    [remark] = codes["plural"]
    assert numbers(remark) == [2]
    assert mended(texts, remark) == ["c, tree"]


def test_a_tag_twice_in_a_caption_is_taken_out_once():
    texts = ["a, hat, b, Hat", "c, d"]
    _, codes = told(texts, "x")
    [remark] = codes["repeated"]
    assert mended(texts, remark) == ["a, hat, b"]


def test_the_rarer_of_tags_and_sentences_is_pointed_at():
    sentence = "a red castle on the grass by the sea"
    _, codes = told(["castle, red, day"] * 8 + [sentence] * 2, "x")
    assert numbers(codes["mixed"][0]) == [8, 9]
    assert "mixed" not in told(["castle, red, day"] * 19 + [sentence], "x")[1]


def test_empty_captions_are_told_and_take_no_part_in_the_rest():
    advice, codes = told([*GUIDE, "", " \n"])
    assert set(codes) == {"empty"}
    assert numbers(codes["empty"][0]) == [4, 5]
    assert list(advice.of) == list(codes["empty"][0].pictures)


def test_every_code_says_what_it_means_and_what_to_do():
    for code in CODES.values():
        assert code.meaning.endswith(".")
        assert code.advice.endswith(".")


def test_no_captions_give_no_advice():
    assert advise_captions({}, {}).remarks == ()


@pytest.fixture
def project(tmp_path):
    project = Project.create(tmp_path / "p")
    folder = project.img / "10_lisaxl girl"
    folder.mkdir()
    for number, text in enumerate([*GUIDE, "girl, hat, nose"]):
        (folder / f"{number}.jpg").write_bytes(b"x")
        (folder / f"{number}.txt").write_text(text)
    return project


def test_a_mend_is_one_edit_of_a_store_that_can_be_undone(project):
    store = CaptionStore.load(project)
    [remark] = [r for r in advise(store, project).remarks if r.code == "trigger_missing"]
    assert store.bulk(remark.mend.what, remark.mend.pictures, remark.mend.edit) == 1
    assert store.text(remark.pictures[0]) == "lisaxl, girl, hat, nose"
    assert advise(store, project).remarks == ()
    store.undo()
    assert [r.code for r in advise(store, project).remarks] == ["trigger_missing"]


def test_captions_that_cannot_be_read_are_left_out(project):
    (project.img / "10_lisaxl girl" / "4.txt").write_bytes(b"\x00\x01\x02\xff\xfe\x00" * 9)
    store = CaptionStore.load(project)
    assert all(picture not in store.problems for picture in advise(store, project).of)
