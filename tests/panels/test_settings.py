import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from loranb import saved_settings
from loranb.dataset import captions
from loranb.estimate import estimate
from loranb.estimate.speed import Speed
from loranb.panels.settings import panel
from loranb.plan import plan
from loranb.project import Project
from loranb.settings import Settings, preset_about


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    monkeypatch.setenv("LORANB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def form(drawn_project):
    return panel(drawn_project)


def test_the_form_shows_the_projects_settings(form, drawn_project):
    settings = drawn_project.settings()
    for path, row in form.form.rows.items():
        assert settings.assign(path, row.value) == settings, path


def test_a_valid_change_is_saved_at_once_and_the_plan_follows(form, drawn_project):
    form.form.rows["length.epochs"].input.value = "7"
    assert drawn_project.settings().length.epochs == 7
    assert plan(drawn_project.settings(), form.materials.images(form.project.settings())).sentence() in form.plan.value
    assert "saved" in form.saved.value


def test_a_bad_value_is_not_saved_and_is_named(form, drawn_project):
    before = drawn_project.settings_file.read_bytes()
    form.form.rows["length.epochs"].input.value = "many"
    assert drawn_project.settings_file.read_bytes() == before
    assert "Not saved: length.epochs" in form.saved.value
    form.form.rows["lora.rank"].input.value = "8"
    assert "Not saved: length.epochs" in form.saved.value
    assert drawn_project.settings().lora.rank == 8


def test_a_change_to_the_file_made_elsewhere_is_not_lost(form, drawn_project):
    drawn_project.settings().assign("metadata.comment", "by hand").save(drawn_project.settings_file)
    form.form.rows["length.epochs"].input.value = "7"
    assert drawn_project.settings().metadata.comment == "by hand"
    assert form.form.rows["metadata.comment"].input.value == "by hand"


def told(form):
    return "\n".join(item.children[0].value for item in form.advice.children[1:])


def test_the_plan_shows_buckets_and_advice(form):
    assert "80 × 80" not in form.plan.value  # what the pictures are
    assert "64 × 64" in form.plan.value  # what they are trained at
    form.form.rows["lora.alpha"].input.value = "99"
    assert "above the rank" in told(form)


def button(form, words, exactly=False):
    buttons = [one for item in form.advice.children[1:] for one in item.children[1].children]
    return next(one for one in buttons if one.description == words or (not exactly and words in one.description))


def test_advice_is_mended_by_one_click_which_can_be_taken_back(form, drawn_project):
    before = told(form)
    form.form.rows["lora.alpha"].input.value = "99"
    button(form, "Set alpha to blank").click()
    assert drawn_project.settings().lora.alpha is None
    assert form.form.rows["lora.alpha"].input.value == ""
    assert told(form) == before
    form.start.back.click()
    assert drawn_project.settings().lora.alpha == 99
    assert "above the rank" in told(form)


def test_advice_leads_to_the_field_it_speaks_of(form):
    form.form.rows["lora.alpha"].input.value = "99"
    form.form.chooser.value = "saving"
    button(form, "alpha", exactly=True).click()
    assert form.form.chooser.value == "lora"


def test_what_cannot_run_is_said_at_once_with_the_names_of_the_settings(form, drawn_project):
    form.form.rows["lora.rank"].input.value = "many"
    form.form.rows["objective.timestep_min"].input.value = "999"
    form.form.rows["objective.timestep_max"].input.value = "9"
    form.form.rows["optimizer.args"].input.value = "betas=oops()"
    form.form.rows["samples.prompts"].input.value = "a castle --s many"
    form.form.rows["model.base"].input.value = "/nowhere/at/all.safetensors"
    form.form.rows["saving.name"].input.value = "a/b"
    wrong = ("lora.rank", "objective.timestep_min", "optimizer.args", "samples.prompts", "model.base", "saving.name")
    for path in wrong:
        assert path in told(form)
        assert "lb-wrong" in form.form.rows[path].hint.value
    assert drawn_project.settings().model.base == "/nowhere/at/all.safetensors"  # kept: the disk may be mounted later
    marks = zip(form.form.chooser.options, form.form.chooser.icons, strict=True)
    assert {group for (_, group), icon in marks if icon} == {path.partition(".")[0] for path in wrong}
    form.form.rows["saving.name"].input.value = ""
    assert "saving.name" not in told(form)
    assert "lb-wrong" not in form.form.rows["saving.name"].hint.value


def test_the_plan_follows_a_change_with_500_pictures_within_a_tenth_of_a_second(form, monkeypatch):
    few = form.materials.found.images
    many = tuple(replace(few[i % len(few)], width=64 + i, height=64 + i // 2) for i in range(500))
    form.materials.found = replace(form.materials.found, images=many)
    for reading in ("load", "read"):
        monkeypatch.setattr(captions, reading, lambda *_: pytest.fail("a caption is read anew"))
    times = []
    for rank in range(4, 12):
        began = time.perf_counter()
        form.form.rows["lora.rank"].input.value = str(rank)
        times.append(time.perf_counter() - began)
    assert "500 pictures" in form.plan.value
    assert min(times) < 0.1


def choose(form, title):
    form.start.choice.value = next(key for key in form.start._starts if key.endswith(title))


def test_a_preset_is_looked_at_used_and_taken_back(form, drawn_project):
    before = drawn_project.settings()
    choose(form, preset_about("demo").title)
    assert "dataset.resolution: 64 → 128" in form.start.about.value
    assert drawn_project.settings() == before
    form.start.use.click()
    assert drawn_project.settings() == Settings.preset("demo")
    assert form.form.rows["dataset.resolution"].input.value == "128"
    form.start.back.click()
    assert drawn_project.settings() == before
    assert form.form.rows["dataset.resolution"].input.value == "64"
    assert form.start.choice.value == ""


def test_a_preset_leaves_what_belongs_to_the_project(form, drawn_project):
    own = {"saving.name": "castle_v3", "samples.prompts": ("a castle",)}
    drawn_project.settings().assign_all(own | {"lora.rank": 3}).save(drawn_project.settings_file)
    choose(form, preset_about("sdxl_face").title)
    form.start.use.click()
    assert drawn_project.settings() == Settings.preset("sdxl_face").assign_all(own)


def test_settings_saved_under_a_name_are_offered_to_other_projects(form, drawn_project, tmp_path):
    form.form.rows["lora.rank"].input.value = "77"
    form.form.rows["saving.name"].input.value = "castle_v3"
    form.start.files.unfold()
    for _ in range(2):
        form.start.file_box.name.value = "my castles"
        form.start.file_box.save_it.click()
    other = Project.create(tmp_path / "other")
    again = panel(other)
    choose(again, "my castles")
    again.start.use.click()
    assert other.settings().lora.rank == 77
    assert other.settings().saving.name == ""
    assert [file.stem for file in sorted(saved_settings.folder().iterdir())] == ["my castles", "my castles_2"]


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden"])
def test_a_name_that_is_no_file_is_refused(form, name):
    form.start.files.unfold()
    form.start.file_box.name.value = name
    form.start.file_box.save_it.click()
    assert "it becomes a file" in form.start.file_box.notice.value
    assert not saved_settings.folder().exists()


def test_a_settings_file_is_opened_by_its_path(form, drawn_project, tmp_path):
    Settings().assign("lora.rank", 5).save(tmp_path / "elsewhere.toml")
    form.start.files.unfold()
    form.start.file_box.path.value = str(tmp_path / "elsewhere.toml")
    form.start.file_box.read_file.click()
    assert drawn_project.settings() == Settings().assign("lora.rank", 5)
    form.start.file_box.path.value = str(tmp_path / "nowhere.toml")
    form.start.file_box.read_file.click()
    assert "is no file" in form.start.file_box.notice.value


PRESET = {
    "LoRA_type": "Standard",
    "network_dim": "24",
    "network_alpha": 12,
    "unet_lr": 0.0002,
    "epoch": "6",
    "max_train_steps": "",
    "optimizer": "AdamW8bit",
    "lr_scheduler": "cosine",
    "train_batch_size": 2,
    "max_resolution": "768,768",
    "output_name": "from_kohya",
    "gpu_ids": "",
    "no_such_key_at_all": "<b>1</b>",
}


def test_a_preset_of_kohyas_form_is_imported_and_reported(form, drawn_project, tmp_path):
    before = drawn_project.settings().assign_all({"metadata.title": "Castles"})
    before.save(drawn_project.settings_file)
    (tmp_path / "theirs.json").write_text(json.dumps(PRESET))
    form.start.files.unfold()
    box = form.start.file_box
    box.path.value = str(tmp_path / "theirs.json")
    box.read_file.click()
    now = drawn_project.settings()
    assert (now.lora.rank, now.lora.alpha, now.length.batch_size, now.dataset.resolution) == (24, 12, 2, 768)
    assert now.optimizer.name == "AdamW8bit"
    assert now.saving.name == "from_kohya"  # the file has a name of its own
    assert now.metadata.title == "Castles"  # and no title
    for said in ("network_dim", "lora.rank", "gpu_ids", "unknown: no_such_key_at_all"):
        assert said in box.report.said.value
    form.start.back.click()
    assert drawn_project.settings() == before


def test_an_uploaded_preset_is_imported_as_one_opened_by_its_path(form, drawn_project):
    form.start.files.unfold()
    box = form.start.file_box
    content = json.dumps(PRESET).encode()
    file = {"name": "theirs.json", "type": "", "size": len(content), "content": memoryview(content)}
    if isinstance(box.upload.value, dict):  # ipywidgets 7
        box.upload.set_trait("value", {"theirs.json": {"metadata": {}, "content": content}})
    else:
        box.upload.value = (file | {"last_modified": datetime.now(UTC)},)
    assert drawn_project.settings().lora.rank == 24
    assert "taken over: " in box.report.said.value


@pytest.mark.parametrize("kind", [".json", ".toml"])
def test_what_is_exported_comes_back_and_is_never_written_over(form, drawn_project, kind):
    form.start.files.unfold()
    box = form.start.file_box
    box.kind.value = kind
    asked = Settings().assign_all({"lora.rank": 24, "optimizer.learning_rate": 2e-4, "memory.base": "4bit"})
    asked.save(drawn_project.settings_file)
    box.write.click()
    box.write.click()
    first, second = sorted((drawn_project.root / "kohya").glob(f"*{kind}"))
    assert first.read_bytes() == second.read_bytes()
    assert "memory.base" in box.notice.value  # no key of theirs says it
    assert f'download="{second.name}"' in box.notice.value
    Settings().save(drawn_project.settings_file)
    box.path.value = str(first)
    box.read_file.click()
    now = drawn_project.settings()
    assert (now.lora.rank, now.optimizer.learning_rate) == (24, 2e-4)


def test_an_export_stays_in_the_project_whatever_the_lora_is_called(form, drawn_project):
    drawn_project.settings().assign("saving.name", "../../away").save(drawn_project.settings_file)
    form.start.files.unfold()
    form.start.file_box.write.click()
    (written,) = (drawn_project.root / "kohya").iterdir()
    assert written.name.endswith("away.json")
    assert not list(drawn_project.root.parent.parent.glob("*.json"))


def test_a_file_for_another_kind_of_model_is_refused_and_changes_nothing(form, drawn_project, tmp_path):
    before = drawn_project.settings()
    (tmp_path / "flux.json").write_text(json.dumps(PRESET | {"LoRA_type": "Flux1"}))
    form.start.files.unfold()
    form.start.file_box.path.value = str(tmp_path / "flux.json")
    form.start.file_box.read_file.click()
    assert "Flux1" in form.start.file_box.notice.value
    assert drawn_project.settings() == before


def test_what_an_earlier_run_was_trained_with_can_be_used_again(drawn_project):
    trained = drawn_project.settings().assign_all({"lora.rank": 9, "saving.name": "drawn_v1a"})
    trained.save(drawn_project.runs_folder / "drawn_v1a" / "settings.toml")
    form = panel(drawn_project)
    choose(form, "drawn_v1a")
    form.start.use.click()
    assert drawn_project.settings().lora.rank == 9
    assert drawn_project.settings().saving.name == ""


def test_settings_of_a_damaged_run_are_named_and_change_nothing(drawn_project):
    file = drawn_project.runs_folder / "drawn_v1a" / "settings.toml"
    file.parent.mkdir()
    file.write_text("[lora]\nrnak = 3\n")
    before = drawn_project.settings()
    form = panel(drawn_project)
    choose(form, "drawn_v1a")
    assert "did you mean lora.rank?" in form.start.notice.value
    assert form.start.use.layout.display == "none"
    assert drawn_project.settings() == before


def sdxl_on(form, gpu, **changes):
    form.project.settings().assign_all(
        {"model.base": "stabilityai/stable-diffusion-xl-base-1.0", "dataset.resolution": 1024, **changes}
    ).save(form.project.settings_file)
    form.refresh()
    form.plan.choice.value = next(label for label in form.plan._gpus if label.startswith(gpu))


def test_what_does_not_fit_a_gpu_is_made_to_fit_by_one_click(form, drawn_project):
    sdxl_on(form, "T4", **{"length.batch_size": 8, "dataset.no_upscale": False})
    assert "15 GiB: does not fit" in form.plan.value
    assert form.plan.fit.layout.display == ""
    form.plan.fit.click()
    assert "does not fit" not in form.plan.value
    assert form.plan.fit.layout.display == "none"
    assert drawn_project.settings() != Settings()
    form.start.back.click()
    assert "does not fit" in form.plan.value


def test_the_parts_of_the_memory_add_up_to_what_is_said(form):
    sdxl_on(form, "RTX 3090")
    settings, images = form.project.settings(), form.materials.images(form.project.settings())
    parts = estimate(settings, plan(settings, images)).memory.parts
    drawn = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', form.plan.parts.value)]
    assert len(drawn) == sum(bool(count) for count in parts.values())
    assert sum(drawn) / 420 * max(sum(parts.values()), 24 * 2**30) == pytest.approx(sum(parts.values()), rel=0.01)


def test_the_chosen_gpu_is_remembered_and_advice_knows_it(form, drawn_project):
    sdxl_on(form, "T4", **{"memory.precision": "bf16"})
    assert "can only imitate it" in told(form)
    again = panel(drawn_project)
    assert again.plan.gpu.name == "T4"
    assert "can only imitate it" in told(again)


def test_this_machines_speed_says_nothing_of_another_gpu(form):
    form.speeds = tuple(Speed("cpu", "fp32", 1e9, 10.0**size, 20, 0.0) for size in range(6, 16))
    form.form.rows["lora.rank"].input.value = "5"
    assert "as this machine has trained before" in form.plan.value
    form.plan.choice.value = next(label for label in form.plan._gpus if label.startswith("T4"))
    assert "as this machine has trained before" not in form.plan.value


def test_the_plan_tells_files_subjects_and_cuts(form):
    value = form.plan.value
    for said in ("LoRA files of", "parameters are trained", "2_red castle", "1_windmill", "cut off"):
        assert said in value


def test_a_base_model_that_nobody_knows_yet_has_a_plan_all_the_same(form):
    form.form.rows["model.base"].input.value = "nobody/knows-this"
    assert "steps an epoch" in form.plan.value
    assert "not known before it is fetched" in form.plan.value


def test_the_learning_rate_is_drawn_from_the_first_step_to_the_last(form):
    form.form.rows["optimizer.schedule"].input.value = "linear"
    form.form.rows["optimizer.text_encoder_learning_rate"].input.value = "5e-4"
    assert 'aria-label="learning rates: linear' in form.plan.value
    assert "at most 0.003 for the U-Net, 5e-4 for the text encoder" in form.plan.value
    assert "nan" not in form.plan.value
    form.form.rows["lora.text_encoder"].input.value = False
    assert "for the text encoder" not in form.plan.value


def test_the_sum_of_the_guide_is_drawn(form):
    from loranb.dataset.training_set import TrainingImage

    images = tuple(TrainingImage(form.project.img / f"{i}.png", 512, 512, 20, "a woman", "20_woman") for i in range(10))
    form.materials.found = replace(form.materials.found, images=images)
    form.project.settings().assign_all({"length.batch_size": 4}).save(form.project.settings_file)
    form.form.rows["length.epochs"].input.value = "20"
    for said in ("10 pictures × 20 repeats ÷ 4", "= 50 steps", "20 epochs = 1,000 steps"):
        assert said in form.plan.value


def test_a_file_that_cannot_be_used_is_shown_and_left_as_it_is(drawn_project):
    drawn_project.settings_file.write_text("[lora]\nrnak = 3\n")
    form = panel(drawn_project)
    assert "did you mean lora.rank?" in form.notice.value
    assert form.columns.layout.display == "none"
    assert drawn_project.settings_file.read_text() == "[lora]\nrnak = 3\n"
    drawn_project.settings_file.write_text("[lora]\nrank = 3\n")
    form.again.click()
    assert form.notice.value == ""
    assert form.form.rows["lora.rank"].input.value == "3"
    assert form.columns.layout.display != "none"


def test_starting_anew_keeps_the_file_that_cannot_be_used(drawn_project):
    drawn_project.settings_file.write_text("rank 3")
    form = panel(drawn_project)
    form.mend.click()
    assert drawn_project.settings() == Settings()
    assert (drawn_project.root / "settings_unusable.toml").read_text() == "rank 3"
    assert form.columns.layout.display != "none"


def test_pictures_that_cannot_be_used_are_named_in_the_plan(drawn_project):
    (drawn_project.img / "1_windmill" / "cut_off.jpg").write_bytes(b"\xff\xd8")
    assert "cut_off.jpg cannot be read" in panel(drawn_project).pictures.value


def test_a_project_without_pictures_has_a_form_all_the_same(tmp_path):
    form = panel(Project.create(tmp_path / "empty"))
    assert "no pictures to train on" in form.plan.value
    form.form.rows["lora.rank"].input.value = "8"
    assert form.project.settings().lora.rank == 8
