import pytest

from loranb.dataset import captions
from loranb.panels._caption_tools import ALL, SHOWN
from loranb.panels.captions import ON_A_PAGE, panel
from loranb.settings import Settings


@pytest.fixture
def shown_captions(drawn_project):
    return panel(drawn_project)


def _cards(panel_):
    return [card for card in panel_.grid.children[1].children if card.layout.display != "none"]


def _card(panel_, name):
    return next(card for card in _cards(panel_) if name in card.name.value)


def _on_disk(project):
    return {path.stem: captions.read(path) for path in sorted(project.img.rglob("*.png"))}


def test_each_picture_has_its_caption_beside_it(shown_captions, drawn_project):
    seen = {card.text.value for card in _cards(shown_captions)}
    assert seen == set(_on_disk(drawn_project).values())
    assert "3 tags" in _cards(shown_captions)[0].status.value
    assert "All 5 pictures" in shown_captions.count.value


def test_a_caption_saves_itself_and_says_so(shown_captions, drawn_project):
    card = _card(shown_captions, "castle_1.png")
    card.text.value = "a castle, by day"
    assert _on_disk(drawn_project)["castle_1"] == "a castle, by day"
    assert "saved" in card.status.value
    assert "2 tags" in card.status.value


def test_filling_a_card_writes_nothing(shown_captions, drawn_project):
    before = {path: path.stat().st_mtime_ns for path in drawn_project.img.rglob("*.txt")}
    shown_captions.search.value = "windmill"
    shown_captions.search.value = ""
    shown_captions.order.value = "longest first"
    assert {path: path.stat().st_mtime_ns for path in drawn_project.img.rglob("*.txt")} == before
    assert shown_captions.store.can_undo == ""


def test_a_search_shows_what_fits_and_says_when_nothing_does(shown_captions):
    shown_captions.search.value = "windmill -1"
    assert len(_cards(shown_captions)) == 1
    shown_captions.search.value = "<dragon>"
    assert _cards(shown_captions) == []
    assert "No caption fits &lt;dragon&gt;" in shown_captions.notice.value


@pytest.mark.parametrize(
    ("action", "words", "by", "first"),
    [
        ("front", "new", "", "new, mokuba, castle, number 0"),
        ("end", "new", "", "mokuba, castle, number 0, new"),
        ("remove", "castle", "", "mokuba, number 0"),
        ("replace", "castle", "tower", "mokuba, tower, number 0"),
    ],
)
def test_a_change_to_all_is_on_disk_and_on_the_page_and_can_be_undone(
    shown_captions, drawn_project, action, words, by, first
):
    before, tools = _on_disk(drawn_project), shown_captions.bulk
    tools.action.value, tools.words.value, tools.by.value, tools.scope.value = action, words, by, ALL
    tools.apply.click()
    assert _on_disk(drawn_project)["castle_0"] == first
    assert _card(shown_captions, "castle_0.png").text.value == first
    tools.undo.click()
    assert _on_disk(drawn_project) == before
    assert _card(shown_captions, "castle_0.png").text.value == before["castle_0"]
    assert tools.undo.disabled


def test_a_change_to_the_shown_leaves_the_others(shown_captions, drawn_project):
    before, tools = _on_disk(drawn_project), shown_captions.bulk
    shown_captions.search.value = "windmill"
    tools.action.value, tools.words.value, tools.scope.value = "front", "new", SHOWN
    tools.apply.click()
    after = _on_disk(drawn_project)
    assert {name for name in after if after[name] != before[name]} == {"windmill_0", "windmill_1"}
    assert "2 captions changed" in tools.notice.value


def test_the_trigger_word_comes_first_in_all(shown_captions, drawn_project):
    shown_captions.bulk.trigger.value = "zorbel"
    shown_captions.bulk.put_trigger.click()
    shown_captions.bulk.put_trigger.click()
    assert all(text.startswith("zorbel, mokuba") for text in _on_disk(drawn_project).values())


def test_a_change_without_words_says_what_is_missing(shown_captions):
    shown_captions.bulk.apply.click()
    assert "No tag is given" in shown_captions.bulk.notice.value


