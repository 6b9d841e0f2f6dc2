import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loranb.dataset import captions, folders, tagging
from loranb.dataset.caption_store import CaptionStore
from loranb.errors import DatasetError
from loranb.project import Project

TEXTS = {"a": "castle, blue sky", "b": "castle", "c": "", "d": "windmill, skyline, grey sky at night"}


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "img" / "10_castle"
    folder.mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / f"{name}.jpg").touch()
        if text:
            captions.write(folder / f"{name}.jpg", text)
    return CaptionStore.load(Project(tmp_path))


def _on_disk(store):
    return {picture.stem: captions.read(picture) for picture in store.pictures}


def _files(store):
    return {path.name: path.read_bytes() for path in store.pictures[0].parent.iterdir()}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", "abcd"),
        ("castle", "ab"),
        ("CASTLE", "ab"),
        ("castle sky", "a"),
        ("sky", "ad"),
        ("-castle", "cd"),
        ("-castle -windmill", "c"),
        ('tag:"blue sky"', "a"),
        ('tag:"blue', ""),
        ("tag:sky", ""),
        ("-tag:castle", "cd"),
        ('"sky at"', "d"),
        ("name:b.j", "b"),
        ("subject:CASTLE -subject:tower", "abcd"),
        ("is:empty", "c"),
        ("-is:empty -castle", "d"),
        ("tag:Blue_Sky", "a"),
        ('-tag:"blue sky" sky', "d"),
    ],
)
def test_a_search_finds(store, search, found):
    assert "".join(picture.stem for picture in store.find(search)) == found


@pytest.mark.parametrize(
    ("order", "names"),
    [("by name", "abcd"), ("longest first", "dabc"), ("shortest first", "cbad"), ("empty first", "cabd")],
)
def test_an_order_sorts(store, order, names):
    assert "".join(picture.stem for picture in store.find(order=order)) == names


def test_saving_is_on_disk_at_once(store):
    assert store.save(store.pictures[1], "a castle on a hill") == "a castle on a hill"
    assert _on_disk(store)["b"] == "a castle on a hill"


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (lambda s: s.add(s.pictures, "mokuba"), ["mokuba, castle, blue sky", "mokuba, castle", "mokuba"]),
        (lambda s: s.add(s.pictures, "Castle"), ["Castle, blue sky", "Castle", "Castle"]),
        (
            lambda s: s.add(s.pictures, "blue sky, x", at_end=True),
            ["castle, blue sky, x", "castle, blue sky, x", "blue sky, x"],
        ),
        (lambda s: s.remove(s.pictures, "CASTLE"), ["blue sky", "", ""]),
        (lambda s: s.replace(s.pictures, "Sky", "sea"), ["castle, blue sea", "castle", ""]),
        (lambda s: s.replace(s.pictures, "blue sky", ""), ["castle", "castle", ""]),
        (lambda s: s.replace(s.pictures, "castle", r"\1"), [r"\1, blue sky", r"\1", ""]),
    ],
)
def test_a_bulk_edit_changes_and_its_undo_restores_every_file(store, change, texts):
    before = _files(store)
    changed = change(store)
    assert list(_on_disk(store).values())[:3] == texts
    assert [store.text(p) for p in store.pictures[:3]] == texts
    assert changed == sum(_on_disk(store)[name] != text for name, text in TEXTS.items())
    store.undo()
    assert _files(store) == before
    assert {p.stem: store.text(p) for p in store.pictures} == TEXTS


def test_replace_keeps_to_whole_words(store):
    store.replace(store.pictures, "sky", "sea")
    assert _on_disk(store)["d"] == "windmill, skyline, grey sea at night"
    assert store.count(store.pictures, "line") == 0


def test_a_bulk_edit_touches_only_the_pictures_it_is_given(store):
    assert store.add(store.find("tag:castle"), "old") == 2
    assert _on_disk(store)["d"] == TEXTS["d"]


def test_an_edit_that_changes_nothing_leaves_nothing_to_undo(store):
    assert store.remove(store.pictures, "dragon") == 0
    with pytest.raises(DatasetError, match="nothing to undo"):
        store.undo()


def test_edits_are_undone_last_first(store):
    store.add(store.pictures, "one")
    store.save(store.pictures[0], "two")
    assert "a.jpg" in store.undo()
    assert _on_disk(store)["a"] == "one, castle, blue sky"
    store.undo()
    assert _on_disk(store) == TEXTS


