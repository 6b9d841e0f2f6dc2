import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from loranb.dataset.edits import Box, Edit
from loranb.dataset.health.report import check
from loranb.demo.scenes import doodle
from loranb.panels import _platform, images
from loranb.panels._entries import COPIES, EDITED, OUT
from loranb.panels._health_view import headings, verdict
from loranb.panels.images import panel
from loranb.project import Project
from loranb.settings import Settings


@pytest.fixture
def bad(drawn_project):
    path = drawn_project.img / "1_windmill" / "cut <off>.jpg"
    path.write_bytes(b"\xff\xd8 no picture")
    return path


@pytest.fixture
def mixed(tmp_path):
    """A picture with bars, a copy of it that is smaller, a wide one, and a square one of another subject."""
    settings = Settings.preset("demo").assign_all({"dataset.resolution": 64, "dataset.bucket_step": 16})
    project = Project.create(tmp_path / "mixed", settings)
    tower, boat = project.img / "3_tower", project.img / "1_boat"
    tower.mkdir()
    boat.mkdir()
    barred = Image.new("RGB", (160, 160))
    barred.paste(doodle(1, (160, 100)), (0, 30))
    barred.save(tower / "barred.png")
    doodle(2, (200, 200)).save(tower / "large.png")
    doodle(2, (200, 200)).resize((120, 120)).save(tower / "lesser.png")
    doodle(3, (160, 80)).save(tower / "wide.png")
    doodle(4, (96, 96)).save(boat / "square.png")
    return project


def _cards(images):
    return [card for card in images.grid.children[1].children if card.layout.display != "none"]


def _names(images):
    return [card.entry.path.name for card in _cards(images)]


def _card(images, name):
    return next(card for card in _cards(images) if card.entry.path.name == name)


def _select(images, *names):
    for name in names:
        _card(images, name).pick.value = True


def _line(images, code):
    lines = [*images.health.lines.children, *images.health.minor.children]
    return next(line for line in lines if line.heading.code == code)


def _row(images, words):
    return next(row for row in images.subjects.rows.children if row.subject.words == words)


def _bytes(project):
    return sorted(path.read_bytes() for path in project.img.rglob("*.*"))


# what is seen


def test_the_verdict_says_how_far_the_pictures_are(drawn_project, bad):
    report = check(drawn_project)
    assert verdict(report, 6, 2).startswith("6 pictures in 2 subjects, 1 cannot be read and will be left out; 5 are")
    assert verdict(report, 9, 2) == "9 pictures in 2 subjects; 6 looked at so far."
    only_bad = replace(report, pictures=tuple(p for p in report.pictures if not p.usable))
    assert "none of which can be read" in verdict(only_bad, 1, 1)
    assert "Add pictures" in verdict(report, 0, 0)


def test_every_picture_is_shown_the_unreadable_first_and_by_name(drawn_project, bad):
    shown = panel(drawn_project)
    assert len(_cards(shown)) == 6
    first = _cards(shown)[0]
    assert "cut &lt;off&gt;.jpg" in first.text.value
    assert "<off>" not in first.text.value
    assert "lb-card-bad" in first._dom_classes
    assert "lb-card-bad" not in _cards(shown)[1]._dom_classes
    assert "1 cannot be read" in shown.health.verdict.value


def test_an_empty_project_says_what_to_do(tmp_path):
    shown = panel(Project.create(tmp_path / "empty"))
    assert "Open Add pictures" in shown.health.verdict.value
    assert shown.add.selected_index == 0
    assert shown.curating.layout.display == "none"
    assert _cards(shown) == []


def test_findings_are_headed_the_worst_first_with_what_to_do(drawn_project, bad):
    told = headings(check(drawn_project))
    ranks = ["error", "warning", "info"]
    assert [ranks.index(line.severity) for line in told] == sorted(ranks.index(line.severity) for line in told)
    line = _line(panel(drawn_project), told[0].code)
    assert line.button.description == "1"
    assert "left out" in line.text.value
    assert "discard it" in line.text.value


def test_a_finding_is_pressed_to_see_its_pictures(mixed):
    shown = panel(mixed)
    _line(shown, "borders").button.click()
    assert _names(shown) == ["barred.png"]
    assert "borders" in _cards(shown)[0].text.value


def test_pictures_are_narrowed_by_subject_and_name_and_sorted_by_size(mixed):
    shown = panel(mixed)
    shown.bar.subject.value = "tower"
    assert "square.png" not in _names(shown)
    shown.bar.order.value = "Largest first"
    assert _names(shown) == ["large.png", "barred.png", "lesser.png", "wide.png"]
    shown.bar.order.value = "Smallest first"
    assert _names(shown) == ["wide.png", "lesser.png", "barred.png", "large.png"]
    shown.bar.words.value = " LARGE"
    assert _names(shown) == ["large.png"]


