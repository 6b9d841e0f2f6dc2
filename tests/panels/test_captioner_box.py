import asyncio
import threading

import pytest

from loranb import captioners
from loranb.captioning import Wording, caption_project
from loranb.dataset import captions
from loranb.dataset.caption_store import CaptionStore
from loranb.errors import SettingsError
from loranb.panels._captioner_box import CaptionerBox
from loranb.panels._group_form import GroupForm
from loranb.settings import Settings


@pytest.fixture
def bare(drawn_project):
    """A project of which one picture has no caption, and one picture is damaged."""
    folder = drawn_project.img / "1_windmill"
    captions.caption_file(folder / "windmill_0.png").unlink()
    (folder / "cut_off.jpg").write_bytes(b"\xff\xd8")
    return drawn_project


def _box(project):
    store = CaptionStore.load(project)
    box = CaptionerBox(project, lambda: store, store.look_again)
    by_subject = {}
    for picture in store.pictures:
        by_subject.setdefault(store.subject(picture), []).append(picture)
    box.offer([], store.pictures, by_subject)
    return box


def _on_disk(project):
    return {path.stem: captions.read(path) for path in sorted(project.img.rglob("*.png"))}


@pytest.mark.parametrize("name", captioners.names())
def test_every_declared_option_of_every_captioner_is_in_the_form(drawn_project, name):
    box = _box(drawn_project)
    box.name.value = name
    assert list(box.form.rows) == list(captioners.module(name).Options.model_fields)
    assert list(box.wording.rows) == list(Wording.model_fields)
    assert box.form.read() == captioners.module(name).Options(**({"model": "demo"} if name == "wd14" else {}))


def test_a_changed_number_can_go_back_and_words_that_are_filled_in_are_no_change(drawn_project):
    box = _box(drawn_project)
    box.wording.rows["trigger"].input.value = "mokuba"
    assert not box.wording.rows["trigger"].changed
    row = next(row for row in box.form.rows.values() if row.field.kind is float and row.field.default is not None)
    row.input.value = "0.5"
    assert row.changed
    row.back.click()
    assert not row.changed
    assert float(row.value) == row.field.default


def test_a_look_at_what_would_be_written_writes_nothing(bare):
    pytest.importorskip("onnxruntime")
    before, box = _on_disk(bare), _box(bare)
    box.wording.rows["trigger"].input.value = "zorbel"
    box.try_.click()
    assert _on_disk(bare) == before
    assert "windmill_0.png" in box.preview.value
    assert "<ins>zorbel" in box.preview.value
    assert "cut_off.jpg" in box.notice.value


def test_a_captioner_writes_where_there_is_no_caption_as_one_edit(bare):
    pytest.importorskip("onnxruntime")
    before, box = _on_disk(bare), _box(bare)
    assert box.write.description == "Caption 2 pictures"
    box.write.click()
    after = _on_disk(bare)
    assert {name for name in after if after[name] != before[name]} == {"windmill_0"}
    assert "cut_off.jpg" in box.notice.value
    assert box.progress.layout.display == "none"
    CaptionStore.load(bare).undo()
    assert _on_disk(bare) == before


def test_other_modes_say_how_many_captions_they_would_write(bare):
    box = _box(bare)
    box.wording.rows["mode"].input.value = "overwrite"
    assert box.write.description == "Caption 6 pictures"
    assert "by hand" in box.told.value
    box.scope.value = "subject:windmill"
    assert box.write.description == "Caption 3 pictures"


def test_a_captioner_that_cannot_be_loaded_is_said_to_be(bare):
    box = _box(bare)
    box.form.rows["model"].input.value = "/no/such/model"
    box.write.click()
    assert "lb-error" in box.notice.value
    assert "Traceback" not in box.notice.value
    assert box.progress.layout.display == "none"


def test_what_cannot_be_used_is_said_beside_its_field_and_nothing_is_written(bare):
    before, box = _on_disk(bare), _box(bare)
    box.form.rows["general_threshold"].input.value = "2"
    assert "0 to 1" in box.form.rows["general_threshold"].problem
    box.write.click()
    assert "general_threshold" in box.notice.value
    assert _on_disk(bare) == before
    box.form.rows["general_threshold"].input.value = "0.5"
    assert box.form.rows["general_threshold"].problem == ""


def test_what_is_filled_in_is_there_when_the_cell_is_run_again(bare):
    box = _box(bare)
    box.wording.rows["trigger"].input.value = "zorbel"
    box.wording.rows["undesired"].input.value = "nose\nlips"
    box.form.rows["general_threshold"].input.value = "0.6"
    box.name.value = "blip"
    again = _box(bare)
    assert again.name.value == "blip"
    assert again.wording.read() == Wording(trigger="zorbel", undesired=("nose", "lips"))
    again.name.value = "wd14"
    assert again.form.read().general_threshold == 0.6


@pytest.mark.parametrize(
    "kept", ["", "[]", '{"captioner": 5, "wording": 7}', '{"wording": {"maximum": "x", "gone": 1}}']
)
def test_a_damaged_memory_of_the_form_shows_the_defaults(bare, kept):
    (bare.cache / "captioner_form.json").write_text(kept)
    assert _box(bare).wording.read() == Wording()


def test_a_captioner_goes_on_when_the_cell_is_run_again_and_the_new_panel_tells_its_end(bare):
    pytest.importorskip("onnxruntime")

    gate, options = threading.Event(), captioners.module("wd14").Options(model="demo")

    def slowly(report, stop):
        gate.wait(30)
        return caption_project(bare, "wd14", options, progress=report, stop=stop)

    async def notebook():
        _box(bare)._run(slowly)
        again = _box(bare)
        assert again.write.disabled
        gate.set()
        for _ in range(600):
            await asyncio.sleep(0.05)
            if again.notice.value:
                return again
        raise AssertionError("It did not end.")

    again = asyncio.run(notebook())
    assert "cut_off.jpg" in again.notice.value
    assert captions.read(bare.img / "1_windmill" / "windmill_0.png")


def test_only_the_demo_project_proposes_the_demo_tagger(drawn_project):
    assert _box(drawn_project).form.read().model == "demo"
    Settings().save(drawn_project.settings_file)
    assert _box(drawn_project).form.read().model == next(iter(captioners.module("wd14").MODELS))


def test_a_form_names_all_that_is_wrong_in_it():
    form = GroupForm(Wording, "wording", {}, lambda: None)
    form.rows["maximum"].input.value = "many"
    form.rows["replacements"].input.value = "no arrow"
    with pytest.raises(SettingsError) as caught:
        form.read()
    assert len(caught.value.problems) == 2
    assert form.rows["maximum"].problem
    assert form.rows["replacements"].problem
