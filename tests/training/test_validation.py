"""Validation looks at pictures that are never trained on, always in the same way, and disturbs nothing."""

import csv
import shutil

import pytest
import torch

from loranb.dataset.held_out import split
from loranb.dataset.training_set import TrainingImage, collect
from loranb.errors import SettingsError
from loranb.events import Started, Step, Validated, Warned
from loranb.lora.file import load_lora
from loranb.plan import plan
from loranb.settings import Settings
from loranb.settings.conflicts import conflicts
from loranb.training.batches import Batch
from loranb.training.preparation import prepare
from loranb.training.recipe import train
from loranb.training.run import Run


def trained(project, **changes):
    run = Run.create(project, project.settings().assign_all(changes))
    return run, list(train(run))


def losses(events):
    return [event.loss for event in events if isinstance(event, Step)]


def validations(events):
    return [event for event in events if isinstance(event, Validated)]


def ready_for(run):
    preparing = prepare(run)
    while True:
        try:
            next(preparing)
        except StopIteration as done:
            return done.value


def images(tmp_path, counts, contents=lambda folder, i: f"{folder} {i}"):
    return [
        TrainingImage(tmp_path / folder / f"{i}.png", 64, 64, 1, "", folder, contents(folder, i))
        for folder, count in counts.items()
        for i in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5])
def test_each_subject_keeps_its_share_back_and_something_to_train_on(tmp_path, share, seed):
    counts = {"1_alone": 1, "2_pair": 2, "3_many": 40}
    kept, held = split(images(tmp_path, counts), share, seed)
    assert {image.path for image in kept}.isdisjoint(image.path for image in held)
    assert len(kept) + len(held) == 43
    number = {folder: sum(image.folder == folder for image in held) for folder in counts}
    assert number == {"1_alone": 0, "2_pair": 1, "3_many": max(1, round(40 * share))}


def test_what_is_kept_back_depends_on_the_seed_and_not_on_the_order(tmp_path):
    all_of_them = images(tmp_path, {"1_a": 30})
    names = {image.path for image in split(all_of_them, 0.2, 1)[1]}
    assert names == {image.path for image in split(all_of_them[::-1], 0.2, 1)[1]}
    assert names != {image.path for image in split(all_of_them, 0.2, 2)[1]}


