import pytest

from loranb.dataset import captions
from loranb.panels import _platform
from loranb.panels._caption_cards import ON_A_PAGE
from loranb.panels.captions import ADVICE, BULK, TRIGGER, panel
from loranb.project import Project

HOSTILE = '<script>alert("1")</script>, &amp; \N{RIGHT-TO-LEFT OVERRIDE}"quoted", <img src=x onerror=alert(1)>'


@pytest.fixture(autouse=True)
def _plain_cards(monkeypatch):
    """The grid of core widgets, as on Kaggle; the other one is the page's own, tested in the browser."""
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")


@pytest.fixture
def shown_captions(drawn_project):
    return panel(drawn_project)


def _names(panel_):
    return [card.picture.stem for card in panel_.grid.cards]


def _card(panel_, stem):
    return next(card for card in panel_.grid.cards if card.picture.stem == stem)


def _on_disk(project):
    return {path.stem: captions.read(path) for path in sorted(project.img.rglob("*.png"))}


def _path(project, stem):
    return next(project.img.rglob(f"{stem}.png"))


def _press(panel_, part, words, action="front"):
    panel_.folds.unfold(part)
    panel_.bulk.ask(action, words)
    panel_.bulk.apply.click()


def test_each_picture_has_its_caption_beside_it(shown_captions, drawn_project):
    seen = {card.text.value.strip() for card in shown_captions.grid.cards}
    assert seen == set(_on_disk(drawn_project).values())
    assert "All 5 pictures" in shown_captions.header.count.value
    assert shown_captions.notice.value == ""


def test_a_caption_saves_itself_says_so_and_is_one_step_of_undoing(shown_captions, drawn_project):
    before = _on_disk(drawn_project)
    card = _card(shown_captions, "castle_1")
    for typed in ("a", "a castle", "a castle, by day"):
        card.text.value = typed
    assert _on_disk(drawn_project)["castle_1"] == "a castle, by day"
    assert "saved" in card.status.value
    assert "castle_1.png" in shown_captions.header.undoing.undo.description
    shown_captions.header.undoing.undo.click()
    assert _on_disk(drawn_project) == before
    shown_captions.header.undoing.redo.click()
    assert _on_disk(drawn_project)["castle_1"] == "a castle, by day"


def test_filling_a_card_writes_nothing(shown_captions, drawn_project):
    before = {path: path.stat().st_mtime_ns for path in drawn_project.img.rglob("*.txt")}
    shown_captions.find.search.value = "windmill"
    shown_captions.find.search.value = ""
    shown_captions.find.order.value = "longest first"
    assert {path: path.stat().st_mtime_ns for path in drawn_project.img.rglob("*.txt")} == before
    assert shown_captions.header.undoing.undo.disabled


def test_a_search_shows_what_fits_and_says_when_nothing_does(shown_captions):
    shown_captions.find.search.value = "windmill -1"
    assert _names(shown_captions) == ["windmill_0"]
    shown_captions.find.search.value = "<dragon>"
    assert _names(shown_captions) == []
    assert "No caption fits" in shown_captions.find.told.value
    shown_captions.find.everything.click()
    assert len(_names(shown_captions)) == 5


def test_a_search_that_makes_no_sense_is_said_to(shown_captions):
    shown_captions.find.search.value = "is:nonsense"
    assert "is:empty" in shown_captions.notice.value
    shown_captions.find.search.value = ""
    assert shown_captions.notice.value == ""


def test_a_change_to_all_is_on_disk_and_on_the_page_and_can_be_undone(shown_captions, drawn_project):
    before = _on_disk(drawn_project)
    _press(shown_captions, BULK, "zorbel")
    assert all(text.startswith("zorbel, mokuba") for text in _on_disk(drawn_project).values())
    assert _card(shown_captions, "castle_0").text.value.startswith("zorbel, mokuba")
    assert "5 captions changed" in shown_captions.notice.value
    shown_captions.header.undoing.undo.click()
    assert _on_disk(drawn_project) == before
    assert shown_captions.header.undoing.undo.disabled


