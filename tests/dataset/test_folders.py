import subprocess
import sys

import pytest
from PIL import Image

from loranb.dataset import folders
from loranb.dataset.training_set import collect
from loranb.errors import DatasetError


def picture(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (300, 300), colour).save(path)
    return path


def fill(img, **counts):
    """Make folders with so many (empty) pictures each."""
    for name, count in counts.items():
        (img / name).mkdir(parents=True)
        for number in range(count):
            (img / name / f"{number}.jpg").touch()


def names(img):
    return sorted(path.name for path in img.iterdir())


@pytest.mark.parametrize(
    ("name", "repeats", "words"),
    [
        ("20_medieval city", 20, "medieval city"),
        ("1_woman", 1, "woman"),
        ("20_rihanna_woman", 20, "rihanna_woman"),
        ("007_bond", 7, "bond"),
        ("5_1_2", 5, "1_2"),
        ("10_", 10, ""),
    ],
)
def test_kohyas_folder_names_are_read(tmp_path, name, repeats, words):
    (tmp_path / name).mkdir()
    subject = folders.subjects(tmp_path)[0]
    assert (subject.repeats, subject.words) == (repeats, words)


@pytest.mark.parametrize("name", ["castle", "0_castle", "x_castle", "-1_castle", "castle_10", "2023"])
def test_other_folders_are_ignored_and_named(tmp_path, name):
    (tmp_path / name).mkdir()
    assert folders.subjects(tmp_path) == []
    assert name in folders.ignored(tmp_path)[0]


def test_pictures_outside_a_subject_are_told(tmp_path):
    picture(tmp_path / "a.png")
    assert "1 pictures" in folders.ignored(tmp_path)[0]


def test_bad_pictures_are_set_apart_and_the_folder_speaks_for_missing_captions(tmp_path):
    picture(tmp_path / "3_grey cat/good.png")
    (tmp_path / "3_grey cat/bad.jpg").write_bytes(b"no")
    found = collect(tmp_path)
    assert [image.caption for image in found.images] == ["grey cat"]
    assert found.images[0].repeats == 3
    assert found.uncaptioned == 1
    assert [p.path.name for p in found.unusable] == ["bad.jpg"]


def test_a_subject_is_made_and_found_by_its_words(tmp_path):
    made = folders.make(tmp_path / "img", " medieval   city ", 20)
    assert (made.folder, made.repeats, made.words) == (tmp_path / "img/20_medieval city", 20, "medieval city")
    assert folders.make(tmp_path / "img", "Medieval City", 20) == made
    assert folders.named(tmp_path / "img", "MEDIEVAL CITY") == [made]
    assert names(tmp_path / "img") == ["20_medieval city"]


@pytest.mark.parametrize(
    ("words", "repeats"),
    [("", 1), (" ", 1), ("a/b", 1), (r"a\b", 1), ("..", 1), ("cat?", 1), ("x" * 201, 1), ("cat", 0), ("cat", 10**6)],
)
def test_a_subject_that_cannot_be_a_folder_is_told(tmp_path, words, repeats):
    with pytest.raises(DatasetError, match="subject = |repeats = "):
        folders.make(tmp_path, words, repeats)
    assert names(tmp_path) == []


def test_other_repeats_rename_the_folder_with_all_that_is_in_it(tmp_path):
    picture(tmp_path / "5_cat/a.png")
    changed = folders.make(tmp_path, "cat", 8)
    assert names(tmp_path) == ["8_cat"]
    assert (changed.repeats, [path.name for path in changed.pictures()]) == (8, ["a.png"])


def test_repeats_of_a_folder_that_others_made_keep_the_rest_of_its_name(tmp_path):
    (tmp_path / "5_what?_cat ").mkdir()
    folders.repeat(folders.subjects(tmp_path)[0], 8)
    assert names(tmp_path) == ["8_what?_cat "]


@pytest.mark.parametrize("full", [False, True])
def test_repeats_that_another_folder_of_the_subject_has_are_refused(tmp_path, full):
    fill(tmp_path, **{"10_cat": 1, "20_cat": int(full)})
    for change in (
        lambda: folders.make(tmp_path, "cat", 20),
        lambda: folders.repeat(folders.subjects(tmp_path)[0], 20),
    ):
        with pytest.raises(DatasetError, match="Move the pictures"):
            change()
    assert names(tmp_path) == ["10_cat", "20_cat"]
    assert len(folders.subjects(tmp_path)[0].pictures()) == 1


