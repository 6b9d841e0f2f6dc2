import errno
import json
import os
import shutil
import subprocess
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from loranb.dataset import curation, folders
from loranb.dataset.intake import Wanted, add
from loranb.errors import DatasetError
from loranb.project import Project

CAT = Wanted("grey cat", 5)


@pytest.fixture
def project(tmp_path):
    return Project.create(tmp_path / "project")


@pytest.fixture
def mine(tmp_path):
    """Somebody's folder: three pictures, two captions, and what else lies about."""
    picture(tmp_path / "mine/a.png", "red")
    picture(tmp_path / "mine/deep/b.jpg", "green")
    picture(tmp_path / "mine/deep/c.webp", "blue")
    (tmp_path / "mine/a.txt").write_text("a red wall\n")
    (tmp_path / "mine/deep/b.txt").write_text("a green wall\n")
    (tmp_path / "mine/deep/notes.pdf").write_text("x")
    return tmp_path / "mine"


def picture(path, colour="red", size=(30, 20)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def tree(top):
    """All files below a folder, hidden ones too: content and time of each."""
    return {
        p.relative_to(top).as_posix(): (p.read_bytes(), p.stat().st_mtime_ns) for p in top.rglob("*") if p.is_file()
    }


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_pictures_are_copied_with_their_captions_and_the_originals_stay(project, mine):
    before = tree(mine)
    added = add(project, [mine], CAT)
    made = project.img / "5_grey cat"
    assert names(made) == ["a.png", "a.txt", "b.jpg", "b.txt", "c.webp"]
    assert tree(mine) == before
    for name in ("a.png", "a.txt", "deep/b.jpg", "deep/b.txt", "deep/c.webp"):
        assert tree(made)[Path(name).name] == before[name]
    assert added.subjects == folders.subjects(project.img)
    assert sorted(path.name for path in added.pictures) == ["a.png", "b.jpg", "c.webp"]
    assert sorted(path.name for path in added.captions) == ["a.txt", "b.txt"]
    assert (added.already_there, added.left_out) == ([], ["deep/notes.pdf"])


def test_adding_the_same_again_changes_nothing(project, mine):
    add(project, [mine], CAT)
    before = tree(project.img)
    added = add(project, [mine], CAT)
    assert tree(project.img) == before
    assert added.already_there == ["a.png", "deep/b.jpg", "deep/c.webp"]
    assert (added.pictures, added.captions) == ([], [])


def test_the_same_picture_is_copied_once_whatever_it_is_called(project, mine):
    shutil.copy(mine / "a.png", mine / "z.png")
    with zipfile.ZipFile(mine.parent / "more.zip", "w") as archive:
        archive.write(mine / "deep" / "b.jpg", "other.jpg")
    added = add(project, [mine, mine.parent / "more.zip"], CAT)
    assert len(added.pictures) == 3
    assert added.already_there == ["z.png", "other.jpg"]


def test_a_name_or_a_size_alone_makes_no_picture_the_same(project, tmp_path):
    for folder, content in (("x", b"one"), ("y", b"two")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").write_bytes(content)
        os.utime(tmp_path / folder / "a.jpg", (1, 1))
    add(project, [tmp_path / "x", tmp_path / "y"], CAT)
    assert [path.read_bytes() for path in folders.subjects(project.img)[0].pictures()] == [b"one", b"two"]


def test_the_same_picture_may_be_in_two_subjects(project, mine):
    add(project, [mine], CAT)
    assert len(add(project, [mine], Wanted("wall")).pictures) == 3


def test_names_that_collide_get_a_number_and_keep_their_own_captions(project, tmp_path):
    for folder, name, colour in (("w", "a.png", "red"), ("x", "A.PNG", "green"), ("y", "a.jpg", "blue")):
        picture(tmp_path / folder / name, colour)
        (tmp_path / folder / name).with_suffix(".txt").write_text(colour)
    picture(tmp_path / "z/a.gif", "white")
    add(project, [tmp_path / folder for folder in "wxyz"], CAT)
    made = project.img / "5_grey cat"
    assert names(made) == ["A_2.PNG", "A_2.txt", "a.png", "a.txt", "a_3.jpg", "a_3.txt", "a_4.gif"]
    assert [(made / f"{stem}.txt").read_text() for stem in ("a", "A_2", "a_3")] == ["red", "green", "blue"]


def test_an_orphaned_caption_is_not_taken_over(project, tmp_path):
    folders.make(project.img, "grey cat", 5)
    (project.img / "5_grey cat" / "a.txt").write_text("of another picture")
    assert [path.name for path in add(project, [picture(tmp_path / "a.png")], CAT).pictures] == ["a_2.png"]


def test_a_caption_that_comes_later_is_brought_and_an_edited_one_is_kept(project, mine):
    (mine / "a.txt").unlink()
    add(project, [mine], CAT)
    made = project.img / "5_grey cat"
    (made / "b.txt").write_text("edited by hand")
    (mine / "a.txt").write_text("now captioned")
    added = add(project, [mine], CAT)
    assert added.captions == [made / "a.txt"]
    assert (made / "a.txt").read_text() == "now captioned"
    assert (made / "b.txt").read_text() == "edited by hand"


def test_a_caption_of_the_other_ending_becomes_a_text_file(project, tmp_path):
    picture(tmp_path / "mine/a.png")
    (tmp_path / "mine/a.caption").write_text("a wall")
    add(project, [tmp_path / "mine"], CAT)
    assert (project.img / "5_grey cat/a.txt").read_text() == "a wall"


def test_captions_in_a_table_become_text_files(project, mine):
    rows = [{"file_name": "deep/c.webp", "text": "a  blue wall"}, {"file_name": "a.png", "text": "another"}]
    (mine / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    add(project, [mine], CAT)
    made = project.img / "5_grey cat"
    assert (made / "c.txt").read_text() == "a blue wall\n"
    assert (made / "a.txt").read_text() == "a red wall\n"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ('what? "a" <b>.png', "what_ _a_ _b_.png"),
        ("x" * 250 + ".png", "x" * 196 + ".png"),
        ("Ba\u0308r.png", "B\u00e4r.png"),
        ("a.b.c.png", "a.b.c.png"),
        ("\u202e.png", "picture.png"),
    ],
)
def test_names_are_such_that_every_disk_takes_them(project, tmp_path, name, kept):
    picture(tmp_path / "a.png").rename(tmp_path / name)
    assert [path.name for path in add(project, [tmp_path / name], CAT).pictures] == [kept]


def test_every_copy_is_told(project, mine):
    told = []
    add(project, [mine], CAT, lambda *said: told.append(said))
    assert told == [(1, 3, "Copying a.png"), (2, 3, "Copying deep/b.jpg"), (3, 3, "Copying deep/c.webp")]


@pytest.mark.parametrize("copied", [1, 2])
def test_stopping_leaves_whole_files_and_adding_again_goes_on(project, mine, copied):
    def stop(done, total, doing):
        if done == copied:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add(project, [mine], CAT, stop)
    made = project.img / "5_grey cat"
    assert len(folders.subjects(project.img)[0].pictures()) == copied
    originals = {Path(name).name: file for name, file in tree(mine).items()}
    assert all(file == originals[name] for name, file in tree(made).items())
    added = add(project, [mine], CAT)
    assert (len(added.already_there), len(added.pictures)) == (copied, 3 - copied)
    assert names(made) == ["a.png", "a.txt", "b.jpg", "b.txt", "c.webp"]


def test_a_process_that_is_killed_between_picture_and_caption_loses_nothing(project, mine):
    code = """
import os, sys
from pathlib import Path
from loranb.dataset import intake, shelf
from loranb.project import Project
shelf.Shelf._copy_caption = lambda *things: os._exit(9)
intake.add(Project(Path(sys.argv[1])), [sys.argv[2]], intake.Wanted("grey cat", 5))
"""
    done = subprocess.run([sys.executable, "-c", code, project.root, mine], check=False)
    assert done.returncode == 9
    assert names(project.img / "5_grey cat") == ["a.png"]
    add(project, [mine], CAT)
    assert names(project.img / "5_grey cat") == ["a.png", "a.txt", "b.jpg", "b.txt", "c.webp"]
    assert (project.img / "5_grey cat/a.txt").read_text() == "a red wall\n"


def test_a_half_copy_that_a_crash_left_is_swept_away_when_nobody_works_on_it(project, mine):
    folder = folders.make(project.img, "grey cat", 5).folder
    old, young = folder / ".12-34.part", folder / ".56-78.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    add(project, [mine], CAT)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize("links", [True, False])
def test_what_another_process_puts_there_meanwhile_is_not_replaced(project, mine, monkeypatch, links):
    copy, link = shutil.copyfileobj, os.link

    def copied_while_another_is_quicker(source, target, size):
        copy(source, target, size)
        if source.name.endswith(("a.png", "a.txt")):
            Path(target.name).with_name(Path(source.name).name).write_bytes(b"another's")

    def linked(*names):
        if not links:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        link(*names)

    monkeypatch.setattr(shutil, "copyfileobj", copied_while_another_is_quicker)
    monkeypatch.setattr(os, "link", linked)
    add(project, [mine / "a.png"], CAT)
    made = project.img / "5_grey cat"
    assert (made / "a.png").read_bytes() == b"another's"
    assert (made / "a_2.png").read_bytes() == (mine / "a.png").read_bytes()
    assert (made / "a_2.txt").read_bytes() == (mine / "a.txt").read_bytes()
    assert not list(made.glob(".*"))


def test_a_full_disk_leaves_whole_files_and_says_how_to_go_on(project, mine, monkeypatch):
    copy = shutil.copyfileobj

    def full(source, target, size):
        if source.name.endswith("c.webp"):
            target.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, target, size)

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(DatasetError, match="c.webp cannot be copied.*No space left.*2 pictures.*add the same again"):
        add(project, [mine], CAT)
    assert names(project.img / "5_grey cat") == ["a.png", "a.txt", "b.jpg", "b.txt"]


