"""The report as a whole: subjects, captions, batches, buckets, kinds of LoRA, words and JSON."""

import json

import pytest
from PIL import Image

from loranb.dataset import health
from loranb.dataset.edits import Edits
from loranb.dataset.health.findings import CODES, SEVERITIES
from loranb.settings import Settings


@pytest.fixture
def several(leaves):
    """Put so many different pictures into a folder."""

    def put(folder, count, size=(520, 520), first=0):
        folder.mkdir(exist_ok=True)
        for seed in range(first, first + count):
            leaves(seed, size, count=40).save(folder / f"{seed}.jpg")

    return put


def settings(project, **values):
    Settings().assign_all({name.replace("__", "."): value for name, value in values.items()}).save(
        project.settings_file
    )


def set_codes(report):
    return {finding.code for finding in report.findings}


def test_a_folder_that_has_only_pictures_is_checked(project, town, several):
    several(town, 2)
    report = health.check(project)
    assert report.complete
    assert report.summary["usable"] == 2


def test_a_project_without_pictures_says_so(project):
    report = health.check(project)
    assert set_codes(report) == {"no_pictures"}
    assert "no pictures yet" in health.in_words(report)


def test_the_json_has_the_form_that_was_promised(project, town, several):
    several(town, 2)
    (town / "copy.jpg").write_bytes((town / "0.jpg").read_bytes())
    (town / "bad.jpg").write_bytes(b"no")
    told = json.loads(json.dumps(health.check(project).to_json()))
    assert {"pictures", "groups", "subjects", "summary"} <= told.keys()
    assert [picture["path"] for picture in told["pictures"]] == [
        f"img/10_old town/{name}.jpg" for name in ("0", "1", "bad", "copy")
    ]
    for picture in told["pictures"]:
        for finding in picture["findings"]:
            assert finding["code"] in CODES
            assert finding["severity"] in SEVERITIES
            assert finding["message"]
    assert told["groups"] == {"duplicates": [["img/10_old town/0.jpg", "img/10_old town/copy.jpg"]]}
    assert told["subjects"][0]["words"] == "old town"
    assert (told["subjects"][0]["pictures"], told["subjects"][0]["usable"], told["subjects"][0]["different"]) == (
        4,
        3,
        2,
    )
    assert told["summary"]["findings"]["undecodable"] == 1


def test_findings_come_the_worst_first(project, town, several):
    several(town, 1)
    (town / "0.txt").write_bytes(b"\xff\xfe\x00caf\xe9")
    picture = health.check(project).pictures[0]
    ranks = [SEVERITIES.index(finding.severity) for finding in picture.findings]
    assert ranks == sorted(ranks)
    assert picture.findings[0].code == "caption_unreadable"
    assert not picture.usable


def test_every_message_says_what_was_found_what_it_means_and_what_to_do(project, town):
    Image.new("RGB", (100, 100), "black").save(town / "a.jpg")
    for finding in health.check(project).pictures[0].findings:
        assert finding.message.lower().startswith(finding.detail.lower())
        assert finding.meaning in finding.message
        assert finding.message.endswith(finding.advice)


def test_a_caption_is_missed_only_where_captioning_has_begun(project, town, several):
    several(town, 2)

    def severities():
        pictures = health.check(project).pictures
        return [finding.severity for p in pictures for finding in p.findings if finding.code == "no_caption"]

    assert severities() == ["info", "info"]
    (town / "0.txt").write_text("an old town, harbour")
    assert severities() == ["warning"]


def test_pictures_that_share_a_caption_file_are_told(project, town, several, found):
    several(town, 2)
    Image.open(town / "0.jpg").rotate(90).save(town / "0.png")
    (town / "0.txt").write_text("a harbour")
    assert {name for name, codes in found().items() if "shared_caption" in codes} == {"0.jpg", "0.png"}


@pytest.mark.parametrize(("grey", "severity"), [(1, "warning"), (4, "info")])
def test_a_grey_picture_among_coloured_ones_is_a_warning(project, town, several, grey, severity):
    several(town, 5)
    for number in range(grey):
        Image.open(town / f"{number}.jpg").convert("L").save(town / f"{number}.jpg")
    told = [f.severity for p in health.check(project).pictures for f in p.findings if f.code == "greyscale"]
    assert told == [severity] * grey