@pytest.mark.parametrize("repeats", [0, -1, 10_001])
def test_repeats_that_cannot_be_are_refused(tmp_path, repeats):
    subject = folders.make(tmp_path, "cat", 5)
    with pytest.raises(DatasetError, match="from 1 to 10000"):
        folders.repeat(subject, repeats)
    assert names(tmp_path) == ["5_cat"]


def test_other_words_rename_the_folder(tmp_path):
    picture(tmp_path / "5_cat/a.png")
    renamed = folders.rename(folders.subjects(tmp_path)[0], "mokuba cat")
    assert (renamed.repeats, renamed.words, len(renamed.pictures())) == (5, "mokuba cat", 1)
    assert names(tmp_path) == ["5_mokuba cat"]
    assert names(folders.rename(renamed, "Mokuba cat").folder.parent) == ["5_Mokuba cat"]


@pytest.mark.parametrize("words", ["dog", "DOG"])
def test_words_of_another_subject_are_refused(tmp_path, words):
    fill(tmp_path, **{"5_cat": 1, "7_dog": 1})
    with pytest.raises(DatasetError, match="7_dog already"):
        folders.rename(folders.named(tmp_path, "cat")[0], words)
    assert names(tmp_path) == ["5_cat", "7_dog"]


def test_a_folder_that_is_gone_is_told(tmp_path):
    subject = folders.make(tmp_path, "cat", 5)
    subject.folder.rmdir()
    for change in (lambda: folders.repeat(subject, 6), lambda: folders.rename(subject, "dog")):
        with pytest.raises(DatasetError, match="cannot be renamed"):
            change()


def test_a_process_killed_at_any_call_of_a_renaming_leaves_one_whole_folder(tmp_path):
    """Killed before the first, the second, ... call to the system that changes something."""
    code = """
import os, sys
from pathlib import Path
from loranb.dataset import folders
left = int(sys.argv[2])
def watch(event, arguments):
    global left
    if event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.move"):
        left -= 1
        if left < 0:
            os._exit(9)
sys.addaudithook(watch)
folders.make(Path(sys.argv[1]), "cat", 8)
"""
    ends = []
    for calls in range(3):
        img = tmp_path / str(calls)
        fill(img, **{"5_cat": 3})
        ends.append(subprocess.run([sys.executable, "-c", code, img, str(calls)], check=False).returncode)
        (folder,) = img.iterdir()
        assert len(list(folder.iterdir())) == 3
    assert ends == [9, 0, 0]  # one call does it all


@pytest.mark.parametrize(
    ("counts", "least", "suggested"),
    [
        ({"exterior": 60, "interior": 20, "statue": 10}, 10, {"exterior": 10, "interior": 30, "statue": 60}),
        ({"a": 40}, 10, {"a": 10}),
        ({"a": 40, "b": 40}, 3, {"a": 3, "b": 3}),
        ({"a": 30, "b": 20}, 1, {"a": 2, "b": 3}),  # 1 and 2 would show b by a third more often
        ({"a": 50, "b": 25}, 1, {"a": 1, "b": 2}),
        ({"a": 40, "b": 0}, 10, {"a": 10}),
        ({}, 10, {}),
        ({"a": 100_000, "b": 1}, 1, {"a": 1, "b": 10_000}),  # as many as are allowed
    ],
)
def test_repeats_are_suggested_that_balance_subjects(counts, least, suggested):
    assert folders.suggest_repeats(counts, least) == suggested


@pytest.mark.parametrize("counts", [(100, 37, 11), (15, 14, 13), (7, 5, 3), (200, 199, 1), (33, 32, 31, 2)])
@pytest.mark.parametrize("least", [1, 2, 10])
def test_balanced_subjects_are_shown_about_as_often(counts, least):
    suggested = folders.suggest_repeats(dict(enumerate(counts)), least)
    shown = [suggested[i] * count for i, count in enumerate(counts)]
    assert max(shown) / min(shown) < 1.5
    assert least <= suggested[0] <= 2 * least


def test_balancing_keeps_the_repeats_of_the_largest_subject(tmp_path):
    fill(tmp_path, **{"4_city": 30, "9_interior": 10, "9_statue": 5, "7_empty": 0})
    assert [subject.folder.name for subject in folders.balance(tmp_path)] == ["12_interior", "24_statue"]
    assert names(tmp_path) == ["12_interior", "24_statue", "4_city", "7_empty"]
    assert folders.balance(tmp_path) == []