def test_a_change_to_what_is_shown_or_selected_leaves_the_others(shown_captions, drawn_project):
    before = _on_disk(drawn_project)
    shown_captions.find.search.value = "windmill"
    _press(shown_captions, BULK, "mill")
    after = _on_disk(drawn_project)
    assert {name for name in after if after[name] != before[name]} == {"windmill_0", "windmill_1"}
    _card(shown_captions, "windmill_1").pick.value = True
    _press(shown_captions, BULK, "one")
    assert [name for name, text in _on_disk(drawn_project).items() if text.startswith("one, ")] == ["windmill_1"]


def test_undo_is_there_when_the_cell_is_run_again(shown_captions, drawn_project):
    before = _on_disk(drawn_project)
    _press(shown_captions, BULK, "zorbel")
    again = panel(Project.open(drawn_project.root))
    assert "zorbel" in again.header.undoing.undo.description
    again.header.undoing.undo.click()
    assert _on_disk(drawn_project) == before


def test_a_tag_of_the_list_finds_its_pictures_and_those_without_it(shown_captions):
    assert ("3  castle", "castle") in shown_captions.tags.list.options
    shown_captions.tags.list.value = ("castle",)
    assert _names(shown_captions) == ["castle_0", "castle_1", "castle_2"]
    shown_captions.tags.how.value = "none"
    assert _names(shown_captions) == ["windmill_0", "windmill_1"]
    shown_captions.find.everything.click()
    assert len(_names(shown_captions)) == 5
    assert shown_captions.tags.tags == []


def test_a_tag_is_renamed_taken_out_and_added_in_place(shown_captions, drawn_project):
    shown_captions.tags.list.value = ("castle",)
    shown_captions.tags.name.value = "tower"
    shown_captions.tags.rename.click()
    assert _on_disk(drawn_project)["castle_0"] == "mokuba, tower, number 0"
    assert shown_captions.tags.tags == ["tower"]
    assert _names(shown_captions) == ["castle_0", "castle_1", "castle_2"]
    shown_captions.tags.remove.click()
    assert _on_disk(drawn_project)["castle_0"] == "mokuba, number 0"
    shown_captions.find.show(shown_captions.find.asked)
    _card(shown_captions, "windmill_0").pick.value = True
    shown_captions.tags.list.value = ("number 1",)
    assert shown_captions.tags.add.disabled, "what is selected is not shown any more"
    shown_captions.tags.list.value = ("mokuba",)
    _card(shown_captions, "windmill_0").pick.value = True
    shown_captions.tags.add.click()
    assert _on_disk(drawn_project)["windmill_0"] == "windmill, number 0, mokuba"


def test_tags_are_counted_overall_by_subject_and_in_the_selection(shown_captions):
    def counts():
        return {tag: int(label.split()[0]) for label, tag in shown_captions.tags.list.options}

    assert counts()["mokuba"] == 5
    shown_captions.tags.where.value = "subject:windmill"
    assert counts() == {"mokuba": 2, "windmill": 2, "number 0": 1, "number 1": 1}
    shown_captions.tags.where.value = "selected"
    assert counts() == {}
    _card(shown_captions, "castle_2").pick.value = True
    assert counts() == {"mokuba": 1, "castle": 1, "number 2": 1}


def test_advice_shows_its_pictures_and_mends_what_can_be_mended(drawn_project):
    (drawn_project.img / "2_red castle" / "castle_0.txt").write_text("castle, number 0")
    before = _on_disk(drawn_project)
    shown_captions = panel(drawn_project)
    shown_captions.folds.unfold(ADVICE)
    lines = [line for line in shown_captions.advice.lines.children if "trigger" in line.text.value]
    line = next(line for line in lines if line.mend.layout.display == "")
    line.button.click()
    assert "castle_0" in _names(shown_captions)
    line.mend.click()
    assert _on_disk(drawn_project)["castle_0"].startswith("mokuba")
    shown_captions.header.undoing.undo.click()
    assert _on_disk(drawn_project) == before


def test_a_trigger_word_is_looked_at_before_any_training(shown_captions):
    shown_captions.folds.unfold(TRIGGER)
    shown_captions.trigger.word.value = "mokuba"
    shown_captions.trigger.look.click()
    assert "mo" in shown_captions.trigger.report.value
    assert "tokens" in shown_captions.trigger.report.value
    shown_captions.trigger.word.value = " , "
    shown_captions.trigger.look.click()
    assert "lb-error" in shown_captions.trigger.notice.value


