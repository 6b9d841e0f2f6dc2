from PIL import Image

from loranb.dataset import captions
from loranb.dataset.caption_advice import advise
from loranb.panels._caption_desk import CaptionDesk
from loranb.panels._caption_filters import Asked, chosen, subjects, tag_counts, views


def _of(found, key):
    return {picture.stem for view in found if view.key == key for picture in view.pictures}


def test_captions_are_sorted_into_views_and_empty_ones_are_not_offered(drawn_project):
    desk = CaptionDesk(drawn_project)
    first, second, third, fourth, _ = desk.store.pictures
    desk.store.save(first, "")
    desk.store.save(second, "written by hand")
    desk.store.apply("a captioner", [(third, "said by it")], by="captioner")
    desk.store.apply("a captioner", [(fourth, ", ".join(["castle"] * 60))], by="captioner")  # 119 tokens
    found = views(desk, {})
    assert _of(found, "empty") == {first.stem}
    assert _of(found, "draft") == {third.stem, fourth.stem}
    assert second.stem in _of(found, "edited")
    assert _of(found, "long") == {fourth.stem}
    assert "problem" not in [view.key for view in found]
    assert "masked" not in [view.key for view in found]


def test_pictures_with_a_mask_are_a_view(drawn_project):
    desk = CaptionDesk(drawn_project)
    first = desk.store.pictures[0]
    Image.new("L", desk.pictures.size(first), 255).save(first.with_name(f"{first.stem}_mask.png"))
    assert _of(views(desk, {}), "masked") == {first.stem}


def test_what_was_remarked_on_is_a_view_but_for_what_is_one_anyhow(drawn_project):
    picture = next(drawn_project.img.rglob("castle_0.png"))
    captions.write(picture, "mokuba, castle, castle")
    captions.caption_file(next(drawn_project.img.rglob("castle_1.png"))).unlink()
    desk = CaptionDesk(drawn_project)
    found = views(desk, advise(desk.store, drawn_project).of)
    assert _of(found, "remark:repeated") == {"castle_0"}
    assert sum({path.stem for path in view.pictures} == {"castle_1"} for view in found) == 1


def test_all_that_is_asked_must_be_so(drawn_project):
    desk = CaptionDesk(drawn_project)
    known = views(desk, {})

    def stems(**asked):
        return sorted(picture.stem for picture in chosen(desk.store, known, Asked(**asked)))

    assert stems(tags=("castle", "number 1")) == ["castle_1"]
    assert stems(tags=("CASTLE", "number_1"), how="any") == ["castle_0", "castle_1", "castle_2", "windmill_1"]
    assert stems(tags=("castle", "number 1"), how="none") == ["windmill_0"]
    assert stems(subject="windmill", search="number") == ["windmill_0", "windmill_1"]
    assert stems(view="a view that is gone") == sorted(picture.stem for picture in desk.store.pictures)


def test_tags_are_counted_where_one_asks(drawn_project):
    store = CaptionDesk(drawn_project).store
    castles = subjects(store)["red castle"]
    assert tag_counts(store, "all", [], [])["mokuba"] == 5
    assert tag_counts(store, "shown", castles[:2], [])["castle"] == 2
    assert tag_counts(store, "selected", castles, []) == {}
    assert tag_counts(store, "subject:windmill", [], [])["windmill"] == 2