def test_the_kind_of_lora_changes_what_is_said_and_is_remembered(mixed):
    shown = panel(mixed)
    shown.health.kind.value = "face"
    assert _line(shown, "not_square").heading.pictures == 1
    again = panel(mixed)
    assert again.health.kind.value == "face"
    assert "portraits" in again.health.advice.value
    assert _line(again, "not_square")


# pictures are added


def test_a_folder_is_added_and_its_originals_stay(drawn_project, tmp_path):
    source = tmp_path / "mine"
    source.mkdir()
    doodle(7, (300, 300)).save(source / "tower.png")
    (source / "notes.pdf").write_text("x")
    shown = panel(drawn_project)
    shown.adding.subject.value, shown.adding.kind.value = "mokuba", "tower"
    shown.adding.repeats.value, shown.adding.source.value = "7", f" '{source}' "
    shown.adding.button.click()
    assert (drawn_project.img / "7_mokuba tower" / "tower.png").exists()
    assert (source / "tower.png").exists()
    assert "notes.pdf" in shown.adding.notice.value
    assert len(shown.subjects.rows.children) == 3
    assert _card(shown, "tower.png")


def test_blank_words_and_repeats_are_those_of_the_folders(drawn_project, tmp_path):
    source = tmp_path / "pile" / "4_old boat"
    source.mkdir(parents=True)
    doodle(7, (90, 90)).save(source / "boat.png")
    shown = panel(drawn_project)
    shown.adding.source.value = str(tmp_path / "pile")
    shown.adding.button.click()
    assert (drawn_project.img / "4_old boat" / "boat.png").exists()


def test_files_that_were_uploaded_are_added(drawn_project, tmp_path):
    doodle(7, (90, 90)).save(tmp_path / "up.png")
    (tmp_path / "up.txt").write_text("a boat")
    shown = panel(drawn_project)
    shown.adding.subject.value = "windmill"
    shown.adding._arrived([tmp_path / "up.png", tmp_path / "up.txt"])
    assert (drawn_project.img / "1_windmill" / "up.png").exists()
    assert (drawn_project.img / "1_windmill" / "up.txt").read_text() == "a boat"
    assert _card(shown, "up.png")


@pytest.mark.parametrize(
    ("subject", "repeats", "source", "said"),
    [
        ("castle", "", "", "No pictures are given"),
        ("castle", "", "/no/such.zip", "There is no such"),
        ("castle", "many", "/", "whole number"),
        ("castle", "0", "/", "from 1 to"),
    ],
)
def test_what_is_missing_is_said(drawn_project, subject, repeats, source, said):
    shown = panel(drawn_project)
    shown.adding.subject.value, shown.adding.source.value, shown.adding.repeats.value = subject, source, repeats
    shown.adding.button.click()
    assert said in shown.adding.notice.value
    assert shown.adding.source.value == source
    assert not shown.adding.button.disabled


# subjects


def test_repeats_are_changed_in_the_folders_name(drawn_project):
    shown = panel(drawn_project)
    row = _row(shown, "windmill")
    row.repeats.value = 5
    assert len(list((drawn_project.img / "5_windmill").glob("*.png"))) == 2
    assert not (drawn_project.img / "1_windmill").exists()
    assert "10 an epoch" in row.sum.value
    assert len(_cards(shown)) == 5


def test_a_subject_is_renamed_by_writing_over_its_name(drawn_project):
    shown = panel(drawn_project)
    _row(shown, "windmill").name.value = "old mill"
    assert (drawn_project.img / "1_old mill" / "windmill_0.txt").exists()
    _row(shown, "old mill").name.value = "red castle"
    assert "Move the pictures" in shown.subjects.notice.value
    assert _row(shown, "old mill").name.value == "old mill"


def test_subjects_are_balanced_at_one_press(drawn_project):
    shown = panel(drawn_project)
    _row(shown, "windmill").repeats.value = 50
    shown.subjects.balance.click()
    shares = [row.subject.repeats * len(row.subject.pictures()) for row in shown.subjects.rows.children]
    assert max(shares) <= 1.1 * min(shares)
    assert shown.subjects.balance.layout.display == "none"


# what is selected


def test_a_page_all_or_none_are_selected(mixed, monkeypatch):
    monkeypatch.setattr(images, "ON_A_PAGE", 2)
    shown = panel(mixed)
    shown.selecting.page.click()
    assert [card.pick.value for card in _cards(shown)] == [True, True]
    assert "<b>2</b> of 5" in shown.selecting.told.value
    shown.grid.turn(1)
    assert [card.pick.value for card in _cards(shown)] == [False, False]
    shown.selecting.all.click()
    assert len(shown.selected) == 5
    shown.selecting.none.click()
    assert not shown.selected
    assert shown.doing.out.disabled