def test_what_was_changed_elsewhere_is_not_written_over(shown_captions, drawn_project):
    card = _card(shown_captions, "castle_0")
    captions.write(card.picture, "written in an editor")
    card.text.value = "mine"
    assert _on_disk(drawn_project)["castle_0"] == "written in an editor"
    assert "written in an editor" in card.status.value
    card.keep.click()
    assert _on_disk(drawn_project)["castle_0"] == "mine"
    captions.write(card.picture, "once more")
    card.text.value = "mine again"
    card.take.click()
    assert (card.text.value, _on_disk(drawn_project)["castle_0"]) == ("once more", "once more")


def test_what_was_changed_elsewhere_is_seen_on_looking_again(shown_captions, drawn_project):
    captions.write(_path(drawn_project, "castle_0"), "written in an editor")
    shown_captions.find.again.click()
    assert _card(shown_captions, "castle_0").text.value == "written in an editor"


def test_a_caption_that_is_not_text_is_named_and_cannot_be_overwritten(drawn_project):
    captions.caption_file(_path(drawn_project, "windmill_0")).write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    shown_captions = panel(drawn_project)
    card = _card(shown_captions, "windmill_0")
    assert card.text.disabled
    assert "lb-wrong" in card.status.value
    assert "windmill_0" in shown_captions.header.notes.value


def test_many_pictures_are_leafed_through_and_selected(drawn_project):
    first = _path(drawn_project, "castle_0")
    for i in range(20):
        (first.parent / f"more_{i:02d}.png").write_bytes(first.read_bytes())
    shown_captions = panel(drawn_project)
    assert len(shown_captions.grid.cards) == ON_A_PAGE
    shown_captions.grid.page.click()
    assert len(shown_captions.grid.selected) == ON_A_PAGE
    shown_captions.grid.turn(1)
    shown_captions.grid.cards[0].text.value = "on the second page"
    assert sum(text == "on the second page" for text in _on_disk(drawn_project).values()) == 1
    shown_captions.grid.all.click()
    assert len(shown_captions.grid.selected) == 25
    shown_captions.grid.none.click()
    assert shown_captions.grid.selected == []


def test_a_caption_of_a_picture_that_was_moved_is_not_written_anywhere(shown_captions, drawn_project):
    folder = drawn_project.img / "1_windmill"
    folder.rename(drawn_project.img / "3_windmill")
    card = _card(shown_captions, "windmill_0")
    card.text.value = "typed"
    assert "not there any more" in card.status.value
    assert card.text.value == "typed"
    assert not folder.exists()


def test_no_text_of_a_caption_becomes_html(drawn_project):
    captions.write(_path(drawn_project, "castle_0"), HOSTILE)
    shown_captions = panel(drawn_project)
    _press(shown_captions, BULK, "<b>front</b>")
    shown_captions.bulk.ask("remove", "<b>front</b>")
    html = [
        widget.value
        for widget in _all_of(shown_captions)
        if type(widget).__name__ == "HTML" and "<style>" not in widget.value
    ]
    assert any("&lt;" in value for value in html)
    assert not any(bad in value for value in html for bad in ("<script", "<b>front", "<img src"))


def _all_of(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _all_of(child)


def test_a_project_without_pictures_says_what_to_do(tmp_path):
    assert "No pictures yet" in panel(Project.create(tmp_path / "empty")).header.count.value


def test_the_grid_of_the_page_and_the_plain_cards_show_the_same(drawn_project, monkeypatch):
    pytest.importorskip("anywidget")
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE")
    shown_captions = panel(drawn_project)
    assert shown_captions.fast
    shown_captions.find.search.value = "windmill"
    shown_captions.other_grid.click()
    assert _names(shown_captions) == ["windmill_0", "windmill_1"]


def test_on_colab_plain_cards_come_first_and_typing_waits_for_no_advice(drawn_project, monkeypatch):
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE")
    monkeypatch.setattr(_platform, "where", lambda: "colab")
    shown_captions = panel(drawn_project)
    assert not shown_captions.fast
    assert shown_captions.other_grid.description == "Show the fast grid"
    before = shown_captions.said
    _card(shown_captions, "castle_1").text.value = ""
    assert "4 of 5" in shown_captions.header.count.value
    assert shown_captions.said is before
    shown_captions.folds.unfold(ADVICE)
    assert "empty" in [remark.code for remark in shown_captions.said.remarks]
