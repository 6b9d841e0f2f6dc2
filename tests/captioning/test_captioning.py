"""A captioner over a project: what it sees, what is written, remembered, stopped and undone."""

import json

import pytest
from PIL import Image

from loranb.captioners import wd14
from loranb.captioning import Wording, caption_project, drafts
from loranb.dataset import captions
from loranb.dataset.caption_store import CaptionStore
from loranb.errors import CaptionerError

PLAIN = "60 by 40, (0, 255, 0)"


def told(project):
    """Every caption by its picture's letter."""
    return {p.stem: captions.read(p) for p in CaptionStore.load(project).pictures}


def test_a_captioner_sees_pictures_turned_cropped_and_on_the_chosen_background(project, sizes):
    outcome = caption_project(project, "sizes")
    assert told(project) == {"a": "20 by 30, (0, 255, 0)", **dict.fromkeys("bcde", PLAIN)}
    assert (outcome.written, outcome.problems, outcome.stopped) == (5, {}, False)
    assert sizes.CLOSED == [True]


def test_bad_pictures_are_named_and_passed_over(project, sizes, picture):
    picture("b").write_bytes(b"no picture")
    outcome = caption_project(project, "sizes")
    assert outcome.written == 4
    assert list(outcome.problems) == [picture("b")]
    assert "b.png cannot be read" in str(outcome)


@pytest.mark.parametrize(
    ("mode", "written"),
    [
        ("missing", {"c", "d", "e"}),
        ("drafts", {"b", "c", "d", "e"}),
        ("overwrite", {"a", "b", "c", "d", "e"}),
        ("append", {"a", "b", "c", "d", "e"}),
    ],
)
def test_a_mode_says_which_captions_are_written(project, sizes, picture, mode, written):
    captions.write(picture("a"), "mine")
    caption_project(project, "sizes", wording=Wording(prefix="draft"), pictures=[picture("b")])
    before = told(project)
    caption_project(project, "sizes", wording=Wording(mode=mode, trigger="new"))
    after = told(project)
    assert {name for name in after if after[name] != before[name]} == written
    assert after["a"].startswith("new, mine" if mode == "append" else "new, 20" if mode == "overwrite" else "mine")


def test_two_pictures_of_one_name_have_one_caption_and_are_looked_at_once(project, sizes, picture):
    Image.new("RGB", (30, 30)).save(picture("b").with_suffix(".jpg"))
    assert caption_project(project, "sizes").written == 5
    assert sum(sizes.LOOKED) == 5


def test_a_caption_that_is_no_text_is_never_written_over(project, sizes, picture):
    captions.caption_file(picture("c")).write_bytes(b"\x00\x01\x02\x03\xff")
    outcome = caption_project(project, "sizes", wording=Wording(mode="overwrite"))
    assert captions.caption_file(picture("c")).read_bytes() == b"\x00\x01\x02\x03\xff"
    assert list(outcome.problems) == [picture("c")]


def test_a_dry_run_says_what_would_change_and_writes_nothing(project, sizes, picture):
    captions.write(picture("b"), "mine")
    wording = Wording(mode="append", trigger="x")
    made = {draft.picture.stem: (draft.before, draft.after) for draft in drafts(project, "sizes", wording=wording)}
    assert made["b"] == ("mine", f"x, mine, {PLAIN}")
    assert made["c"] == ("", f"x, {PLAIN}")
    assert told(project) == {"a": "", "b": "mine", "c": "", "d": "", "e": ""}
    caption_project(project, "sizes", wording=wording)
    assert told(project)["b"] == f"x, mine, {PLAIN}"


def test_other_words_need_no_second_look_and_other_options_do(project, sizes):
    caption_project(project, "sizes")
    sizes.LOOKED.clear()
    caption_project(project, "sizes", sizes.Options(batch=5), Wording(mode="overwrite", undesired=("60 by 40",)))
    assert sizes.LOOKED == []
    assert told(project)["b"] == "(0, 255, 0)"
    caption_project(project, "sizes", sizes.Options(word="x"), Wording(mode="overwrite"))
    assert sum(sizes.LOOKED) == 5
    assert told(project)["b"] == PLAIN.replace("by", "x")


def test_a_picture_that_changed_is_looked_at_again(project, sizes, picture):
    caption_project(project, "sizes")
    sizes.LOOKED.clear()
    Image.new("RGB", (50, 50), "red").save(picture("e"))
    caption_project(project, "sizes", wording=Wording(mode="overwrite"))
    assert (sizes.LOOKED, told(project)["e"]) == ([1], "50 by 50, (255, 0, 0)")