def test_a_picture_that_cannot_be_read_is_left_out_with_the_reason(project, mine):
    (mine / "gone.jpg").symlink_to(mine / "nowhere.jpg")
    os.mkfifo(mine / "pipe.jpg")
    added = add(project, [mine], CAT)
    assert len(added.pictures) == 3
    assert added.left_out == ["deep/notes.pdf", "gone.jpg: No such file or directory", "pipe.jpg: not a file"]


def test_what_was_taken_out_of_regularisation_stays_out_of_it_alone(project, mine):
    add(project, [mine], Wanted("cat", regularisation=True))
    curation.discard(project.reg / "1_cat/a.png", project.discarded)
    assert add(project, [mine], Wanted("cat", regularisation=True)).taken_out == ["a.png"]
    assert len(add(project, [mine], Wanted("cat")).pictures) == 3


def test_what_was_taken_out_stays_out(project, mine):
    add(project, [mine], CAT)
    curation.discard(project.img / "5_grey cat/a.png", project.discarded)
    folders.make(project.img, "grey cat", 8)
    added = add(project, [mine], Wanted("grey cat"))
    assert (added.taken_out, added.pictures) == (["a.png"], [])
    assert "put them back: a.png" in str(added)
    assert names(project.img / "8_grey cat") == ["b.jpg", "b.txt", "c.webp"]


