"""The kernel's side of the caption grid, asked as its page asks."""

import pytest
from PIL import Image

from loranb.dataset import captions
from loranb.panels._caption_desk import CaptionDesk
from loranb.panels._caption_grid import CaptionGrid


class Spoken(CaptionGrid):
    """Keeps what is sent to the page."""

    def __init__(self, desk):
        self.said, self.number = [], 0
        super().__init__(desk)
        self.show(desk.store.pictures)

    def send(self, content, buffers=None):
        self.said.append((content, list(buffers or [])))

    def ask(self, do, number=None, **content):
        """Do what the page does, and give the answer."""
        self.number = number or self.number + 1
        self._handle_custom_msg({"do": do, "number": self.number, **content}, [])
        return next(said for said, _ in reversed(self.said) if said.get("number") == self.number)

    def save(self, picture, caption, base=None, continues=False, number=None):
        base = captions.text(picture) if base is None else base
        id_ = self._number(picture)
        return self.ask("save", number, id=id_, caption=caption, base=base, continues=continues)


@pytest.fixture
def desk(drawn_project):
    return CaptionDesk(drawn_project)


@pytest.fixture
def grid(desk):
    return Spoken(desk)


def _picture(desk, name):
    return next(picture for picture in desk.store.pictures if picture.name == name)


def test_a_card_says_all_that_is_shown_of_a_picture(grid, desk):
    (card,) = grid.ask("cards", ids=[grid.order[0]])["cards"]
    assert (card["name"], card["subject"]) == ("windmill_0.png", "windmill")
    assert card["text"] == captions.text(_picture(desk, "windmill_0.png"))
    assert not card["sentence"]
    assert not card["problem"]


def test_a_card_counts_tokens_as_clip_does_and_says_what_is_cut_off(grid, desk):
    picture = _picture(desk, "castle_1.png")
    card = grid.save(picture, "a photo of a cat")["card"]
    assert (card["tokens"], card["limit"], card["cut"]) == (5, 75, "")  # 320 1125 539 320 2368, as published with CLIP
    card = grid.save(picture, ", ".join(["cat"] * 39))["card"]
    assert card["tokens"] == 77
    assert card["cut"].strip(" ,") == "cat"


def test_a_caption_is_on_disk_when_its_answer_comes(grid, desk):
    picture = _picture(desk, "castle_1.png")
    answer = grid.save(picture, "a castle,  by day")
    assert answer["card"]["text"] == "a castle,  by day"
    assert answer["card"]["edited"]
    assert answer["undo"] == "the caption of castle_1.png"
    assert captions.text(picture) == "a castle,  by day"


def test_an_edit_that_is_sent_twice_is_made_once(grid, desk):
    picture = _picture(desk, "castle_1.png")
    grid.save(picture, "mine", number=77)
    captions.write(picture, "another's")
    grid.save(picture, "mine", base="no matter", number=77)
    assert captions.text(picture) == "another's"


def test_typing_on_is_one_step_of_undoing_and_other_edits_are_not(grid, desk):
    picture = _picture(desk, "castle_1.png")
    first = captions.text(picture)
    for typed, continues in (("a", False), ("a c", True), ("a castle", True), ("a castle, new", False)):
        grid.save(picture, typed, continues=continues)
    grid.ask("back", redo=False)
    assert captions.text(picture) == "a castle"
    answer = grid.ask("back", redo=False)
    assert captions.text(picture) == first
    assert "Undone" in answer["said"]
    grid.ask("back", redo=True)
    assert captions.text(picture) == "a castle"


def test_what_was_changed_elsewhere_is_not_written_over(grid, desk):
    picture = _picture(desk, "castle_1.png")
    before = captions.text(picture)
    captions.write(picture, "another's")
    answer = grid.save(picture, "mine", base=before)
    assert answer["conflict"] == "another's"
    assert captions.text(picture) == "another's"
    assert grid.save(picture, "mine", base="another's")["card"]["text"] == "mine"


def test_the_same_change_made_elsewhere_is_no_conflict(grid, desk):
    picture = _picture(desk, "castle_1.png")
    before = captions.text(picture)
    captions.write(picture, "the same")
    assert "conflict" not in grid.save(picture, "the same", base=before)


def test_a_caption_that_cannot_be_saved_is_answered_with_why(grid, desk):
    picture = _picture(desk, "castle_1.png")
    picture.unlink()
    assert "not there any more" in grid.save(picture, "typed", base="")["text"]
    (card,) = grid.ask("cards", ids=[grid._number(picture)])["cards"]
    assert card["missing"]
    assert card["problem"]


def test_thumbnails_come_as_bytes_and_one_that_cannot_be_read_hinders_no_other(drawn_project):
    (drawn_project.img / "1_windmill" / "cut_off.jpg").write_bytes(b"\xff\xd8")
    grid = Spoken(CaptionDesk(drawn_project))
    answer = grid.ask("thumbnails", ids=grid.order, side=128, masked=False)
    pictures = grid.said[-1][1]
    assert len(answer["ids"]) == len(pictures) == 5
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in pictures)
    ((broken, why),) = answer["broken"]
    assert grid._pictures[broken].name == "cut_off.jpg"
    assert "cut_off.jpg" in why