@pytest.mark.parametrize("interrupt", [True, False])
def test_a_run_that_is_stopped_keeps_what_is_done_and_goes_on_from_there(project, sizes, interrupt):
    def progress(done, total, doing):
        if interrupt and done >= 2:
            raise KeyboardInterrupt

    outcome = caption_project(project, "sizes", progress=progress, stop=lambda: len(sizes.LOOKED) == 1)
    assert (outcome.written, outcome.stopped, sizes.LOOKED, sizes.CLOSED) == (2, True, [2], [True])
    assert [bool(text) for text in told(project).values()] == [True, True, False, False, False]
    outcome = caption_project(project, "sizes")
    assert (outcome.written, outcome.stopped, sum(sizes.LOOKED)) == (3, False, 5)


def test_what_was_said_survives_a_process_that_was_killed_half_way_through_a_line(project, sizes):
    drafts(project, "sizes")
    (file,) = (project.cache / "said").rglob("*.jsonl")
    written = file.read_bytes()
    file.write_bytes(written[: written.rindex(b'"', 0, -2)])
    sizes.LOOKED.clear()
    assert caption_project(project, "sizes").written == 5
    assert sizes.LOOKED == [1]


def test_captioning_is_one_edit_that_is_undone_to_the_first_bytes(project, sizes, picture):
    captions.caption_file(picture("b")).write_bytes(b"\xef\xbb\xbfmine\r\n")
    caption_project(project, "sizes", wording=Wording(mode="overwrite"))
    store = CaptionStore.load(project)
    assert store.can_undo == "captions by sizes"
    assert all(store.drafted(p) for p in store.pictures)
    store.undo()
    assert captions.caption_file(picture("b")).read_bytes() == b"\xef\xbb\xbfmine\r\n"
    assert not captions.caption_file(picture("a")).exists()


def test_a_caption_written_by_hand_meanwhile_stays(project, sizes, picture):
    def progress(done, total, doing):
        captions.write(picture("d"), "mine")

    outcome = caption_project(project, "sizes", progress=progress)
    assert told(project)["d"] == "mine"
    assert (outcome.written, outcome.meanwhile) == (4, (picture("d"),))
    assert "d.png" in str(outcome)


def test_the_most_frequent_tags_of_the_pictures_come_first(project, sizes):
    caption_project(project, "sizes", wording=Wording(order="frequency"))
    assert told(project)["a"] == "(0, 255, 0), 20 by 30"


def test_progress_tells_how_many_are_through_and_how_fast(project, sizes):
    heard = []
    caption_project(project, "sizes", progress=lambda *said: heard.append(said))
    assert [said[:2] for said in heard] == [(2, 5), (4, 5), (5, 5)]
    assert all("pictures a second" in doing for _, _, doing in heard)


def test_a_captioner_that_says_nothing_empties_no_caption(project, sizes, picture):
    captions.write(picture("a"), "mine")
    asked = Wording(mode="overwrite", undesired=("20 by 30, 60 by 40", "(0, 255, 0)"))
    outcome = caption_project(project, "sizes", wording=asked)
    assert (told(project)["a"], outcome.written, len(outcome.problems)) == ("mine", 0, 5)


def test_a_captioner_that_is_not_there_is_told_with_those_that_are(project):
    with pytest.raises(CaptionerError, match="There is no captioner 'clip'; there are .*wd14"):
        caption_project(project, "clip")


def test_the_demo_tagger_is_let_go_of_and_its_words_are_remembered(drawn_project, monkeypatch):
    for picture in CaptionStore.load(drawn_project).pictures:
        captions.caption_file(picture).unlink()
    loaded, load = [], wd14.load
    monkeypatch.setattr(wd14, "load", lambda *given: loaded.append(load(*given)) or loaded[-1])
    options = wd14.Options(model="demo")
    outcome = caption_project(drawn_project, "wd14", options, Wording(trigger="mokuba"))
    assert outcome.written == 5
    assert {text.split(", ")[0] for text in told(drawn_project).values()} == {"mokuba"}
    with pytest.raises(CaptionerError, match="closed"):
        loaded[0].session.get_inputs()
    again = caption_project(drawn_project, "wd14", options, Wording(mode="drafts", undesired=("grass",)))
    assert (again.written, len(loaded)) == (5, 1)
    lines = [json.loads(line) for file in (drawn_project.cache / "said").rglob("*.jsonl") for line in file.open()]
    assert all("grass" in tags and len(tags) == len(sure) for _, tags, sure in lines)