def test_adding_more_keeps_the_repeats_unless_others_are_asked_for(project, mine):
    add(project, [mine / "a.png"], Wanted("cat", 20))
    add(project, [mine / "deep/b.jpg"], Wanted("Cat"))
    assert names(project.img) == ["20_cat"]
    add(project, [mine / "deep/c.webp"], Wanted("cat", 7))
    assert names(project.img) == ["7_cat"]
    assert names(project.img / "7_cat") == ["a.png", "a.txt", "b.jpg", "b.txt", "c.webp"]


def test_a_new_subject_has_the_usual_repeats(project, mine):
    add(project, [mine], Wanted("cat"))
    add(project, [mine], Wanted("animal", regularisation=True))
    assert (names(project.img), names(project.reg)) == (["10_cat"], ["1_animal"])


def test_without_pictures_nothing_is_made(project, tmp_path):
    (tmp_path / "notes.txt").write_text("words")
    added = add(project, [tmp_path / "notes.txt"], CAT)
    assert (added.subjects, added.left_out) == ([], ["notes.txt"])
    assert "No pictures were found" in str(added)
    assert names(project.img) == []


def test_a_source_that_is_not_there_is_told_and_nothing_is_copied(project, mine):
    with pytest.raises(DatasetError, match="nowhere"):
        add(project, [mine, mine / "nowhere"], CAT)
    assert names(project.img) == []


def test_a_damaged_archive_changes_nothing(project, mine):
    add(project, [mine / "a.png"], Wanted("cat", 20))
    with zipfile.ZipFile(mine / "b.zip", "w") as archive:
        archive.writestr("b.png", b"x" * 1000)
    (mine / "b.zip").write_bytes((mine / "b.zip").read_bytes().replace(b"x" * 1000, b"y" * 1000))
    with pytest.raises(DatasetError, match="damaged"):
        add(project, [mine, mine / "b.zip"], Wanted("cat", 7))
    assert names(project.img / "20_cat") == ["a.png", "a.txt"]