def test_what_was_changed_elsewhere_is_not_undone(store):
    store.add(store.pictures, "one")
    captions.write(store.pictures[0], "written in an editor")
    assert "changed elsewhere: 1" in store.undo()
    assert _on_disk(store) == {**TEXTS, "a": "written in an editor"}


def test_a_bulk_edit_starts_from_what_is_on_disk_now(store):
    captions.write(store.pictures[1], "written in an editor")
    store.add(store.pictures, "one")
    assert _on_disk(store)["b"] == "one, written in an editor"


def test_what_came_before_an_interrupt_is_kept_and_can_be_undone(store):
    def interrupted():
        yield store.pictures[0], "new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.apply("captions by a model", interrupted())
    assert _on_disk(store)["a"] == "new"
    store.undo()
    assert _on_disk(store) == TEXTS


def test_a_caption_that_is_not_text_is_a_problem_and_is_never_overwritten(store):
    file = captions.caption_file(store.pictures[0])
    file.write_bytes(b"\xff\xfe\x00")
    store.look_again()
    assert "not text" in store.problems[store.pictures[0]]
    assert store.add(store.pictures, "one") == 3
    with pytest.raises(DatasetError, match="not text"):
        store.save(store.pictures[0], "new")
    assert file.read_bytes() == b"\xff\xfe\x00"


def test_a_bulk_edit_needs_words(store):
    for change in (store.add, store.remove):
        with pytest.raises(DatasetError, match="No tag"):
            change(store.pictures, " , ")
    with pytest.raises(DatasetError, match="No words"):
        store.replace(store.pictures, " ", "x")


def test_counts(store):
    assert store.captioned == 3
    assert [p.stem for p in store.without_caption()] == ["c"]
    assert store.tag_counts()["castle"] == 2


def test_no_caption_is_written_for_a_picture_that_is_gone(store):
    gone = store.pictures[0]
    gone.parent.rename(gone.parent.with_name("20_castle"))
    with pytest.raises(DatasetError, match="not there any more"):
        store.save(gone, "new")
    assert not gone.parent.exists()


def test_a_state_that_there_is_not_is_told_with_those_there_are(store):
    with pytest.raises(DatasetError, match="is:old is unknown.*is:empty.*is:edited.*is:draft"):
        store.find("is:old")


def test_drafts_are_known_until_they_are_written_by_hand_here_or_elsewhere(store):
    a, b, c, d = store.pictures
    store.apply("captions by wd14", [(p, f"draft, {p.stem}") for p in store.pictures], by="captioner")
    store.add(store.pictures, "lisaxl")
    store.save(a, "by hand")
    captions.write(b, "in an editor")
    store.look_again()
    assert [store.drafted(p) for p in store.pictures] == [False, False, True, True]
    assert [store.edited(p) for p in store.pictures] == [True, True, False, False]
    assert store.find("is:draft") == [c, d]
    assert store.find("is:edited") == [a, b]
    store.undo()
    assert store.drafted(a)


def test_drafts_that_another_notebook_wrote_are_known_on_looking_again(store, tmp_path):
    picture = store.pictures[2]
    CaptionStore.load(Project(tmp_path)).apply("captions by wd14", [(picture, "a castle")], by="captioner")
    store.look_again()
    assert store.drafted(picture)


def test_what_a_caption_was_written_by_is_known_when_the_repeats_change(store, tmp_path):
    store.apply("captions by wd14", [(store.pictures[2], "draft")], by="captioner")
    folders.repeat(folders.subjects(tmp_path / "img")[0], 20)
    moved = CaptionStore.load(Project(tmp_path))
    assert moved.drafted(moved.pictures[2])
    moved.undo()
    assert not captions.caption_file(moved.pictures[2]).exists()


def test_a_preview_says_what_would_change_and_writes_nothing(store):
    before = _files(store)
    found = store.preview(lambda text: tagging.remove(text, "castle"), store.pictures)
    assert found == [(store.pictures[0], "castle, blue sky", "blue sky"), (store.pictures[1], "castle", "")]
    assert _files(store) == before
    assert store.can_undo == ""


def test_a_change_that_was_previewed_can_be_applied(store):
    found = store.preview(lambda text: f"{text}, x", store.pictures)
    assert store.apply("x", [(change.picture, change.after) for change in found]) == 4
    assert all(text.endswith(", x") for text in _on_disk(store).values())