def test_a_picture_whose_copy_is_trained_on_is_not_kept_back(tmp_path):
    def contents(folder, i):
        return str(i // 2 if i < 8 else f"{folder} {i}")

    copies = images(tmp_path, {"1_a": 10, "1_b": 10}, contents)
    for seed in range(20):
        kept, held = split(copies, 0.5, seed)
        assert held
        assert {image.content for image in kept}.isdisjoint(image.content for image in held)


def test_no_batch_ever_shows_a_picture_that_is_kept_back(small_project):
    run = Run.create(small_project, small_project.settings().assign("validation.share", 0.4))
    ready = ready_for(run)
    held = {planned.image.path for planned in ready.horizon.held_out}
    assert len(held) == 2
    assert held.isdisjoint(planned.image.path for planned in ready.horizon.images)
    assert held | {planned.image.path for planned in ready.horizon.images} == {
        image.path for image in collect(small_project.img).images
    }
    rows = list(csv.DictReader((run.folder / "images.csv").open()))
    assert {small_project.root / row["path"] for row in rows if row["held_out"]} == held
    assert plan(run.settings(), run.images()) == plan(run.settings(), collect(small_project.img).images)


def test_it_changes_nothing_that_is_learned_by_the_other_pictures(small_project):
    """The same pictures without those kept back, as if they were not there."""
    changes = {"validation.share": 0.4, "validation.every_steps": 1, "saving.precision": "fp32"}
    run, events = trained(small_project, **changes)
    for row in csv.DictReader((run.folder / "images.csv").open()):
        if row["held_out"]:
            (small_project.root / row["path"]).unlink()
    without, plain = trained(small_project, **{"saving.precision": "fp32"})
    assert losses(events) == losses(plain)
    wanted, got = load_lora(without.lora_file())[0], load_lora(run.lora_file())[0]
    assert all(torch.equal(got[key], wanted[key]) for key in wanted)
    assert next(event.images for event in events if isinstance(event, Started)) == 3


@pytest.mark.parametrize("text_encoder", [True, False])
def test_it_looks_before_the_first_step_after_epochs_and_steps_and_at_the_end(small_project, text_encoder):
    changes = {"validation.share": 0.4, "length.epochs": 3, "lora.text_encoder": text_encoder}
    run, events = trained(small_project, **changes, **{"validation.every_epochs": 2, "validation.every_steps": 4})
    per_epoch = len(losses(events)) // 3
    steps = {0, *range(4, 3 * per_epoch + 1, 4), 2 * per_epoch, 3 * per_epoch}
    assert [event.step for event in validations(events)] == sorted(steps)
    assert [event for event in run.events() if isinstance(event, Validated)] == validations(events)


def test_it_says_the_same_of_the_same_weights(small_project):
    changes = {"validation.share": 0.4, "validation.every_steps": 1, "optimizer.learning_rate": 1e-12}
    _, events = trained(small_project, **changes)
    told = [event.loss for event in validations(events)]
    assert told == pytest.approx([told[0]] * len(told), rel=1e-6)


def test_it_says_the_same_whatever_the_loss_the_seed_and_the_batches(small_project):
    first = [
        validations(trained(small_project, **{"validation.share": 0.4, "length.epochs": 1, **changes})[1])[0]
        for changes in (
            {},
            {"length.seed": 5, "objective.min_snr_gamma": None, "objective.loss": "huber", "noise.offset": 0.1},
            {"length.batch_size": 1, "captions.shuffle": True, "captions.dropout": 0.5},
        )
    ]
    assert [one.loss for one in first] == pytest.approx([first[0].loss] * 3, rel=1e-5)


def test_the_error_is_the_mean_square_at_evenly_spread_timesteps(small_project, tiny_base):
    """Written out with diffusers alone, for the first look, when the LoRA has no effect."""
    from diffusers import DDPMScheduler, StableDiffusionPipeline

    run = Run.create(small_project, small_project.settings().assign("validation.share", 0.4))
    validation = ready_for(run).validation
    told = validation.measure(0, 0)
    assert list(told.by_timestep) == ["200", "400", "600", "800"]
    pipe = StableDiffusionPipeline.from_pretrained(tiny_base, safety_checker=None, requires_safety_checker=False)
    schedule = DDPMScheduler.from_config(pipe.scheduler.config)
    found = {t: [] for t in told.by_timestep}
    for i, planned in enumerate(validation.loss.shown.images):
        length = {"padding": "max_length", "max_length": pipe.tokenizer.model_max_length}
        ids = pipe.tokenizer([planned.image.caption], **length, return_tensors="pt").input_ids
        hidden = pipe.text_encoder(ids).last_hidden_state
        x0 = mean_of(validation, i)[None] * 0.18215
        for number, t in enumerate((200, 400, 600, 800)):
            eps = noise_of(validation, i)[number][None]
            at = torch.tensor([t])
            with torch.no_grad():
                prediction = pipe.unet(schedule.add_noise(x0, eps, at), at, hidden).sample
            found[str(t)].append((prediction - eps).square().mean().item())
    for t, errors in found.items():
        assert told.by_timestep[t] == pytest.approx(sum(errors) / len(errors), rel=1e-4)
    assert told.loss == pytest.approx(sum(told.by_timestep.values()) / 4)
    assert set(told.by_subject) == {"1_windmill", "2_red castle"}


def mean_of(validation, i):
    """The middle of what the VAE says of a picture."""
    return validation.loss.shown.moments(Batch((i,), ("",), (False,), 0))[0]["mean"]


def noise_of(validation, i):
    from random import Random

    drawn = Random(f"{validation.options.seed} {validation.loss.shown.images[i].image.content}").getrandbits(62)
    generator = torch.Generator().manual_seed(drawn)
    return torch.randn((4, *mean_of(validation, i).shape), generator=generator)


def test_a_folder_of_ones_own_is_validated_with_and_what_is_in_both_is_said(small_project):
    folder = small_project.root / "validation/1_windmill"
    folder.mkdir(parents=True)
    windmills = sorted((small_project.img / "1_windmill").glob("*.png"))
    shutil.copy(windmills[0], folder / "copy.png")
    shutil.move(windmills[1], folder / "own.png")
    run, events = trained(small_project, **{"validation.folder": "validation", "length.epochs": 1})
    assert validations(events)[0].by_subject.keys() == {"1_windmill"}
    assert next(event.images for event in events if isinstance(event, Started)) == 4
    assert any("copy.png is trained on too" in event.message for event in events if isinstance(event, Warned))
    assert [image.path.name for image in run.images() if image.held_out] == ["own.png"]


def test_a_folder_without_pictures_is_told_before_anything_is_made(small_project):
    with pytest.raises(SettingsError, match="validation.folder = 'validaton'"):
        Run.create(small_project, small_project.settings().assign("validation.folder", "validaton"))
    assert list(small_project.runs_folder.iterdir()) == []


def test_share_and_folder_exclude_each_other_and_a_trained_folder_is_refused():
    both = Settings().assign_all({"validation.share": 0.1, "validation.folder": "validation"})
    assert any("use one" in said for said in conflicts(both))
    assert any("trained on" in said for said in conflicts(Settings().assign("validation.folder", "img")))


def test_a_stopped_run_goes_on_exactly_and_keeps_the_same_back(small_project):
    changes = {"validation.share": 0.4, "dataset.flip": True}
    _, whole = trained(small_project, **changes)
    run = Run.create(small_project, small_project.settings().assign_all(changes))
    first = []
    for event in train(run):
        first.append(event)
        if isinstance(event, Step) and event.step == 2:
            run.stop_file.touch()
    second = list(train(run))
    assert losses(first) + losses(second) == losses(whole)
    assert [(v.step, v.loss) for v in validations(first) + validations(second)] == [
        (v.step, v.loss) for v in validations(whole)
    ]