@pytest.fixture
def kohya(tmp_path):
    """A project folder as kohya's tools have it."""
    top = tmp_path / "castles"
    for number, name in enumerate(["img/20_mokuba castle/a.png", "img/3_windmill/a.png", "reg/1_building/a.png"]):
        picture(top / name, size=(30, 20 + number))
        (top / name).with_suffix(".txt").write_text(name)
    picture(top / "model/sample/x.png", size=(9, 9))
    (top / "log").mkdir()
    (top / "log/events").write_text("x")
    return top


@pytest.mark.parametrize("packed", [False, True])
def test_a_kohya_folder_becomes_a_project_in_one_go(project, kohya, packed):
    source = Path(shutil.make_archive(str(kohya), "zip", kohya.parent, kohya.name)) if packed else kohya
    added = add(project, [source], Wanted())
    assert [(s.repeats, s.words) for s in added.subjects] == [(20, "mokuba castle"), (3, "windmill"), (1, "building")]
    assert len(added.pictures) == len(added.captions) == 3
    for name in ("img/20_mokuba castle", "img/3_windmill", "reg/1_building"):
        assert names(project.root / name) == ["a.png", "a.txt"]
        assert (project.root / name / "a.txt").read_text() == f"{name}/a.png"
    assert added.left_out == (["castles/log/", "castles/model/"] if packed else ["log/", "model/"])


def test_a_kohya_folder_that_is_added_again_leaves_repeats_as_they_are_by_now(project, kohya):
    add(project, [kohya], Wanted())
    folders.make(project.img, "windmill", 9)
    assert add(project, [kohya], Wanted()).pictures == []
    assert names(project.img) == ["20_mokuba castle", "9_windmill"]


def test_repeats_that_are_asked_for_count_for_every_folder(project, kohya):
    add(project, [kohya / "img"], Wanted(repeats=2))
    assert names(project.img) == ["2_mokuba castle", "2_windmill"]


def test_two_folders_of_the_same_words_stay_two(project, tmp_path):
    picture(tmp_path / "mine/10_cat/a.png", "red")
    picture(tmp_path / "mine/20_cat/b.png", "green")
    for _ in range(2):
        add(project, [tmp_path / "mine"], Wanted())
        assert [names(project.img / name) for name in ("10_cat", "20_cat")] == [["a.png"], ["b.png"]]


def test_with_a_subject_all_goes_into_it(project, kohya):
    added = add(project, [kohya], Wanted("cat", 4))
    assert names(project.img) == ["4_cat"]
    assert sorted(path.name for path in added.pictures) == ["a.png", "a_2.png", "a_3.png", "x.png"]


def test_regularisation_pictures_lie_in_their_own_folder(project, kohya):
    add(project, [kohya / "img"], Wanted(regularisation=True))
    assert names(project.reg) == ["20_mokuba castle", "3_windmill"]
    assert names(project.img) == []


def test_without_a_subject_and_a_layout_the_subject_is_asked_for(project, kohya, mine):
    with pytest.raises(DatasetError, match="No subject is given.*/mine whose name says it.*10_mokuba castle"):
        add(project, [kohya, mine], Wanted())
    assert names(project.img) == []


def test_words_that_cannot_be_a_folder_are_told_before_anything_is_copied(project, tmp_path):
    picture(tmp_path / "mine/10_cat/a.png")
    picture(tmp_path / "mine/10_dog or cat?/b.png")
    with pytest.raises(DatasetError, match="dog or cat?"):
        add(project, [tmp_path / "mine"], Wanted())
    assert names(project.img) == []


@pytest.mark.parametrize("wanted", [Wanted("a/b"), Wanted("cat", 0), Wanted(repeats=10**6)])
def test_what_cannot_be_a_subject_is_told_before_a_source_is_looked_at(project, wanted):
    with pytest.raises(DatasetError, match="subject = |repeats = "):
        add(project, ["/nowhere"], wanted)


def test_what_is_known_of_a_projects_files_is_kept(project, mine):
    add(project, [mine], CAT)
    add(project, [mine], CAT)
    known = json.loads((project.cache / "contents.json").read_text())
    assert set(known) == {f"img/5_grey cat/{name}" for name in ("a.png", "b.jpg", "c.webp")}


def test_a_file_is_never_held_in_memory_whole(project, tmp_path):
    (tmp_path / "large.png").write_bytes(bytes(50_000_000))
    tracemalloc.start()
    add(project, [tmp_path / "large.png"], CAT)
    add(project, [tmp_path / "large.png"], CAT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