def test_typing_on_is_one_step_of_undoing(store):
    a, b = store.pictures[:2]
    before = _files(store)
    for text in ("c", "ca", "cat"):
        store.save(a, text, continues=True)
    store.save(b, "dog", continues=True)
    assert "b.jpg (1 caption)" in store.undo()
    assert captions.read(a) == "cat"
    assert "a.jpg (1 caption)" in store.undo()
    assert _files(store) == before


def test_a_new_step_begins_where_typing_does_not_go_on(store):
    a = store.pictures[0]
    store.save(a, "c")
    store.save(a, "cat")
    store.undo()
    assert captions.read(a) == "c"
    store.save(a, "cats", continues=True)  # after an undoing nothing goes on
    store.undo()
    assert captions.read(a) == "c"


def test_what_was_typed_and_taken_away_again_is_nothing_to_undo(store):
    store.save(store.pictures[0], "x")
    store.save(store.pictures[0], TEXTS["a"], continues=True)
    assert store.can_undo == ""


def test_what_is_undone_can_be_done_again_until_something_else_is_done(store):
    store.add(store.pictures, "one")
    after = _files(store)
    store.undo()
    assert store.can_redo == "one in front"
    assert "one in front (4 captions)" in store.redo()
    assert _files(store) == after
    store.undo()
    store.save(store.pictures[0], "two")
    with pytest.raises(DatasetError, match="nothing to do again"):
        store.redo()


def test_no_caption_comes_back_for_a_picture_that_is_gone(store):
    c = store.pictures[2]
    store.save(c, "new")
    store.undo()
    c.unlink()
    assert "changed elsewhere: 1 (c.txt)" in store.redo()
    assert not captions.caption_file(c).exists()


def test_what_changed_on_disk_is_seen_on_looking_again(store):
    a, b, c, d = store.pictures
    captions.write(a, "written in an editor")
    captions.write(c, "new")
    captions.caption_file(d).unlink()
    assert store.text(a) == TEXTS["a"]
    assert store.look_again() == {a, c, d}
    assert [store.text(p) for p in store.pictures] == ["written in an editor", "castle", "new", ""]
    assert store.look_again() == set()
    store.add(store.pictures, "x")
    assert store.look_again() == set()


def test_two_pictures_of_one_stem_have_one_caption_that_is_edited_once(store):
    other = store.pictures[0].with_suffix(".png")
    other.touch()
    store = CaptionStore([*store.pictures, other])
    assert store.bulk("doubled", store.pictures, lambda text: text + text) == 3
    assert store.text(other) == store.text(store.pictures[0]) == TEXTS["a"] * 2
    store.save(other, "x")
    assert store.text(store.pictures[0]) == "x"


def test_a_store_without_a_journal_undoes_as_long_as_it_lives(store):
    alone, before = CaptionStore(store.pictures), _files(store)
    alone.add(alone.pictures, "x")
    alone.undo()
    assert _files(store) == before
    alone.redo()
    assert alone.find("tag:x") == alone.pictures
    assert CaptionStore(store.pictures).can_undo == ""


def test_a_tag_is_counted_by_pictures_as_it_is_spelled_most(tmp_path):
    for folder, text in (
        ("1_a", "Sky, long_hair, (sky:1.2)"),
        ("2_b", "sky, a cat on a mat"),
        ("3_b", "long hair, sky"),
    ):
        place = tmp_path / "img" / folder
        place.mkdir(parents=True)
        (place / "x.jpg").touch()
        (place / "x.txt").write_text(text)
    store = CaptionStore.load(Project(tmp_path))
    assert list(store.tag_counts().items()) == [("sky", 3), ("long_hair", 2)]
    assert store.tag_counts(store.pictures[1:2]) == {"sky": 1}
    assert store.tag_counts_by_subject() == {"a": {"Sky": 1, "long_hair": 1}, "b": {"sky": 2, "long hair": 1}}


def test_spellings_of_all_captions_are_unified_to_the_most_frequent(store):
    store.save(store.pictures[2], "Blue_Sky")
    store.save(store.pictures[1], "castle, blue sky, tower, Towers")
    assert store.unify(store.pictures) == 1
    assert _on_disk(store)["c"] == "blue sky"
    assert store.unify(store.pictures, plural=True) == 1
    assert "tower, tower" in _on_disk(store)["b"] or "Towers, Towers" in _on_disk(store)["b"]