def test_pictures_whose_answer_was_lost_are_to_be_asked_for_anew(grid):
    assert grid.ask("thumbnails", 5, ids=grid.order[:1])["ids"] == grid.order[:1]
    assert grid.ask("thumbnails", 5, ids=grid.order[:1])["again"]


def test_a_large_picture_fits_one_message(desk, drawn_project):
    noisy = drawn_project.img / "1_windmill" / "noise.png"
    Image.effect_noise((2400, 1800), 90).convert("RGB").save(noisy)
    grid = Spoken(CaptionDesk(drawn_project))
    grid.ask("large", id=grid._number(noisy), masked=False)
    (jpeg,) = grid.said[-1][1]
    assert len(jpeg) < 1_000_000


def test_a_mask_is_said_and_shown(drawn_project):
    picture = sorted(drawn_project.img.rglob("castle_0.png"))[0]
    size = Image.open(picture).size
    mask = Image.new("L", size, 0)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    mask.save(picture.with_name("castle_0.mask.png"))
    desk = CaptionDesk(drawn_project)
    assert [path.name for path in desk.store.pictures if "mask" in path.name] == []
    assert desk.card(picture)["masked"]
    assert desk.thumbnail(picture, 128, masked=True) != desk.thumbnail(picture, 128)
    assert not desk.card(_picture(desk, "castle_1.png"))["masked"]


def test_selection_is_in_the_order_shown_and_loses_what_is_not_shown_any_more(grid, desk):
    heard = []
    grid.on_selected(heard.append)
    pictures = desk.store.pictures
    grid.chosen = [grid._number(pictures[3]), grid._number(pictures[0])]
    assert grid.selected == [pictures[0], pictures[3]]
    grid.show(pictures[2:])
    assert grid.selected == [pictures[3]]
    assert heard == [[pictures[0], pictures[3]], [pictures[3]]]


def test_those_who_listen_hear_of_edits_made_in_the_grid(grid, desk):
    heard = []
    grid.on_saved(heard.append)
    picture = _picture(desk, "castle_1.png")
    grid.save(picture, "new")
    assert heard == [[picture]]
    grid.ask("back", redo=False)
    assert len(heard) == 2


def test_another_grid_of_the_same_project_shows_what_is_saved_in_one(drawn_project, grid, desk):
    other = Spoken(CaptionDesk(drawn_project))
    assert ({"do": "flush"}, []) in grid.said  # what its page had not saved yet comes before it is too late
    picture = _picture(desk, "castle_1.png")
    grid.save(picture, "from the first")
    assert other.said[-1][0] == {"do": "changed", "ids": [other._number(picture)]}
    assert other.ask("cards", ids=[other._number(picture)])["cards"][0]["text"] == "from the first"


def test_pictures_of_one_stem_have_one_caption(drawn_project):
    first = drawn_project.img / "1_windmill" / "windmill_0.png"
    Image.open(first).convert("RGB").save(first.with_suffix(".jpg"))
    grid = Spoken(CaptionDesk(drawn_project))
    grid.save(first, "both")
    assert {"do": "changed", "ids": [grid._number(first.with_suffix(".jpg"))]} in [said for said, _ in grid.said]


def test_captions_changed_in_an_editor_are_found_when_the_page_is_looked_at_again(grid, desk):
    picture = _picture(desk, "castle_1.png")
    captions.write(picture, "written in an editor, and longer")
    assert grid.ask("fresh")["ids"] == [grid._number(picture)]
    assert grid.ask("fresh")["ids"] == []


def test_what_an_earlier_page_could_not_save_is_found_by_its_path(grid, desk):
    picture = _picture(desk, "castle_1.png")
    path = "img/2_red castle/castle_1.png"
    assert grid.ask("look", left=[path, "img/gone.png"])["ids"] == [(grid._number(picture), path)]


def test_proposals_begin_with_the_tags_of_the_set(grid):
    found = grid.ask("suggest", typed="wind")["found"]
    assert found[0] == ("windmill", 2)


def test_a_tag_that_every_caption_has_takes_no_number_key(grid):
    quick = grid.ask("look", left=[])["quick"]
    assert quick[0] == "castle"
    assert "mokuba" not in quick


def test_a_tag_keeps_its_number_key_while_captions_are_edited(grid, desk):
    before = grid.ask("look", left=[])["quick"]
    assert before[0] == "castle"
    for picture in desk.store.pictures:
        answer = grid.save(picture, captions.text(picture).replace("mokuba, castle", "mokuba, castle, windmill"))
    assert desk.counts["windmill"] > desk.counts["castle"]
    assert answer["quick"][: len(before)] == before


def test_nothing_is_loaded_into_the_page_but_order_and_script(grid):
    state = grid.get_state()
    own = {key: value for key, value in state.items() if key not in ("_esm", "_css")}
    assert len(str(own)) < 2000
