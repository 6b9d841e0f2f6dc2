import json

import pytest
from PIL import Image

from loranb.errors import GenerationError, LoraFileError
from loranb.events import Ended, Saved
from loranb.generate.grid import NO_LORA as NO_LORA_COLUMN
from loranb.panels import _drawing, testing
from loranb.panels._drawing import default_prompts, loras, model_for
from loranb.panels.testing import NO_LORA, GridTester, PictureTester, read_weights
from loranb.training.run import Run

QUICK = "mokuba, castle --w 64 --h 64 --s 2 --d 5"


@pytest.fixture
def make_run(small_project, tiny_settings):
    """Make a run with LoRA files of two epochs, as training leaves it."""
    import torch

    from loranb import families
    from loranb.lora.adapter import attach
    from loranb.lora.file import save_lora
    from loranb.settings import LoraSettings

    def make(**changes):
        settings = tiny_settings.assign_all({"samples.every_epochs": 1, "samples.prompts": (QUICK,), **changes})
        run = Run.create(small_project, settings)
        model = families.load(settings.model.base, torch.float32)
        adapter = attach(model, LoraSettings(rank=4, text_encoder=False))
        for epoch in (1, None):
            file = run.lora_file(epoch)
            file.parent.mkdir(exist_ok=True)
            save_lora(file, adapter.tensors(), {}, torch.float16)
            run.record(Saved(epoch or 2, 1, file.relative_to(run.folder).as_posix()))
        run.record(Ended("finished", 2))
        return run

    return make


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr(testing, "display", shown.append)
    return shown


@pytest.fixture(autouse=True)
def _forget():
    yield
    _drawing.forget_model()


def _picture(project):
    files = loras(project)
    return PictureTester(project, files, files[0].settings if files else project.settings())


def _grid(project):
    files = loras(project)
    return GridTester(project, files, files[0].settings if files else project.settings())


def test_the_newest_runs_final_file_is_the_first_choice(small_project, make_run):
    first, second = make_run(), make_run()
    labels = [choice.label for choice in loras(small_project)]
    assert labels == [
        f"{second.name} (final)",
        f"{second.name}-000001",
        f"{first.name} (final)",
        f"{first.name}-000001",
    ]


def test_a_lora_laid_into_the_model_folder_can_be_chosen_too(small_project):
    small_project.model.mkdir()
    (small_project.model / "friend.safetensors").write_bytes(b"")
    assert [choice.label for choice in loras(small_project)] == ["model/friend"]


def test_the_controls_begin_with_what_the_run_drew(small_project, make_run):
    make_run()
    tester = _picture(small_project)
    assert (tester.prompt.value, tester.across.value, tester.steps.value) == ("mokuba, castle", 64, 2)


def test_the_lora_and_its_weight_are_mentioned_in_the_prompt(small_project, make_run):
    run = make_run()
    tester = _picture(small_project)
    tester.weight.value = 0.75
    assert tester.request().prompt == f"mokuba, castle <lora:{run.name}:0.75>"
    tester.lora.value = NO_LORA
    assert tester.request().prompt == "mokuba, castle"


def test_a_picture_is_drawn_shown_and_kept_with_how_it_was_drawn(small_project, make_run):
    run = make_run()
    tester = _picture(small_project)
    tester.draw_button.click()
    kept = list((small_project.root / "pictures").iterdir())
    assert [path.name for path in kept] == [f"{run.name}_seed5.png"]
    assert f"<lora:{run.name}:1>" in Image.open(kept[0]).text["parameters"]
    assert bytes(tester.picture.value).startswith(b"\xff\xd8")
    assert "pictures/" in tester.told.value
    assert not tester.draw_button.disabled


def test_the_next_seed_is_another_picture_and_none_is_overwritten(small_project, make_run):
    make_run()
    tester = _picture(small_project)
    for button in (tester.draw_button, tester.next_button, tester.next_button):
        button.click()
    tester.seed.value = 5
    tester.draw_button.click()
    assert len(list((small_project.root / "pictures").iterdir())) == 4


