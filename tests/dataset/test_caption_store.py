import pytest

from loranb.dataset import captions
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
