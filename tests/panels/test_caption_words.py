from loranb.panels._caption_words import Words, read_tags
from loranb.settings import Settings

TAGGER = """tag_id,name,category,count
1,general,9,900
2,^_^,0,10
3,blue_sky,0,500
4,sky,0,800
5,hatsune_miku,4,700
6,sky_lantern,0,20
"""


def _words(tmp_path, drawn_project):
    Settings().save(drawn_project.settings_file)  # not the demo's tagger
    words = Words(drawn_project)
    file = tmp_path / "selected_tags.csv"
    file.write_text(TAGGER)
    words._known = {tag.casefold(): tag for tag in read_tags(file)}
    return words


def test_a_taggers_list_is_read_by_frequency_with_spaces_without_ratings(tmp_path):
    file = tmp_path / "selected_tags.csv"
    file.write_text(TAGGER)
    assert read_tags(file) == ["sky", "hatsune miku", "blue sky", "sky lantern", "^_^"]


def test_tags_of_the_set_come_first_then_those_that_begin_so(tmp_path, drawn_project):
    words = _words(tmp_path, drawn_project)
    counts = {"night sky": 9, "skyline": 2}
    assert words.suggest("sky", counts) == [("skyline", 2), ("night sky", 9), ("sky lantern", 0), ("blue sky", 0)]


def test_case_and_underscores_make_no_difference(tmp_path, drawn_project):
    words = _words(tmp_path, drawn_project)
    assert words.suggest("Hatsune_M", {}) == [("hatsune miku", 0)]
    assert words.suggest("BLUE", {"blue_sky": 3}) == [("blue_sky", 3)]


def test_nothing_is_proposed_for_nothing(tmp_path, drawn_project):
    assert _words(tmp_path, drawn_project).suggest("  ", {"a": 1}) == []


def test_the_demos_tagger_is_known_in_the_demos_project(drawn_project):
    assert ("red windmill", 0) in Words(drawn_project).suggest("windm", {})