@pytest.mark.parametrize(
    ("count", "kind", "code"),
    [(9, "", "too_few"), (10, "", None), (12, "face", "too_few"), (12, "object", None), (12, "style", "too_few")],
)
def test_the_number_of_pictures_is_judged_by_the_kind_of_lora(project, town, several, count, kind, code):
    several(town, count, (64, 64))
    told = {finding.code for finding in health.check(project, kind).subjects[0].findings}
    assert told & {"too_few", "too_many"} == ({code} if code else set())


def test_more_pictures_than_a_kind_of_lora_takes_are_told(project, town, several):
    several(town, 61, (48, 48))
    assert "too_many" in {finding.code for finding in health.check(project, "object").subjects[0].findings}


def test_copies_do_not_count(project, town, several):
    several(town, 9)
    (town / "copy.jpg").write_bytes((town / "0.jpg").read_bytes())
    assert "9 pictures that differ" in health.check(project).subjects[0].findings[0].message


def test_weak_pictures_are_dispensable_where_there_are_enough_good_ones(project, town, several):
    several(town, 10)
    for number in range(3):
        Image.open(town / f"{number}.jpg").point(lambda level: level // 8).save(town / f"dark{number}.png")
    told = {finding.code: finding for finding in health.check(project).subjects[0].findings}
    assert told["weak_pictures"].severity == "info"
    assert "3 of 13" in told["weak_pictures"].message
    (town / "9.jpg").unlink()
    told = {finding.code: finding for finding in health.check(project).subjects[0].findings}
    assert told["weak_pictures"].severity == "warning"
    assert "the other 9 are few" in told["weak_pictures"].message


def test_a_face_wants_squares_close_up_and_alone(project, town, several):
    several(town, 1)
    several(town, 1, (520, 700), first=1)
    (town / "0.txt").write_text("mokuba, woman, full_body, 2girls")
    (town / "1.txt").write_text("mokuba, woman, portrait, smile")
    first, second = health.check(project, "face").pictures
    assert (first.has("not_close"), first.has("several_people"), first.has("not_square")) == (True, True, False)
    assert (second.has("not_close"), second.has("several_people"), second.has("not_square")) == (False, False, True)
    for kind in ("", "object", "style", "place"):
        told = {finding.code for picture in health.check(project, kind).pictures for finding in picture.findings}
        assert not told & {"not_close", "several_people", "not_square"}


def test_a_kind_of_lora_that_is_not_known_is_told_with_those_that_are(project):
    with pytest.raises(health.report.DatasetError, match="'cat'.*face, object, style, place"):
        health.check(project, "cat")


def test_batches_that_do_not_come_out_even_are_told_with_a_size_that_would(project, town, several):
    settings(project, length__batch_size=4)
    several(town, 3)
    several(town, 3, (700, 520), first=3)
    # 10 repeats of 3 pictures in each of two buckets: 30 = 7 x 4 + 2
    told = {finding.code: finding.message for finding in health.check(project).findings}
    assert "2 of 16 batches" in told["batch_remainder"]
    assert "batch size of 3 would come out even" in told["batch_remainder"]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_a_batch_size_that_divides_every_bucket_is_not_told(project, town, several, batch_size):
    settings(project, length__batch_size=batch_size)
    several(town, 3)
    assert "batch_remainder" not in set_codes(health.check(project))


@pytest.mark.parametrize(("batch_size", "severity"), [(1, "info"), (2, "warning")])
def test_a_picture_alone_in_its_bucket_is_told(project, town, several, batch_size, severity):
    settings(project, length__batch_size=batch_size)
    several(town, 3)
    several(town, 1, (900, 520), first=3)
    alone = next(finding for finding in health.check(project).findings if finding.code == "bucket_single")
    assert (alone.severity, alone.pictures) == (severity, (town / "3.jpg",))


def test_subjects_that_are_shown_unequally_often_are_told_with_the_repeats_that_even_it_out(project, town, several):
    several(town, 8)
    several(project.img / "10_statue", 2, first=8)
    told = {finding.code: finding.message for finding in health.check(project).findings}
    assert "old town 80 times (10 repeats" in told["unbalanced"]
    assert "statue 20 times (40 repeats" in told["unbalanced"]  # 8 x 10 = 2 x 40


def test_folders_that_are_not_trained_on_are_told(project, town, several):
    several(town, 2)
    several(project.img / "holiday", 1)
    assert any("holiday" in finding.message for finding in health.check(project).findings if finding.code == "ignored")


def test_settings_that_cannot_be_used_are_a_finding_and_no_end(project, town, several):
    several(town, 2)
    project.settings_file.write_text("[dataset]\nresolution = 'large'\n")
    report = health.check(project)
    assert "settings" in set_codes(report)
    assert report.summary["usable"] == 2


def test_a_damaged_record_of_edits_is_a_finding_and_no_end(project, town, several):
    several(town, 2)
    project.edits_file.write_text("{")
    assert "edits_damaged" in set_codes(health.check(project))
    assert Edits(project.edits_file).problems


def test_the_words_name_the_worst_first_with_what_to_do(project, town, several):
    several(town, 12)
    (town / "bad.jpg").write_bytes(b"no")
    words = health.in_words(health.check(project))
    assert words.startswith("12 of 13 pictures can be used, and 1 will be left out.")
    assert words.index("bad.jpg") < words.index("caption")
    assert "discard it" in words
    assert "img/10_old town/bad.jpg: the file is not a picture" in words


def test_a_long_list_is_shortened_in_words_and_not_in_json(project, town, several):
    several(town, 12)
    report = health.check(project)
    assert "and 9 more" in health.in_words(report)  # without captions
    assert report.counts["no_caption"] == 12


def test_remarks_on_captions_are_told_in_words_and_in_json(project, town, several):
    several(town, 5)
    for number in range(5):
        trigger = "mokuba, " if number else ""
        (town / f"{number}.txt").write_text(f"{trigger}gargoyle, view {number}\n")
    report = health.check(project)
    captions = {remark["code"]: remark for remark in json.loads(json.dumps(report.to_json()))["captions"]}
    assert captions["trigger_missing"]["pictures"] == ["img/10_old town/0.jpg"]
    assert captions["trigger_missing"]["severity"] == "warning"
    assert captions["everywhere"]["message"] == "gargoyle in all 5 captions of old town"
    words = health.in_words(report)
    assert "! Trigger word missing." in words
    assert "    gargoyle in all 5 captions of old town" in words


def test_a_missing_caption_is_told_of_its_picture_and_not_twice(project, town, several):
    several(town, 2)
    report = health.check(project)
    assert report.captions == ()
    assert "no_caption" in report.counts


def test_a_mask_that_does_not_fit_is_told_and_is_no_picture(project, town, several):
    several(town, 2)
    Image.new("L", (520, 520), 255).save(town / "0.mask.png")
    Image.new("L", (520, 260), 255).save(town / "1.mask.png")
    report = health.check(project)
    assert report.summary["pictures"] == 2
    [(path, told)] = [(p.path.name, f) for p in report.pictures for f in p.findings if f.code == "bad_mask"]
    assert path == "1.jpg"
    assert "1.mask.png is 520 x 260 pixels" in told.message


def test_masks_that_the_settings_leave_aside_are_said(project, town, several):
    several(town, 2)
    Image.new("L", (520, 520), 255).save(town / "0.mask.png")
    [told] = [finding for finding in health.check(project).findings if finding.code == "masks_unused"]
    assert (told.severity, [path.name for path in told.pictures]) == ("info", ["0.jpg"])
    Settings().assign("dataset.masked_loss", True).save(project.settings_file)
    assert "masks_unused" not in set_codes(health.check(project))


def test_captions_are_measured_by_how_many_tokens_are_trained_on(project, town, several):
    several(town, 1)
    (town / "0.txt").write_text("tree, " * 50)  # 100 tokens

    def long(tokens):
        Settings().assign("captions.tokens", tokens).save(project.settings_file)
        return [remark.message for remark in health.check(project).captions if remark.code == "too_long"]

    assert "more than 75 tokens" in long(75)[0]
    assert long(150) == []


def test_regularisation_pictures_are_counted_apart(project, town, several):
    several(town, 2)
    (project.reg / "1_town").mkdir(parents=True)
    several(project.reg / "1_town", 3)
    Image.new("RGB", (8, 8)).save(project.reg / "loose.png")
    report = health.check(project)
    assert (report.summary["pictures"], report.summary["regularisation"]) == (2, 3)
    assert "3 pictures are there for regularisation." in health.in_words(report)
    assert any("lie in reg itself" in finding.message for finding in report.findings)
