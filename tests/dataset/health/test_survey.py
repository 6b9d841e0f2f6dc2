import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from loranb.dataset import health
from loranb.dataset.health.survey import Surveyor


@pytest.fixture
def pictures(leaves, town):
    """Eight pictures, all different."""
    for seed in range(8):
        leaves(seed, (200, 160), count=60).save(town / f"{seed}.jpg")
    return sorted(town.iterdir())


def measured_again(project, pictures):
    """Put other bytes in the files without their times or sizes changing, and say which look different."""
    before = {looked.path: looked.facts for looked in Surveyor(project).look(pictures)}
    for path in pictures:
        stat = path.stat()
        path.write_bytes(bytes(stat.st_size))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return [looked.path for looked in Surveyor(project).look(pictures) if looked.facts != before[looked.path]]


def test_a_second_look_at_unchanged_files_does_not_read_them(project, pictures):
    assert measured_again(project, pictures) == []


def test_what_is_remembered_is_what_was_measured(project, pictures):
    first = Surveyor(project).look(pictures)
    assert Surveyor(project).look(pictures) == first
    assert [looked.path for looked in first] == pictures


def test_a_file_that_changes_is_looked_at_anew(project, pictures):
    Surveyor(project).look(pictures)
    Image.new("RGB", (30, 20)).save(pictures[3])
    assert Surveyor(project).look(pictures)[3].facts.size == (30, 20)


def test_facts_go_with_the_content_wherever_a_file_is_moved(project, pictures):
    Surveyor(project).look(pictures)
    moved = [path.rename(project.root / f"elsewhere_{path.name}") for path in pictures]
    kept = (project.cache / "health.jsonl").read_text()
    assert [looked.facts.size for looked in Surveyor(project).look(moved)] == [(200, 160)] * 8
    assert (project.cache / "health.jsonl").read_text() == kept


def test_a_stop_keeps_what_was_measured_and_the_next_look_goes_on(project, pictures):
    told = []
    some = Surveyor(project).look(pictures, lambda done, total, _: told.append((done, total)), lambda: len(told) == 3)
    assert len(some) == 3
    assert told == [(1, 8), (2, 8), (3, 8)]
    rest = []
    assert len(Surveyor(project).look(pictures, lambda done, total, _: rest.append(done))) == 8
    assert rest[0] > 3
    assert rest[-1] == 8


def test_an_interrupt_stops_it_and_keeps_what_was_measured(project, pictures):
    def press_stop(done, total, doing):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Surveyor(project).look(pictures, press_stop)
    assert len((project.cache / "health.jsonl").read_text().split('["')) > 3


def test_a_check_that_was_stopped_says_so(project, pictures):
    report = health.check(project, stop=lambda: True)
    assert not report.complete
    assert report.summary["pictures"] == 0
    assert health.in_words(report).startswith("Stopped")


def test_a_killed_process_loses_no_picture_that_it_measured(project, pictures):
    code = f"""
import os
from pathlib import Path
from loranb.dataset.health.survey import Surveyor
from loranb.project import Project
paths = sorted(Path({str(pictures[0].parent)!r}).iterdir())
Surveyor(Project(Path({str(project.root)!r}))).look(paths, lambda done, *_: done < 3 or os._exit(9))
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    first = []
    Surveyor(project).look(pictures, lambda done, total, _: first.append(total - done))
    kept = (project.cache / "health.jsonl").read_text().splitlines()
    assert len([line for line in kept if line.startswith("[")]) == 8  # none of the first three twice


@pytest.mark.parametrize("spoil", [lambda text: text[:-40], lambda text: text + '\n["half a li', lambda text: ""])
def test_a_memory_that_is_cut_off_costs_only_time(project, pictures, spoil):
    first = Surveyor(project).look(pictures)
    file = project.cache / "health.jsonl"
    file.write_text(spoil(file.read_text()))
    assert Surveyor(project).look(pictures) == first
    assert measured_again(project, pictures) == []


@pytest.mark.parametrize("other", ["measures", "pillow"])
def test_pictures_are_measured_anew_when_measures_or_decoders_change(project, pictures, other):
    Surveyor(project).look(pictures)
    file = project.cache / "health.jsonl"
    first, *lines = file.read_text().splitlines()
    lines = [line.replace('"width":200', '"width":999') for line in lines]
    file.write_text("\n".join([first, *lines]))
    assert Surveyor(project).look(pictures)[0].facts.width == 999
    file.write_text("\n".join([json.dumps({**json.loads(first), other: "another"}, separators=(",", ":")), *lines]))
    assert Surveyor(project).look(pictures)[0].facts.width == 200


def everything(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_written_but_in_the_hidden_folder(project, pictures):
    before = everything(project.root)
    health.check(project)
    after = everything(project.root)
    assert {path for path in after if path not in before} == set(project.cache.iterdir())
    assert before.items() <= after.items()


def test_a_folder_that_cannot_be_written_is_checked_all_the_same(project, pictures):
    project.cache.write_text("a file is in the way")
    assert health.check(project).summary["usable"] == 8
    assert project.cache.read_text() == "a file is in the way"


def test_the_same_bytes_are_measured_once_and_a_group_is_remembered(project, pictures, town):
    for number in range(5):
        (town / f"copy{number}.jpg").write_bytes(pictures[0].read_bytes())
    first = health.check(project).groups
    assert len(first.duplicates[0]) == 6
    assert health.check(project).groups == first
    (project.cache / "alike.json").write_text("{")
    assert health.check(project).groups == first