def test_a_tag_of_the_list_finds_its_pictures_and_can_be_chosen_again(shown_captions):
    listed = dict(shown_captions.tag_list.options)
    assert listed["castle  (3)"] == "castle"
    assert shown_captions.tag_list.index is None
    for _ in range(2):
        shown_captions.tag_list.value = "castle"
        assert len(_cards(shown_captions)) == 3
        shown_captions.search.value = ""
        assert len(_cards(shown_captions)) == 5


def test_a_captioner_captions_only_pictures_without_a_caption(drawn_project):
    pytest.importorskip("onnxruntime")
    bare = drawn_project.img / "1_windmill" / "windmill_0.png"
    captions.caption_file(bare).unlink()
    (bare.parent / "cut_off.jpg").write_bytes(b"\xff\xd8")
    before = _on_disk(drawn_project)
    shown_captions = panel(drawn_project)
    assert "4 of 6 captioned" in shown_captions.count.value
    auto = shown_captions.auto
    auto.name.value, auto.source.value = "wd14", "demo"
    auto.button.click()
    after = _on_disk(drawn_project)
    assert {name for name in after if after[name] != before[name]} == {"windmill_0"}
    assert _card(shown_captions, "windmill_0.png").text.value == after["windmill_0"] != ""
    assert "Not captioned: cut_off.jpg" in auto.notice.value
    shown_captions.bulk.undo.click()
    assert not captions.caption_file(bare).exists()


def test_a_captioner_that_cannot_be_loaded_is_said_to_be(drawn_project):
    captions.caption_file(drawn_project.img / "1_windmill" / "windmill_0.png").unlink()
    shown_captions = panel(drawn_project)
    shown_captions.auto.name.value, shown_captions.auto.source.value = "wd14", "/no/such/model"
    shown_captions.auto.button.click()
    assert "lb-error" in shown_captions.auto.notice.value
    assert "Traceback" not in shown_captions.auto.notice.value
    assert shown_captions.auto.progress.layout.display == "none"


def test_only_the_demo_project_proposes_the_demo_tagger(drawn_project):
    assert panel(drawn_project).auto.source.value == "demo"
    Settings().save(drawn_project.settings_file)
    assert panel(drawn_project).auto.source.value == ""


def test_a_caption_that_is_not_text_is_named_and_cannot_be_overwritten(drawn_project):
    file = captions.caption_file(drawn_project.img / "1_windmill" / "windmill_0.png")
    file.write_bytes(b"\xff\xfe\x00")
    card = _card(panel(drawn_project), "windmill_0.png")
    assert "UTF-8" in card.status.value
    assert card.text.disabled


def test_many_pictures_are_leafed_through(drawn_project):
    first = drawn_project.img / "2_red castle" / "castle_0.png"
    for i in range(20):
        (first.parent / f"more_{i:02d}.png").write_bytes(first.read_bytes())
    shown_captions = panel(drawn_project)
    assert len(_cards(shown_captions)) == ON_A_PAGE
    shown_captions.grid.turn(1)
    card = _cards(shown_captions)[0]
    card.text.value = "on the second page"
    assert sum(text == "on the second page" for text in _on_disk(drawn_project).values()) == 1


def test_what_was_changed_elsewhere_is_seen_on_looking_again_and_undo_is_kept(shown_captions, drawn_project):
    _card(shown_captions, "castle_1.png").text.value = "mine"
    captions.write(drawn_project.img / "2_red castle" / "castle_0.png", "written in an editor")
    shown_captions.again.click()
    assert _card(shown_captions, "castle_0.png").text.value == "written in an editor"
    assert not shown_captions.bulk.undo.disabled


def test_a_caption_of_a_picture_that_was_moved_is_not_written_anywhere(shown_captions, drawn_project):
    folder = drawn_project.img / "1_windmill"
    folder.rename(drawn_project.img / "3_windmill")
    card = _card(shown_captions, "windmill_0.png")
    card.text.value = "typed"
    assert "not there any more" in card.status.value
    assert card.text.value == "typed"
    assert not folder.exists()


def test_a_project_without_pictures_says_what_to_do(tmp_path):
    from loranb.project import Project

    assert "No pictures yet" in panel(Project.create(tmp_path / "empty")).count.value