def test_what_is_not_shown_any_more_is_not_selected(mixed):
    shown = panel(mixed)
    shown.selecting.all.click()
    shown.bar.subject.value = "boat"
    shown.bar.subject.value = ""
    assert [path.name for path in shown.selected] == ["square.png"]


# what is done and undone


def test_a_picture_is_taken_out_with_its_caption_and_put_back(drawn_project):
    before = _bytes(drawn_project)
    shown = panel(drawn_project)
    _card(shown, "castle_1.png").button.click()
    assert len(_cards(shown)) == 4
    assert (drawn_project.discarded / "2_red castle" / "castle_1.txt").exists()
    shown.bar.view.value = OUT
    assert _names(shown) == ["castle_1.png"]
    _cards(shown)[0].button.click()
    assert len(_cards(shown)) == 5
    assert _bytes(drawn_project) == before


def test_what_was_taken_out_is_undone_by_a_panel_that_is_built_anew(drawn_project):
    before = _bytes(drawn_project)
    shown = panel(drawn_project)
    _select(shown, "castle_0.png", "windmill_1.png")
    shown.doing.out.click()
    again = panel(drawn_project)
    assert len(_cards(again)) == 3
    assert again.undoing.undo.description == "Undo: 2 pictures taken out"
    again.undoing.undo.click()
    assert len(_cards(again)) == 5
    assert _bytes(drawn_project) == before
    again.undoing.redo.click()
    assert len(_cards(again)) == 3


def test_selected_pictures_are_moved_to_another_subject(mixed):
    shown = panel(mixed)
    _select(shown, "wide.png")
    shown.doing.target.value = str(mixed.img / "1_boat")
    assert (mixed.img / "1_boat" / "wide.png").exists()
    assert not shown.doing.target.value
    assert "1_boat" in shown.notice.value


def test_the_best_of_copies_is_kept_and_the_rest_taken_out(mixed):
    shown = panel(mixed)
    shown.bar.view.value = COPIES
    assert _names(shown) == ["large.png", "lesser.png"]
    shown.doing.best.click()
    assert not (mixed.img / "3_tower" / "lesser.png").exists()
    assert (mixed.img / "3_tower" / "large.png").exists()


@pytest.mark.parametrize(
    ("button", "name", "edit"),
    [
        ("left", "wide.png", Edit(270)),
        ("right", "wide.png", Edit(90)),
        ("trim", "barred.png", Edit(0, Box(0, 30, 160, 130))),
    ],
)
def test_selected_pictures_are_edited_and_their_files_stay(mixed, button, name, edit):
    before = _bytes(mixed)
    shown = panel(mixed)
    _select(shown, name)
    getattr(shown.doing, button).click()
    path = mixed.img / "3_tower" / name
    found = shown.pictures.edit(path)
    assert found.turn == edit.turn
    upright = shown.pictures.upright_size(path)
    sides = zip(found.size(upright), edit.size(upright), strict=True)
    assert all(0 <= wanted - side <= 2 for side, wanted in sides)  # borders are found to a pixel at each end
    assert "edited" in _card(shown, name).text.value
    assert shown.selected == {path}
    assert _bytes(mixed) == before
    shown.doing.clear.click()
    assert not shown.pictures.edit(path)


def test_a_square_is_as_large_as_the_picture_allows(mixed):
    shown = panel(mixed)
    _select(shown, "wide.png", "square.png")
    shown.doing.square.click()
    assert shown.pictures.size(mixed.img / "3_tower" / "wide.png") == (80, 80)
    assert not shown.pictures.edit(mixed.img / "1_boat" / "square.png")
    shown.bar.view.value = EDITED
    assert _names(shown) == ["wide.png"]


def test_nothing_to_change_is_said(mixed):
    shown = panel(mixed)
    _select(shown, "square.png")
    shown.doing.trim.click()
    assert "Nothing to change" in shown.notice.value
    assert shown.undoing.undo.disabled


def test_a_picture_that_is_gone_is_said_to_be(drawn_project):
    shown = panel(drawn_project)
    card = _card(shown, "castle_1.png")
    card.entry.path.unlink()
    card.button.click()
    assert "not there any more" in shown.notice.value