def test_the_base_model_is_loaded_once(small_project, make_run):
    run = make_run()
    assert model_for(run.settings()) is model_for(run.settings())


def test_opening_the_panel_loads_no_model(small_project, make_run):
    make_run()
    testing.panel(small_project)
    assert _drawing.open_model.cache_info().currsize == 0


def test_a_failure_is_read_under_the_button(small_project, make_run):
    make_run()
    tester = _picture(small_project)
    tester.prompt.value = "castle <lora:nobody:1>"
    tester.draw_button.click()
    assert "nobody" in tester.told.value
    assert "Traceback" not in tester.told.value
    assert not tester.draw_button.disabled


def test_without_a_lora_the_base_model_can_be_tried(small_project):
    assert "no LoRA yet" in testing.panel(small_project).children[1].value
    assert _picture(small_project).lora.value == NO_LORA


def test_a_grid_crosses_files_weights_and_prompts_and_is_kept(small_project, make_run):
    run = make_run()
    tester = _grid(small_project)
    tester.files.value = (0, 1)
    tester.weights.value = "0.5, 1"
    tester.prompts.value = f"{QUICK}\nwindmill --w 64 --h 64 --s 2 --d 6\n"
    tester.draw_button.click()
    kept = json.loads((small_project.root / "grids" / f"{run.name}.json").read_text())
    names = [column["label"].split("\n")[0] for column in kept["columns"]]
    assert names == [NO_LORA_COLUMN, *[f"{run.name}-000001"] * 2, *[run.name] * 2]
    assert [row["prompt"] for row in kept["rows"]] == ["mokuba, castle", "windmill"]
    assert len(kept["pictures"]) == 10
    assert f"{run.name}.png" in tester.told.value


def test_a_weight_that_is_no_number_is_named(small_project, make_run):
    make_run()
    tester = _grid(small_project)
    tester.weights.value = "0.5, much"
    tester.draw_button.click()
    assert "0.5, much" in tester.told.value


def test_files_of_two_base_models_do_not_go_into_one_grid(small_project, make_run, tiny_base, tmp_path):
    (tmp_path / "other").symlink_to(tiny_base)
    make_run(), make_run(**{"model.base": str(tmp_path / "other")})
    tester = _grid(small_project)
    tester.files.value = (0, 2)
    with pytest.raises(GenerationError, match="another base model"):
        tester.draw()


def test_weights_are_read_with_commas():
    assert read_weights("0.6, .8;1 ") == [0.6, 0.8, 1.0]
    assert read_weights("") == [1.0]


def test_the_notebooks_grid_is_drawn_displayed_and_kept(small_project, make_run, displayed):
    run = make_run()
    path = testing.grid(small_project, weights=(0.5, 1.0), last=2)
    assert path == small_project.root / "grids" / f"{run.name}.png"
    view, picture = displayed
    assert view.layout.display == "none"
    assert picture.data.startswith(b"\xff\xd8")
    assert len(json.loads(path.with_suffix(".json").read_text())["pictures"]) == 5


def test_an_interrupted_grid_keeps_what_was_drawn(small_project, make_run, displayed, monkeypatch):
    make_run()
    monkeypatch.setattr(_drawing.GridView, "_tell", _interrupt_at(2))
    with pytest.raises(KeyboardInterrupt):
        testing.grid(small_project)
    (kept,) = (small_project.root / "grids").glob("*.json")
    assert len(json.loads(kept.read_text())["pictures"]) == 2


def _interrupt_at(count):
    def tell(view, done, total, each):
        if done == count:
            raise KeyboardInterrupt

    return tell


def test_a_grid_without_a_lora_says_what_to_do(small_project):
    with pytest.raises(LoraFileError, match=r"loranb\.train"):
        testing.grid(small_project)


def test_comments_among_the_prompts_are_not_drawn(tiny_settings):
    settings = tiny_settings.assign_all({"samples.prompts": ("# a note", "castle", "")})
    assert default_prompts(settings) == ["castle"]