def test_odd_files_are_noted(store):
    a, b, c, d = store.pictures
    captions.caption_file(a).write_bytes("café".encode("cp1252"))
    b.with_suffix(".caption").write_text("another")
    c.with_suffix(".caption").write_text("cat")
    captions.caption_file(d).write_bytes("cat".encode("utf-16"))
    store = CaptionStore(store.pictures)
    notes = "\n".join(store.notes)
    for said in ("Windows-1252", "a.txt", "both a .txt and a .caption", "b.txt", "c.caption", "UTF-16", "d.txt"):
        assert said in notes
    assert [store.text(p) for p in store.pictures] == ["café", "castle", "cat", "cat"]


def test_the_first_bytes_come_back_whatever_their_encoding(store):
    contents = ["café\r\n".encode("cp1252"), "城".encode("utf-16"), b"\xef\xbb\xbfa\r\nb\n", b""]
    for picture, content in zip(store.pictures, contents, strict=True):
        captions.caption_file(picture).write_bytes(content)
    store.look_again()
    before = _files(store)
    assert store.add(store.pictures, "lisaxl") == 4
    assert "lisaxl, café" in store.text(store.pictures[0])
    CaptionStore.load(Project(store.pictures[0].parents[2])).undo()
    assert _files(store) == before


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\"'&", "שלום ‮abc", "x" * 10_000, "🏰" * 50, "a\nb\n\n"])
def test_whatever_is_written_is_read_back(store, text):
    assert store.save(store.pictures[0], text) == text
    assert CaptionStore(store.pictures).text(store.pictures[0]) == text


STEPS = st.one_of(
    st.tuples(st.just("save"), st.integers(0, 3), st.text("ab ,\né|;", max_size=12), st.booleans()),
    st.tuples(st.just("save"), st.just(0), st.sampled_from(["", "x", "xy, z", "castle, a"]), st.just(True)),
    st.tuples(st.just("add"), st.sampled_from(["a", "b", "é, c"]), st.booleans()),
    st.tuples(st.just("remove"), st.sampled_from(["a", "b", "castle"])),
    st.tuples(st.just("rename"), st.sampled_from(["a", "castle"]), st.sampled_from(["b", ""])),
    st.tuples(st.just("replace"), st.sampled_from(["a", "blue"]), st.sampled_from(["b", ""])),
    st.tuples(st.sampled_from(["sort", "deduplicate", "unify"])),
    st.tuples(st.just("draft"), st.integers(0, 3)),
    st.tuples(st.sampled_from(["undo", "redo", "reopen"])),
)


def _step(store, name, *how):
    """Do a step; returns the store to go on with."""
    pictures = store.pictures
    if name == "save":
        store.save(pictures[how[0]], how[1], continues=how[2])
    elif name == "draft":
        store.apply("drafts", ((p, f"draft {p.stem}") for p in pictures[: how[0]]), by="captioner")
    elif name in ("undo", "redo"):
        with contextlib.suppress(DatasetError):
            getattr(store, name)()
    elif name == "reopen":
        return CaptionStore.load(Project(pictures[0].parents[2]))
    else:
        getattr(store, name)(pictures, *how)
    return store


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=10), st.lists(st.binary(max_size=6) | st.just(b"castle, a\r\n"), max_size=4))
def test_undoing_everything_gives_the_first_bytes_and_redoing_it_the_last(steps, contents):
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "img" / "1_castle"
        place.mkdir(parents=True)
        for name in "abcd":
            (place / f"{name}.jpg").touch()
        for name, content in zip("abcd", contents, strict=False):
            (place / f"{name}.txt").write_bytes(content)
        store = CaptionStore.load(Project(Path(folder)))
        first = _files(store)
        for step in steps:
            with contextlib.suppress(DatasetError):  # bytes that are no text are not written over
                store = _step(store, *step)
        while store.can_redo:
            store.redo()
        last, seen = _files(store), CaptionStore.load(Project(Path(folder)))
        assert [seen.text(p) for p in seen.pictures] == [store.text(p) for p in store.pictures]
        assert [seen.drafted(p) for p in seen.pictures] == [store.drafted(p) for p in store.pictures]
        while seen.can_undo:
            assert "elsewhere" not in seen.undo()
        assert _files(store) == first
        while store.can_redo:
            store.redo()
        assert _files(store) == last
