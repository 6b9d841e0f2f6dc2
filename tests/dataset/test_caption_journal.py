"""What is undone after a kernel was killed, beside another notebook, or with a journal that was cut short."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from loranb.dataset import caption_journal
from loranb.dataset.caption_store import CaptionStore
from loranb.errors import DatasetError
from loranb.project import Project

COUNT = 40


@pytest.fixture
def project(tmp_path):
    project = Project.create(tmp_path / "p")
    folder = project.img / "10_castle"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:03}.jpg").touch()
        (folder / f"{number:03}.txt").write_bytes(f"castle, number {number}\r\n".encode())
    return project


def _files(project):
    return {path.name: path.read_bytes() for path in sorted(project.img.rglob("*.txt"))}


def _python(project, code):
    """Start a program that has a store of this project."""
    setup = f"""
        import os, signal, sys, threading
        from pathlib import Path
        from loranb.dataset import caption_writing
        from loranb.dataset.caption_store import CaptionStore
        from loranb.project import Project
        store = CaptionStore.load(Project(Path({str(project.root)!r})))
    """
    program = textwrap.dedent(setup) + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_an_edit_of_many_that_a_killed_kernel_cut_short_is_undone(project):
    before = _files(project)
    killed = _python(
        project,
        """
        write, left = caption_writing.write_bytes, [10]
        def dies(path, content):
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            write(path, content)
        caption_writing.AT_ONCE = 1
        caption_writing.write_bytes = dies
        store.add(store.pictures, "lisaxl")
        """,
    )
    assert killed.wait(60) == -signal.SIGKILL
    changed = [name for name, content in _files(project).items() if content != before[name]]
    assert len(changed) == 10
    store = CaptionStore.load(project)
    assert store.can_undo == "lisaxl in front"
    assert "changed elsewhere" not in store.undo()
    assert _files(project) == before
    store.redo()
    assert all(content.startswith(b"lisaxl, castle") for content in _files(project).values())


def test_an_edit_is_on_the_disk_and_can_be_undone_though_the_kernel_is_killed_right_after_it(project):
    before = _files(project)
    killed = _python(project, "store.save(store.pictures[3], 'mine'); os.kill(os.getpid(), signal.SIGKILL)")
    killed.wait(60)
    assert _files(project)["003.txt"] == b"mine\r\n"
    CaptionStore.load(project).undo()
    assert _files(project) == before


def test_captions_of_a_captioner_that_was_killed_are_one_edit(project):
    before = _files(project)
    killed = _python(
        project,
        """
        def said():
            for number, picture in enumerate(store.pictures):
                if number == 7:
                    os.kill(os.getpid(), signal.SIGKILL)
                yield picture, f"draft {number}"
        store.apply("captions by wd14", said(), by="captioner")
        """,
    )
    killed.wait(60)
    store = CaptionStore.load(project)
    assert [store.drafted(picture) for picture in store.pictures] == [True] * 7 + [False] * (COUNT - 7)
    assert "captions by wd14 (7 captions)" in store.undo()
    assert _files(project) == before


def test_two_notebooks_on_one_project_lose_nothing(project):
    before = _files(project)
    code = """
        for number in range(10):
            store.save(store.pictures[2 * number + {0}], "written by {0}")
            store.add(store.pictures, "tag{0}x%d" % number)
    """
    running = [_python(project, textwrap.dedent(code).format(who)) for who in (0, 1)]
    assert [process.wait(120) for process in running] == [0, 0]
    wanted = {f"tag{who}x{number}" for who in (0, 1) for number in range(10)}
    assert all(tag in text.decode() for text in list(_files(project).values())[20:] for tag in wanted)
    store = CaptionStore.load(project)
    undone = []
    while store.can_undo:
        undone.append(store.can_undo)
        assert "changed elsewhere" not in store.undo()
    assert {f"{tag} in front" for tag in wanted} < set(undone)
    assert len(undone) == 40
    assert _files(project) == before


def test_many_threads_on_one_store_lose_nothing(project):
    from concurrent.futures import ThreadPoolExecutor

    store, before = CaptionStore.load(project), _files(project)

    def work(number):
        store.add(store.pictures, f"x{number}")
        store.find(f"tag:x{number}")
        store.tag_counts()
        return store.save(store.pictures[number], f"mine {number}")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert all(sum(f"x{n}" in store.tags(p) for n in range(6)) == 6 for p in store.pictures[6:])
    for _ in range(12):
        store.undo()
    assert _files(project) == before


def test_what_another_notebook_did_is_undone_here(project):
    here, there = CaptionStore.load(project), CaptionStore.load(project)
    there.add(there.pictures[:1], "x")
    assert here.can_undo == "x in front"
    here.undo()
    assert there.can_undo == ""
    assert there.can_redo == "x in front"
    assert there.look_again() == {there.pictures[0]}
    assert "x" not in there.tags(there.pictures[0])


def test_a_torn_last_line_is_passed_over(project):
    store, before = CaptionStore.load(project), _files(project)
    store.add(store.pictures[:1], "x")
    after = _files(project)
    with project.captions_file.open("ab") as file:
        file.write(b'{"edit": "12", "what": "torn", "fi')
    store = CaptionStore.load(project)
    assert store.can_undo == "x in front"
    store.add(store.pictures[:1], "y")
    store = CaptionStore.load(project)
    store.undo()
    assert _files(project) == after
    store.undo()
    assert _files(project) == before


@pytest.mark.parametrize("line", [b"[]", b"7", b'{"undo": "x"}', b'{"edit": "1"}', b'{"edit": 1, "files": 3}', b"\xff"])
def test_lines_that_are_damaged_are_passed_over(project, line):
    project.captions_file.write_bytes(line + b"\n")
    store = CaptionStore.load(project)
    assert store.can_undo == ""
    store.add(store.pictures, "x")
    assert CaptionStore.load(project).can_undo == "x in front"


def test_a_journal_stays_short_and_knows_its_last_edits_and_who_wrote_what(project, monkeypatch):
    monkeypatch.setattr(caption_journal, "LONGEST", 20_000)
    store, other = CaptionStore.load(project), CaptionStore.load(project)
    store.apply("captions by wd14", [(store.pictures[0], "draft")], by="captioner")
    for number in range(60):
        store.save(store.pictures[1 + number % 5], f"text {number}" * 20)
    assert project.captions_file.stat().st_size < 22_000
    assert other.can_undo == "the caption of 005.jpg"  # it saw that the journal was written anew
    for opened in (store, CaptionStore.load(project)):
        assert opened.drafted(opened.pictures[0])
        assert opened.edited(opened.pictures[1])
    last, undone = _files(project), 0
    while store.can_undo:
        store.undo()
        undone += 1
    assert 10 < undone < 60
    for _ in range(undone):
        store.redo()
    assert _files(project) == last


def test_a_journal_of_many_small_edits_stays_short(project, monkeypatch):
    monkeypatch.setattr(caption_journal, "MOST", 20)
    store = CaptionStore.load(project)
    for number in range(50):
        store.save(store.pictures[0], f"text {number}")
        assert len(project.captions_file.read_bytes().splitlines()) <= 20
    for number in reversed(range(40, 49)):
        store.undo()
        assert store.text(store.pictures[0]) == f"text {number}"


def test_an_edit_larger_than_the_journal_may_be_can_still_be_undone(project, monkeypatch):
    monkeypatch.setattr(caption_journal, "LONGEST", 1000)
    store, before = CaptionStore.load(project), _files(project)
    store.add(store.pictures, "x")
    CaptionStore.load(project).undo()
    assert _files(project) == before


def test_who_is_busy_for_long_is_told_of_and_nothing_is_changed(project, monkeypatch):
    monkeypatch.setattr(caption_journal, "PATIENCE", 0.1)
    busy = _python(project, "with store._journal.alone(): print('in', flush=True); sys.stdin.read()")
    assert busy.stdout.readline() == "in\n"
    before, store = _files(project), CaptionStore.load(project)
    with pytest.raises(DatasetError, match="Another program"):
        store.add(store.pictures, "x")
    assert _files(project) == before
    busy.stdin.close()
    busy.wait(30)
    assert store.add(store.pictures, "x") == COUNT


@pytest.mark.skipif(os.geteuid() == 0, reason="whoever may do anything is refused nothing")
def test_a_project_that_cannot_be_written_says_so(project):
    project.root.chmod(0o500)
    try:
        store = CaptionStore.load(project)
        with pytest.raises(DatasetError, match=r"captions\.jsonl cannot be written"):
            store.add(store.pictures, "x")
    finally:
        project.root.chmod(0o700)


def test_an_edit_that_changes_nothing_writes_no_byte_and_no_journal(project):
    store = CaptionStore.load(project)
    times = {path: path.stat().st_mtime_ns for path in project.img.rglob("*")}
    assert store.remove(store.pictures, "dragon") == 0
    store.save(store.pictures[0], store.text(store.pictures[0]))
    assert {path: path.stat().st_mtime_ns for path in project.img.rglob("*")} == times
    assert not project.captions_file.exists()