def test_a_picture_is_cropped_by_hand(mixed):
    shown = panel(mixed)
    _card(shown, "wide.png").crop.click()
    assert shown.grid_view.layout.display == "none"
    shown.editor.across.value = (10, 110)
    shown.editor.apply.click()
    path = mixed.img / "3_tower" / "wide.png"
    assert shown.pictures.edit(path) == Edit(0, Box(10, 0, 110, 80))
    assert shown.editor.layout.display == "none"
    assert "100 × 80" in _card(shown, "wide.png").text.value


def test_apply_next_opens_the_picture_after(mixed):
    shown = panel(mixed)
    shown.bar.order.value = "Name"
    _card(shown, "barred.png").crop.click()
    shown.editor.right.click()
    shown.editor.apply_next.click()
    assert shown.editor.path.name == "large.png"
    assert shown.pictures.edit(mixed.img / "3_tower" / "barred.png") == Edit(90)


def test_cancel_changes_nothing(mixed):
    shown = panel(mixed)
    _card(shown, "wide.png").crop.click()
    shown.editor.right.click()
    shown.editor.cancel.click()
    assert not shown.pictures.edit(mixed.img / "3_tower" / "wide.png")
    assert shown.undoing.undo.disabled


# looking goes on beside other work


def _many(project, count):
    for number in range(count):
        doodle(100 + number, (64, 64)).save(project.img / "2_red castle" / f"more_{number:02}.png")


def test_the_panel_is_there_before_all_pictures_are_looked_at(drawn_project, monkeypatch):
    monkeypatch.setattr(images, "AT_ONCE", 0.0)
    _many(drawn_project, 12)

    async def in_a_notebook():
        shown = panel(drawn_project)
        assert len(_cards(shown)) == 17
        assert not shown.report.complete
        for _ in range(200):
            if shown.report.complete:
                break
            await asyncio.sleep(0.05)
        return shown

    shown = asyncio.run(in_a_notebook())
    assert shown.report.complete
    assert shown.health.stop.layout.display == "none"
    assert "64 × 64" in _card(shown, "more_00.png").text.value


def test_where_the_page_shows_nothing_from_the_background_the_rest_is_looked_at_when_asked(drawn_project, monkeypatch):
    monkeypatch.setattr(images, "AT_ONCE", 0.0)
    monkeypatch.setattr(_platform, "background_updates_arrive", lambda: False)

    async def on_colab():
        shown = panel(drawn_project)
        assert not shown.report.complete
        assert shown.health.again.description == "Look at the rest"
        shown.health.again.click()
        return shown

    assert asyncio.run(on_colab()).report.complete


def test_what_was_looked_at_before_a_stop_is_kept(drawn_project, monkeypatch):
    monkeypatch.setattr(images, "AT_ONCE", 30.0)
    monkeypatch.setattr(images, "AFTER", 0.0)

    async def stopped():
        shown = panel(drawn_project)
        _many(drawn_project, 30)
        shown.refresh()
        shown.health.stop.click()
        while shown.looker.running:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        return shown

    shown = asyncio.run(stopped())
    assert not shown.report.complete
    assert len(shown.report.pictures) >= 5
    assert shown.health.again.description == "Look at the rest"
    shown.health.again.click()
    assert shown.report.complete


def test_no_picture_is_read_for_what_is_known(drawn_project, monkeypatch):
    panel(drawn_project)
    opened = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: opened.append(self) or real(self))
    panel(drawn_project)
    assert not [path for path in opened if drawn_project.img in path.parents and path.suffix == ".png"]


def test_a_panel_of_a_cell_that_is_run_again_ends_the_look_of_the_former(drawn_project):
    from loranb.panels._looking import Looking

    _many(drawn_project, 30)
    first = Looking(drawn_project, "")
    second = Looking(drawn_project, "")
    first.wait(30)
    second.wait(30)
    assert first._stop.is_set()
    assert second.report.complete


def test_what_goes_wrong_in_the_background_is_read_in_the_panel(drawn_project):
    shown = panel(drawn_project)
    drawn_project.edits_file.mkdir()
    shown.health.again.click()
    assert "cannot be used" in shown.notice.value


def test_when_all_are_taken_out_it_says_so_and_where_they_are(mixed):
    images = panel(mixed)
    images._select("shown")
    images.doing.out.click()
    assert "all 5 are taken out" in images.health.verdict.value
    images.bar.show(OUT)
    images._select("shown")
    images.doing.back.click()
    assert "5 pictures in 2 subjects" in images.health.verdict.value


def test_what_is_pressed_while_something_is_done_waits_for_its_end(mixed):
    images, began, order = panel(mixed), threading.Event(), []

    def slow():
        began.set()
        time.sleep(0.2)
        order.append("first")

    first = threading.Thread(target=images._guarded(slow))
    first.start()
    began.wait(5)
    images._guarded(lambda: order.append("second"))()
    first.join()
    assert order == ["first", "second"]
