import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from loranb.dataset import captions, curation
from loranb.dataset.curation import Curation
from loranb.dataset.edits import Box, Edit
from loranb.errors import DatasetError
from loranb.project import Project


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    folder = project.img / "10_castle"
    folder.mkdir(parents=True)
    (project.img / "5_mill").mkdir()
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        Image.new("RGB", (40 + number, 30)).save(folder / name)
        captions.write(folder / name, f"caption of {name}")
    return project


@pytest.fixture
def castle(project):
    return project.img / "10_castle"


def everything(root):
    """The project's pictures and captions by path; not the journal and the caches."""
    files = (path for folder in ("img", "reg", "discarded") for path in (root / folder).rglob("*.*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def all_of(folder):
    return [folder / name for name in ("a.jpg", "b.jpg", "c.jpg")]


def test_discarded_pictures_take_their_captions_along_and_come_back_the_same(project, castle):
    before = everything(project.root)
    outcome = Curation(project).discard(all_of(castle))
    there = project.discarded / "10_castle"
    assert outcome.done == dict(zip(all_of(castle), all_of(there), strict=True))
    assert outcome.problems == []
    assert [captions.read(path) for path in all_of(there)] == [f"caption of {n}.jpg" for n in "abc"]
    assert curation.discarded_pictures(project.discarded) == all_of(there)
    assert list(castle.iterdir()) == []
    Curation(project).restore(all_of(there))
    assert everything(project.root) == before


def test_one_picture_can_be_moved_at_a_time(project, castle):
    gone = curation.discard(castle / "a.jpg", project.discarded)
    assert gone == project.discarded / "10_castle" / "a.jpg"
    assert curation.restore(gone, project.img) == castle / "a.jpg"
    with pytest.raises(DatasetError, match="not there any more"):
        curation.discard(castle / "z.jpg", project.discarded)


def test_nothing_is_overwritten_when_a_name_is_taken(project, castle):
    picture = castle / "a.jpg"
    first = curation.discard(picture, project.discarded)
    Image.new("RGB", (9, 9)).save(picture)
    second = curation.discard(picture, project.discarded)
    assert (first.name, second.name) == ("a.jpg", "a_2.jpg")
    assert Image.open(first).size == (40, 30)
    Image.new("RGB", (7, 7)).save(picture)
    assert curation.restore(second, project.img).name == "a_2.jpg"
    assert curation.restore(first, project.img).name == "a_3.jpg"
    assert captions.read(castle / "a_3.jpg") == "caption of a.jpg"


def test_pictures_of_one_name_moved_at_once_each_get_their_own(project, castle):
    (project.img / "5_mill" / "a.png").write_bytes((castle / "a.jpg").read_bytes())
    (project.img / "3_tree").mkdir()
    moved = Curation(project).move([castle / "a.jpg", project.img / "5_mill" / "a.png"], project.img / "3_tree").done
    assert [path.name for path in moved.values()] == ["a.jpg", "a_2.png"]


def test_pictures_come_back_to_their_subject_whatever_its_repeats_are_by_now(project, castle):
    gone = curation.discard(castle / "a.jpg", project.discarded)
    castle.rename(project.img / "3_castle")
    assert curation.restore(gone, project.img) == project.img / "3_castle" / "a.jpg"


def test_a_subject_that_is_gone_is_made_anew(project, castle):
    gone = Curation(project).discard(all_of(castle)).done
    castle.rmdir()
    assert curation.restore(gone[castle / "a.jpg"], project.img) == castle / "a.jpg"


def test_regularisation_pictures_come_back_to_where_they_were(project):
    picture = project.reg / "1_mill" / "r.jpg"
    picture.parent.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(picture)
    gone = curation.discard(picture, project.discarded)
    assert gone in curation.discarded_pictures(project.discarded)
    assert curation.restore(gone, project.img) == picture


def test_a_picture_in_no_subjects_folder_comes_back_there(project):
    picture = project.img / "loose.jpg"
    Image.new("RGB", (8, 8)).save(picture)
    gone = curation.discard(picture, project.discarded)
    assert gone in curation.discarded_pictures(project.discarded)
    assert curation.restore(gone, project.img) == picture


def test_a_caption_that_another_picture_uses_stays_for_it(project, castle):
    Image.new("RGB", (8, 8)).save(castle / "a.png")
    gone = curation.discard(castle / "a.jpg", project.discarded)
    assert captions.read(castle / "a.png") == captions.read(gone) == "caption of a.jpg"
    Curation(project).undo()
    assert captions.read(castle / "a.jpg") == "caption of a.jpg"


def test_both_pictures_of_one_caption_take_it_along(project, castle):
    Image.new("RGB", (8, 8)).save(castle / "a.png")
    gone = Curation(project).discard([castle / "a.jpg", castle / "a.png"]).done
    assert [captions.read(path) for path in gone.values()] == ["caption of a.jpg"] * 2
    assert not (castle / "a.txt").exists()
    Curation(project).undo()
    assert {path.name for path in castle.glob("a*.*")} == {"a.jpg", "a.png", "a.txt"}


def test_what_cannot_be_moved_stays_with_its_caption_and_is_named(project, castle):
    (project.root / "discarded").write_text("a file is in the way")
    before = everything(project.root)
    with pytest.raises(DatasetError, match="cannot be moved"):
        curation.discard(castle / "a.jpg", project.discarded)
    assert everything(project.root) == before
    assert Curation(project).undoable == ""


def test_of_many_pictures_each_is_moved_or_named(project, castle, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "d.jpg"
    elsewhere.write_bytes(b"mine")
    outcome = Curation(project).discard([castle / "a.jpg", castle / "gone.jpg", elsewhere])
    assert list(outcome.done) == [castle / "a.jpg"]
    assert len(outcome.problems) == 2
    assert "gone.jpg" in outcome.problems[0]
    assert "d.jpg" in outcome.problems[1]
    assert elsewhere.read_bytes() == b"mine"


def test_pictures_are_moved_to_another_subject_and_back(project, castle):
    before, mill = everything(project.root), project.img / "5_mill"
    outcome = Curation(project).move([castle / "a.jpg", castle / "b.jpg"], mill)
    assert sorted(path.name for path in mill.iterdir()) == ["a.jpg", "a.txt", "b.jpg", "b.txt"]
    assert outcome.done[castle / "a.jpg"] == mill / "a.jpg"
    Curation(project).undo()
    assert everything(project.root) == before


def test_what_is_no_folder_of_the_project_is_no_place_to_move_to(project, castle, tmp_path_factory):
    for folder in (project.img / "7_gone", tmp_path_factory.mktemp("elsewhere")):
        with pytest.raises(DatasetError, match="not a folder of the project"):
            Curation(project).move([castle / "a.jpg"], folder)


def test_moving_pictures_to_where_they_are_is_nothing_done(project, castle):
    assert Curation(project).move(all_of(castle), castle).done == {}
    assert Curation(project).restore(all_of(castle)).done == {}
    assert Curation(project).undoable == ""


def test_everything_is_undone_and_done_again_one_by_one_in_new_sessions(project, castle):
    def act(number):
        acts = [
            lambda c: c.discard([castle / "a.jpg"]),
            lambda c: c.edit({castle / "b.jpg": Edit(90), castle / "c.jpg": Edit(0, Box(0, 0, 20, 20))}),
            lambda c: c.move([castle / "b.jpg"], project.img / "5_mill"),
            lambda c: c.restore([project.discarded / "10_castle" / "a.jpg"]),
        ]
        acts[number](Curation(project))

    def state():
        pictures = Curation(project).pictures
        paths = sorted(project.root.rglob("*.jpg"))
        return everything(project.root), [(path.name, pictures.edit(path)) for path in paths if "img" in path.parts]

    states = [state()]
    for number in range(4):
        act(number)
        states.append(state())
    for back in (3, 2, 1, 0):
        assert Curation(project).undo().startswith("Undone: ")
        assert state() == states[back]
    with pytest.raises(DatasetError, match="nothing to undo"):
        Curation(project).undo()
    for on in (1, 2, 3, 4):
        assert Curation(project).redo().startswith("Done again: ")
        assert state() == states[on]
    with pytest.raises(DatasetError, match="nothing to redo"):
        Curation(project).redo()


def test_it_says_what_the_next_undo_takes_back(project, castle):
    curated = Curation(project)
    assert (curated.undoable, curated.redoable) == ("", "")
    curated.discard([castle / "a.jpg"])
    assert curated.undoable == "a.jpg taken out"
    curated.discard([castle / "b.jpg", castle / "c.jpg"])
    assert curated.undoable == "2 pictures taken out"
    assert curated.undo() == "Undone: 2 pictures taken out."
    assert (curated.undoable, curated.redoable) == ("a.jpg taken out", "2 pictures taken out")


def test_something_new_leaves_nothing_to_do_again(project, castle):
    curated = Curation(project)
    curated.discard([castle / "a.jpg"])
    curated.undo()
    curated.discard([castle / "b.jpg"])
    assert curated.redoable == ""
    assert Curation(project).redoable == ""


def test_undo_leaves_what_was_moved_or_replaced_by_hand_and_names_it(project, castle):
    gone = Curation(project).discard(all_of(castle)).done
    gone[castle / "a.jpg"].rename(project.root / "mine.jpg")
    Image.new("RGB", (99, 9)).save(gone[castle / "b.jpg"])
    said = Curation(project).undo()
    assert "a.jpg stays" in said
    assert "b.jpg stays" in said
    assert sorted(path.name for path in castle.glob("*.jpg")) == ["c.jpg"]
    assert (project.root / "mine.jpg").exists()
    assert Image.open(gone[castle / "b.jpg"]).size == (99, 9)
    assert Curation(project).undoable == ""  # it is no use trying again


def test_undo_finds_a_subject_whose_repeats_were_changed(project, castle):
    curated = Curation(project)
    curated.discard([castle / "a.jpg"])
    curated.move([castle / "b.jpg"], project.img / "5_mill")
    castle.rename(project.img / "3_castle")
    (project.img / "5_mill").rename(project.img / "7_mill")
    curated.undo()
    curated.undo()
    assert sorted(path.name for path in (project.img / "3_castle").glob("*.jpg")) == ["a.jpg", "b.jpg", "c.jpg"]
    assert not castle.exists()


def test_undo_takes_another_name_where_the_old_one_is_taken(project, castle):
    Curation(project).discard([castle / "a.jpg"])
    Image.new("RGB", (99, 9)).save(castle / "a.jpg")
    captions.write(castle / "a.jpg", "another")
    Curation(project).undo()
    assert Image.open(castle / "a.jpg").size == (99, 9)
    assert captions.read(castle / "a.jpg") == "another"
    assert captions.read(castle / "a_2.jpg") == "caption of a.jpg"


def test_a_crop_that_does_not_fit_is_refused_and_the_others_are_made(project, castle):
    curated = Curation(project)
    outcome = curated.edit({castle / "a.jpg": Edit(0, Box(0, 0, 400, 20)), castle / "b.jpg": Edit(180)})
    assert list(outcome.done) == [castle / "b.jpg"]
    assert "a.jpg: crop" in outcome.problems[0]
    assert curated.pictures.edit(castle / "a.jpg") == Edit()
    assert curated.pictures.edit(castle / "b.jpg") == Edit(180)


def test_undo_leaves_an_edit_that_was_changed_elsewhere(project, castle):
    curated = Curation(project)
    curated.edit({castle / "a.jpg": Edit(90), castle / "b.jpg": Edit(90)})
    pictures = Curation(project).pictures
    pictures.edits.set(pictures.content(castle / "a.jpg"), Edit(180), "a.jpg")
    assert "a.jpg stays" in curated.undo()
    assert pictures.edit(castle / "a.jpg") == Edit(180)
    assert pictures.edit(castle / "b.jpg") == Edit()


def test_a_journal_that_is_damaged_costs_only_what_it_told(project, castle):
    curated = Curation(project)
    curated.discard([castle / "a.jpg"])
    curated.discard([castle / "b.jpg"])
    lines = project.journal_file.read_bytes().splitlines(keepends=True)
    project.journal_file.write_bytes(b"\0\xff\n{}\n[1]\n" + b"".join(lines[:2]) + lines[2][:40])
    again = Curation(project)
    assert again.undoable == "a.jpg taken out"
    again.discard([castle / "c.jpg"])  # is written on a line of its own
    assert Curation(project).undoable == "c.jpg taken out"
    again.undo()
    again.undo()
    assert sorted(path.name for path in castle.glob("*.jpg")) == ["a.jpg", "c.jpg"]


def test_the_journal_does_not_grow_without_end(project, castle, monkeypatch):
    monkeypatch.setattr("loranb.dataset.journal.LONGEST", 4000)
    curated = Curation(project)
    for number in range(30):
        curated.edit({castle / "a.jpg": Edit(90 * (number % 3 + 1))})
        assert project.journal_file.stat().st_size < 5000
        assert Curation(project).undoable == "a.jpg turned or cropped"
    for turn in (180, 90):  # before the last turn by 270
        curated.undo()
        assert curated.pictures.edit(castle / "a.jpg") == Edit(turn)


# Kills itself right before the file operation with this number: a child of this script for each number.
KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from loranb.dataset.curation import Curation
from loranb.dataset.edits import Edit
from loranb.project import Project
import psutil, uuid

TOUCHING = ("open", "os.rename", "os.remove", "os.mkdir", "shutil.copyfile")

def kill_at(number):
    left = [number]
    def hook(event, args):
        if event in TOUCHING and not (event == "open" and not (args[2] & (os.O_WRONLY | os.O_RDWR))):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

source, what = Path(sys.argv[1]), sys.argv[2]
for number in range(1000):
    root = source.with_name(f"killed_{number}")
    shutil.copytree(source, root)
    child = os.fork()
    if not child:
        if what == "finish":
            kill_at(number)
        curation = Curation(Project(root))
        castle = root / "img" / "10_castle"
        if what != "finish":
            kill_at(number)
        if what == "undo":
            curation.undo()
        elif what == "edit":
            curation.edit({castle / "a.jpg": Edit(90), castle / "b.jpg": Edit(180)})
        elif what == "discard":
            curation.discard([castle / "a.jpg", castle / "b.jpg"])
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(number)
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("what", ["discard", "undo", "edit", "finish"])
def test_killed_at_any_moment_nothing_is_lost_or_doubled_and_it_is_brought_to_its_end(tmp_path, what):
    begun = tmp_path / "whole"
    castle = begun / "img" / "10_castle"
    castle.mkdir(parents=True)
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        Image.new("RGB", (40 + number, 30)).save(castle / name)
        captions.write(castle / name, f"caption of {name}")
    pictures = sorted(path.read_bytes() for path in castle.glob("*.jpg"))
    if what in ("undo", "finish"):
        Curation(Project(begun)).discard([castle / "a.jpg", castle / "b.jpg"])
    if what == "finish":  # as if it had been killed at the very beginning
        for path in (begun / "discarded" / "10_castle").iterdir():
            path.rename(castle / path.name)
        journal = begun / "curation.jsonl"
        line = json.loads(journal.read_text().splitlines()[0])
        line["writer"]["host"] = "a machine that was lost"
        journal.write_text(json.dumps(line) + "\n")
    done = subprocess.run([sys.executable, "-c", KILLED, str(begun), what], capture_output=True, text=True, check=True)
    times = int(done.stdout)
    assert times >= {"edit": 4, "finish": 8}.get(what, 10)  # it was killed that often
    before = everything(begun)
    after = everything(tmp_path / f"killed_{times}")
    for number in range(times):
        root = tmp_path / f"killed_{number}"
        kept = [path for path in root.rglob("*.jpg") if not path.name.startswith(".")]
        assert sorted(path.read_bytes() for path in kept) == pictures  # each is there, and once
        assert all(captions.read(path) == f"caption of {path.name}" for path in kept)  # and has its caption
        again = Curation(Project(root))
        assert everything(root) in (before, after)
        edits = [again.pictures.edit(path) for path in sorted((root / "img").rglob("[ab].jpg"))]
        assert edits in ([Edit(90), Edit(180)], [Edit(), Edit()], [])
        if everything(root) == after and what == "discard":
            again.undo()
            assert everything(root) == before


def test_what_another_process_is_at_is_left_to_it(project, castle):
    curated = Curation(project)
    curated.discard([castle / "a.jpg"])
    curated.undo()
    lines = project.journal_file.read_text().splitlines()
    begun = json.loads(lines[0]) | {"deed": "other"}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        import psutil

        begun["writer"] |= {"pid": other.pid, "began": psutil.Process(other.pid).create_time()}
        project.journal_file.write_text(json.dumps(begun) + "\n")
        Curation(project)
        assert (castle / "a.jpg").exists()
        other.communicate(b"\n")
    Curation(project)  # now it is gone
    assert not (castle / "a.jpg").exists()
    assert Curation(project).undoable == "a.jpg taken out"


def test_what_was_interrupted_in_this_session_is_finished_before_anything_else(project, castle):
    Curation(project).discard([castle / "a.jpg", castle / "b.jpg"])
    begun = project.journal_file.read_text().splitlines()[0]  # by this very process
    Curation(project).undo()
    curated = Curation(project)
    project.journal_file.write_text(begun + "\n")
    assert curated.undo() == "Undone: 2 pictures taken out."
    assert sorted(path.name for path in castle.glob("*.jpg")) == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_picture_is_carried_to_another_disk(tmp_path_factory):
    disks = [Path(disk) for disk in ("/dev/shm", tmp_path_factory.mktemp("here")) if os.access(disk, os.W_OK)]
    if len({disk.stat().st_dev for disk in disks}) < 2:
        pytest.skip("there is one disk only")
    project, other = Project(disks[1]), disks[0] / f"loranb_test_{os.getpid()}"
    other.mkdir()
    try:
        project.img.mkdir()
        (project.img / "10_castle").symlink_to(other)
        Image.new("RGB", (40, 30)).save(other / "a.jpg")
        captions.write(other / "a.jpg", "a castle")
        before = {path.name: path.read_bytes() for path in other.iterdir()}
        gone = curation.discard(project.img / "10_castle" / "a.jpg", project.discarded)
        assert captions.read(gone) == "a castle"
        assert list(other.iterdir()) == []
        Curation(project).undo()
        assert {path.name: path.read_bytes() for path in other.iterdir()} == before
        shutil.copy2(other / "a.jpg", gone)  # as if it was cut short before the original was taken away
        shutil.copy2(other / "a.txt", gone.with_suffix(".txt"))
        lines = project.journal_file.read_text().splitlines()
        project.journal_file.write_text(lines[0] + "\n")
        Curation(project)
        assert list(other.iterdir()) == []
        assert captions.read(gone) == "a castle"
    finally:
        shutil.rmtree(other)
