import csv

import pytest
from PIL import Image

from loranb.dataset import curation
from loranb.dataset.edits import Box, Edit
from loranb.dataset.reader import Pictures
from loranb.dataset.training_set import collect
from loranb.errors import DatasetError
from loranb.training.run import Run


def edit(project, path, edit):
    pictures = Pictures(project)
    pictures.edits.set(pictures.content(path), edit, path.name)


@pytest.fixture
def castle(small_project):
    return small_project.img / "2_red castle" / "castle_0.png"


def made(project):
    return Run.create(project, project.settings())


def test_a_run_lists_the_pictures_that_it_was_made_from(small_project, castle):
    edit(small_project, castle, Edit(90, Box(0, 0, 64, 32)))
    run = made(small_project)
    assert run.images() == list(collect(small_project.img).images)
    assert [image.content for image in run.images()] == [
        Pictures(small_project).content(image.path) for image in run.images()
    ]
    assert run.leave_out() == ""


def test_a_caption_of_several_lines_keeps_them(small_project, castle):
    castle.with_suffix(".txt").write_text('a, castle\n\n  the  castle, quoted "so"\n')
    image = next(image for image in made(small_project).images() if image.path == castle)
    assert image.caption == 'a, castle the castle, quoted "so"'
    assert image.lines == ("a, castle", 'the castle, quoted "so"')


def test_what_is_edited_later_changes_nothing_in_a_run(small_project, castle):
    edit(small_project, castle, Edit(90, Box(0, 0, 64, 32)))
    run = made(small_project)
    before = run.images()
    edit(small_project, castle, Edit())
    assert Run(run.folder).images() == before
    assert run.leave_out() == ""


def test_a_run_of_before_there_were_edits_is_read(small_project, castle):
    run = made(small_project)
    before = run.images()
    old = ("path", "sha256", "width", "height", "bucket", "repeats", "caption", "folder")
    rows = list(csv.DictReader((run.folder / "images.csv").open()))
    with (run.folder / "images.csv").open("w") as file:
        table = csv.DictWriter(file, old, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    assert Run(run.folder).images() == before
    castle.unlink()
    assert "castle_0.png" in run.leave_out()
    assert len(run.images()) == len(before) - 1


def test_pictures_that_cannot_be_used_are_named_in_the_run(small_project, castle):
    castle.write_bytes(castle.read_bytes()[:300])
    run = made(small_project)
    assert len(run.images()) == 4
    assert run.leave_out().startswith("1 picture is left out: castle_0.png cannot be read")
    assert "castle_0.png cannot be read" in (run.folder / "images.csv").read_text()


def test_of_very_many_bad_pictures_the_first_are_named(small_project, castle):
    for number in range(30):
        (castle.parent / f"bad_{number}.png").touch()
    said = made(small_project).leave_out()
    assert said.startswith("30 pictures are left out: ")
    assert said.count(" is empty ") == 10
    assert said.endswith("And 20 more, named in images.csv.")


@pytest.mark.parametrize("what", ["deleted", "discarded", "changed", "cut off"])
def test_what_becomes_unusable_before_training_is_left_out_and_named(small_project, castle, what):
    run = made(small_project)
    if what == "deleted":
        castle.unlink()
    elif what == "discarded":
        curation.discard(castle, small_project.discarded)
    elif what == "changed":
        Image.new("RGB", (64, 64)).save(castle)
    else:
        castle.write_bytes(castle.read_bytes()[:300])
    assert "castle_0.png" in run.leave_out()
    assert [image.path for image in run.images()] == [p for p in _pictures(small_project) if p != castle]
    assert Run(run.folder).leave_out() == run.leave_out()  # it stays so, and is said again


def _pictures(project):
    return sorted(project.img.rglob("*.png"), key=lambda path: (path.parent.name, path.name))


def test_a_run_that_has_taken_steps_keeps_its_pictures(small_project, castle):
    run = made(small_project)
    run.state_file.parent.mkdir()
    run.state_file.touch()
    before = run.images()
    castle.unlink()
    assert run.leave_out() == ""
    assert run.images() == before


def test_a_run_is_not_made_where_no_picture_can_be_used(small_project):
    for path in _pictures(small_project):
        path.write_bytes(b"")
    with pytest.raises(DatasetError, match="No picture of this project can be used"):
        made(small_project)
    assert small_project.runs() == []
