from datetime import UTC, datetime

import pytest
from PIL import Image

from loranb.dataset.images import Picture
from loranb.panels.images import ALL, TAKEN_OUT, WITH_REMARKS, panel, verdict


@pytest.fixture
def bad(drawn_project):
    path = drawn_project.img / "1_windmill" / "cut <off>.jpg"
    path.write_bytes(b"\xff\xd8 no picture")
    return path


def _cards(images):
    return [card for card in images.grid.children[1].children if card.layout.display != "none"]


def _card(images, name):
    return next(card for card in _cards(images) if card.picture.path.name == name)


def test_the_verdict_says_how_far_the_pictures_are():
    good, bad = Picture("a.jpg", 9, 9), Picture("b.jpg", problem="b.jpg is empty.")
    assert verdict([good], 1) == "1 picture in 1 subject, ready for captions."
    assert verdict([good, good, bad], 2).startswith("3 pictures in 2 subjects, 1 cannot be read")
    assert "none of which" in verdict([bad], 1)
    assert "press Add" in verdict([], 0)


def test_every_picture_is_shown_the_unreadable_first_and_by_name(drawn_project, bad):
    images = panel(drawn_project)
    assert len(_cards(images)) == 6
    first = _cards(images)[0]
    assert "cut &lt;off&gt;.jpg cannot be read" in first.text.value
    assert "lb-card-bad" in first._dom_classes
    assert "lb-card-bad" not in _cards(images)[1]._dom_classes
    assert "1 cannot be read" in images.verdict.value


def test_a_folder_is_added_and_its_originals_stay(drawn_project, tmp_path):
    source = tmp_path / "mine"
    source.mkdir()
    Image.new("RGB", (300, 300)).save(source / "tower.png")
    (source / "notes.pdf").write_text("x")
    images = panel(drawn_project)
    images.adding.subject.value, images.adding.kind.value = "mokuba", "tower"
    images.adding.repeats.value, images.adding.path.value = 7, f" '{source}' "
    images.adding.button.click()
    assert (drawn_project.img / "7_mokuba tower" / "tower.png").exists()
    assert (source / "tower.png").exists()
    assert "notes.pdf" in images.adding.notice.value
    assert len(images.subjects.children) == 3
    assert _card(images, "tower.png")


def test_uploaded_files_are_added(drawn_project, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "up.png")
    content = (tmp_path / "up.png").read_bytes()
    images = panel(drawn_project)
    upload = images.adding.upload
    if isinstance(upload.value, dict):  # ipywidgets 7
        upload.metadata, upload.data = [{"name": "../up.png"}], [content]
        upload._counter += 1
    else:
        now = datetime.now(UTC)
        upload.value = (
            {
                "name": "../up.png",
                "type": "",
                "size": 1,
                "content": memoryview(content),
                "last_modified": now,
            },
        )
    images.adding.subject.value = "windmill"
    images.adding.repeats.value = 1
    images.adding.button.click()
    assert (drawn_project.img / "1_windmill" / "up.png").exists()
    assert not upload.value


@pytest.mark.parametrize(
    ("subject", "path", "said"),
    [
        ("", "/", "No subject"),
        ("castle", "", "No pictures are given"),
        ("castle", "/no/such.zip", "There is no such"),
    ],
)
def test_what_is_missing_is_said(drawn_project, subject, path, said):
    images = panel(drawn_project)
    images.adding.subject.value, images.adding.path.value = subject, path
    images.adding.button.click()
    assert said in images.adding.notice.value
    assert images.adding.path.value == path


def test_repeats_are_changed_in_the_folders_name(drawn_project):
    images = panel(drawn_project)
    row = next(row for row in images.subjects.children if row.subject.words == "windmill")
    row.repeats.value = 5
    assert len(list((drawn_project.img / "5_windmill").glob("*.png"))) == 2
    assert not (drawn_project.img / "1_windmill").exists()
    assert "10 an epoch" in row.sum.value
    assert len(_cards(images)) == 5


def test_a_picture_is_taken_out_with_its_caption_and_put_back(drawn_project):
    before = sorted(path.read_bytes() for path in drawn_project.img.rglob("*.*"))
    images = panel(drawn_project)
    _card(images, "castle_1.png").button.click()
    assert len(_cards(images)) == 4
    assert (drawn_project.discarded / "2_red castle" / "castle_1.txt").exists()
    images.view.value = TAKEN_OUT
    assert [card.picture.path.name for card in _cards(images)] == ["castle_1.png"]
    _cards(images)[0].button.click()
    assert images.view.value == ALL
    assert len(_cards(images)) == 5
    assert sorted(path.read_bytes() for path in drawn_project.img.rglob("*.*")) == before


def test_a_picture_that_is_gone_is_said_to_be(drawn_project):
    images = panel(drawn_project)
    card = _card(images, "castle_1.png")
    card.picture.path.unlink()
    card.button.click()
    assert "not there any more" in images.notice.value


def test_views_show_a_subject_or_what_is_to_be_looked_at(drawn_project, bad):
    Image.new("RGB", (400, 400)).save(drawn_project.img / "1_windmill" / "large.png")
    images = panel(drawn_project)
    images.view.value = "subject windmill"
    assert {card.picture.path.parent.name for card in _cards(images)} == {"1_windmill"}
    images.view.value = WITH_REMARKS
    assert "large.png" not in [card.picture.path.name for card in _cards(images)]


def test_the_panel_can_be_built_anew_at_any_time(drawn_project):
    _card(panel(drawn_project), "castle_1.png").button.click()
    assert len(_cards(panel(drawn_project))) == 4


def test_pictures_that_have_not_changed_are_not_read_again(drawn_project, monkeypatch):
    images = panel(drawn_project)
    read = []
    monkeypatch.setattr("loranb.panels.images.scan", lambda paths: read.extend(paths) or [])
    images.again.click()
    assert read == []


def test_an_empty_project_says_what_to_do(tmp_path):
    from loranb.project import Project

    images = panel(Project.create(tmp_path / "empty"))
    assert "press Add" in images.verdict.value
    assert _cards(images) == []
