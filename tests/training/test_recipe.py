"""The recipe on a real, tiny Stable Diffusion: real files, real losses, no mocks."""

import contextlib
import json
import logging
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from loranb.errors import LoraFileError, ProjectError, SettingsError, TrainingError
from loranb.events import Ended, EpochEnded, Sampled, Saved, Started, Step, Warned
from loranb.lora.file import load_lora
from loranb.training.recipe import train
from loranb.training.run import Run


def trained(project, **changes):
    run = Run.create(project, project.settings().assign_all(changes))
    return run, list(train(run))


def losses(events):
    return [event.loss for event in events if isinstance(event, Step)]


def test_the_run_keeps_the_horizon_that_the_plan_promised(small_project):
    from loranb.dataset.training_set import collect
    from loranb.plan import plan

    horizon = plan(small_project.settings(), collect(small_project.img).images)
    run, events = trained(small_project)
    steps = [event for event in events if isinstance(event, Step)]
    assert [event.step for event in steps] == list(range(1, horizon.steps + 1))
    assert [event.step for event in events if isinstance(event, EpochEnded)] == [
        horizon.steps_per_epoch,
        horizon.steps,
    ]
    assert isinstance(events[-1], Ended)
    assert events[-1].why == "finished"
    assert [e for e in run.events() if not isinstance(e, Saved)] == [e for e in events if not isinstance(e, Saved)]


def test_a_picture_that_cannot_be_read_is_named_and_left_out(small_project):
    (small_project.img / "1_windmill/cut_off.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    run = Run.create(small_project, small_project.settings())
    (small_project.img / "1_windmill/windmill_0.png").write_bytes(b"")  # spoilt after the run was made
    events = list(train(run))
    warned = " ".join(event.message for event in events if isinstance(event, Warned))
    assert "cut_off.jpg" in warned
    assert "windmill_0.png" in warned
    assert next(event.images for event in events if isinstance(event, Started)) == 4
    assert events[-1].why == "finished"


def test_the_file_is_what_kohyas_tools_expect(small_project):
    run, _ = trained(small_project)
    tensors, told = load_lora(run.lora_file())
    key = re.compile(r"lora_(unet|te)_\w+\.(lora_down\.weight|lora_up\.weight|alpha)")
    assert all(key.fullmatch(name) for name in tensors)
    assert all("text_model_encoder_layers_" in name for name in tensors if name.startswith("lora_te_"))
    assert any(name.startswith("lora_te_") for name in tensors)
    assert told["ss_network_dim"] == "4"
    assert float(told["ss_network_alpha"]) == 4
    assert told["ss_base_model_version"] == "sd_v1"
    assert told["ss_gradient_checkpointing"] == "False"
    assert told["ss_output_name"] == run.name == "small_v1a"
    assert told["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert re.fullmatch(r"[0-9a-f]{64}", told["sshs_model_hash"])
    assert json.loads(told["ss_dataset_dirs"]) == {
        "1_windmill": {"n_repeats": 1, "img_count": 2},
        "2_red castle": {"n_repeats": 2, "img_count": 3},
    }
    assert json.loads(told["ss_tag_frequency"])["2_red castle"]["mokuba"] == 3


def test_the_file_says_what_was_predicted_and_from_which_timesteps(small_project):
    changes = {"objective.predicts": "v_prediction", "objective.timestep_max": 900, "objective.loss": "huber"}
    run, _ = trained(small_project, **changes, **{"length.epochs": 1})
    told = load_lora(run.lora_file())[1]
    assert told["ss_base_model_version"] == "sd_v1_v"
    assert told["modelspec.prediction_type"] == "v"
    assert told["modelspec.timestep_range"] == "0,900"
    assert told["ss_loss_type"] == "huber"
    assert told["ss_min_snr_gamma"] == "5.0"
    assert told["ss_noise_offset"] == "None"


@contextlib.contextmanager
def heard(library, caplog):
    """Hear a library whose logger keeps to itself."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(caplog.handler)
        logger.setLevel(level)


def test_diffusers_draws_the_same_from_the_file_as_from_training(small_project, tiny_base, caplog):
    """No key left over or missing, and the picture that training's own weights give."""
    from diffusers import StableDiffusionPipeline

    from loranb import families
    from loranb.lora.adapter import attach
    from loranb.settings import LoraSettings

    run, _ = trained(small_project, **{"saving.precision": "fp32", "optimizer.learning_rate": 1e-2})
    tensors, _ = load_lora(run.lora_file())

    def draw(pipeline):
        pipeline.set_progress_bar_config(disable=True)
        made = pipeline(
            "mokuba, castle", width=64, height=64, num_inference_steps=3, generator=torch.Generator().manual_seed(1),
            output_type="pt",
        )  # fmt: skip
        return made.images

    def pipeline():
        return StableDiffusionPipeline.from_pretrained(tiny_base, safety_checker=None, feature_extractor=None)

    own = families.load(str(tiny_base), torch.float32)
    adapter = attach(own, LoraSettings(rank=4))
    adapter.load(tensors)
    same_scheduler = pipeline()
    from_training = own.family.pipeline(own)
    from_training.scheduler = same_scheduler.scheduler
    wanted = draw(from_training)

    loaded = pipeline()
    with heard("diffusers", caplog), heard("peft", caplog):
        loaded.load_lora_weights(str(run.lora_file()))
    assert not [r for r in caplog.records if "unexpected" in r.getMessage() or "missing" in r.getMessage().lower()]
    in_pipeline = sum(name.endswith(".alpha") for name in tensors)
    assert in_pipeline == sum(
        hasattr(module, "lora_A") and len(module.lora_A) == 1
        for part in (loaded.unet, loaded.text_encoder)
        for module in part.modules()
    )
    assert (draw(loaded) - wanted).abs().max() < 1e-3
    assert (draw(pipeline()) - wanted).abs().max() > 1e-2  # the LoRA does something


def test_the_same_seed_gives_the_same_losses(small_project):
    first, second = trained(small_project)[1], trained(small_project)[1]
    assert losses(first) == losses(second)
    assert losses(first) != losses(trained(small_project, **{"length.seed": 7})[1])


@pytest.mark.parametrize("text_encoder", [True, False])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(small_project, text_encoder):
    changes = {"lora.text_encoder": text_encoder, "dataset.flip": True, "captions.shuffle": True}
    whole, whole_events = trained(small_project, **changes)
    run = Run.create(small_project, small_project.settings().assign_all(changes))
    first = []
    for event in train(run):
        first.append(event)
        if isinstance(event, Step) and event.step == 3:
            run.stop_file.touch()
    assert first[-1].why == "stopped"
    assert run.lora_file(step=3).exists()
    second = list(train(run))
    assert losses(first) + losses(second) == losses(whole_events)
    assert next(e for e in second if isinstance(e, Started)).first_step == 3
    wanted, _ = load_lora(whole.lora_file())
    got, _ = load_lora(run.lora_file())
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


AUGMENTED = {"dataset.random_crop": True, "dataset.colour": True, "dataset.buckets": False, "dataset.flip": True}
TREATED = {"captions.wildcards": True, "captions.warmup": 0.5, "captions.tag_dropout": 0.3, "captions.keep": 0}


@pytest.mark.parametrize("options", [AUGMENTED, TREATED | {"captions.weighted": True, "captions.tokens": 150}])
def test_what_is_drawn_at_each_showing_is_drawn_again_after_a_stop(small_project, options):
    options = {**options, "lora.text_encoder": False}
    _, whole = trained(small_project, **options)
    run = Run.create(small_project, small_project.settings().assign_all(options))
    first = []
    for event in train(run):
        first.append(event)
        if isinstance(event, Step) and event.step == 3:
            run.stop_file.touch()
    assert losses(first) + losses(train(run)) == losses(whole)
    assert losses(whole) != losses(trained(small_project, **{"lora.text_encoder": False})[1])


@pytest.mark.parametrize("name", ["AdamWScheduleFree", "Prodigy", "Adafactor"])
def test_a_stopped_run_goes_on_exactly_with_other_optimizers_too(small_project, name):
    changes = {"optimizer.name": name, "optimizer.learning_rate": 1e-3, "lora.text_encoder": False}
    whole, whole_events = trained(small_project, **changes)
    run = Run.create(small_project, small_project.settings().assign_all(changes))
    first = []
    for event in train(run):
        first.append(event)
        if isinstance(event, Step) and event.step == 3:
            run.stop_file.touch()
    second = list(train(run))
    assert losses(first) + losses(second) == losses(whole_events)
    wanted, told = load_lora(whole.lora_file())
    got, _ = load_lora(run.lora_file())
    assert all(torch.equal(got[key], wanted[key]) for key in wanted)
    assert name.removesuffix("ScheduleFree") in told["ss_optimizer"]


def test_the_file_holds_averaged_weights_and_the_state_those_that_are_trained(small_project):
    changes = {"optimizer.name": "AdamWScheduleFree", "saving.precision": "fp32", "optimizer.learning_rate": 1e-2}
    run, events = trained(small_project, **changes)
    state = torch.load(run.state_file, weights_only=True)["lora"]
    saved, told = load_lora(run.lora_file())
    key = next(name for name in saved if name.endswith("lora_up.weight"))
    assert not torch.allclose(saved[key], state[key], rtol=1e-3)
    assert told["ss_lr_scheduler"] == "constant"


def test_an_8_bit_optimizer_on_a_cpu_is_replaced_and_said(small_project):
    _, events = trained(small_project, **{"optimizer.name": "adamw8bit", "length.epochs": 1})
    assert any("AdamW is used" in event.message for event in events if isinstance(event, Warned))
    assert losses(events) == losses(trained(small_project, **{"length.epochs": 1})[1])


def test_the_state_of_another_optimizer_is_refused(small_project):
    run, _ = trained(small_project, **{"length.epochs": 1})
    state = torch.load(run.state_file, weights_only=True)
    torch.save({**state, "optimizer_class": "bitsandbytes.optim.adamw.AdamW8bit"}, run.state_file)
    with pytest.raises(TrainingError, match="AdamW8bit"):
        list(train(run))


def test_whoever_stops_reading_loses_nothing(small_project):
    run = Run.create(small_project, small_project.settings())
    events = train(run)
    for event in events:
        if isinstance(event, Step) and event.step == 2:
            break
    events.close()
    assert run.lora_file(step=2).exists()


def test_an_error_in_a_view_loses_nothing(small_project):
    run = Run.create(small_project, small_project.settings())
    events = train(run)
    for event in events:
        if isinstance(event, Step) and event.step == 2:
            with pytest.raises(KeyboardInterrupt):
                events.throw(KeyboardInterrupt())
            break
    assert run.lora_file(step=2).exists()


def test_a_frozen_text_encoder_is_left_out_of_the_file(small_project):
    run, _ = trained(small_project, **{"lora.text_encoder": False})
    assert all(name.startswith("lora_unet_") for name in load_lora(run.lora_file())[0])


def test_accumulated_batches_count_as_one_step(small_project):
    _, events = trained(small_project, **{"length.gradient_accumulation": 2, "length.epochs": 1})
    assert len(losses(events)) == 3  # 8 items in batches of 2 over 2 buckets: 5 batches, 3 steps


def test_every_epoch_is_saved_and_the_last_has_no_number(small_project):
    run, _ = trained(small_project, **{"length.epochs": 3})
    names = [path.name for path in run.loras()]
    assert names == ["small_v1a-000001.safetensors", "small_v1a-000002.safetensors", "small_v1a.safetensors"]


def test_samples_are_drawn_from_the_prompt_lines(small_project):
    line = "mokuba, castle --n blurry --w 64 --h 96 --s 2 --d 5 --l 3"
    run, events = trained(small_project, **{"samples.prompts": (line,), "samples.every_epochs": 1})
    from PIL import Image

    drawn = [event for event in events if isinstance(event, Sampled)]
    assert [event.epoch for event in drawn] == [1, 2]
    picture = Image.open(run.folder / drawn[0].path)
    assert picture.size == (64, 96)
    assert "blurry" in picture.info["parameters"]


def test_drawing_samples_does_not_change_what_is_learned(small_project):
    without = trained(small_project)[1]
    line = "mokuba --w 64 --h 64 --s 2"
    sampled = trained(small_project, **{"samples.prompts": (line,), "samples.every_epochs": 1})[1]
    assert losses(without) == losses(sampled)


@pytest.mark.parametrize(
    "changes",
    [
        {"memory.precision": "bf16"},
        {"memory.gradient_checkpointing": True},
        {"objective.min_snr_gamma": 5, "objective.stratified": True},
        {"objective.predicts": "v_prediction", "objective.zero_terminal_snr": True, "objective.scale_v_pred": True},
        {"objective.loss": "huber", "objective.debiased": True, "objective.v_pred_like": 0.5},
        {"objective.timestep_sampling": "logit_normal", "objective.timestep_min": 200, "noise.multires_iterations": 6},
        {"noise.offset": 0.05, "noise.offset_adaptive": 0.1, "noise.offset_random": True, "noise.perturbation": 0.1},
        {"optimizer.schedule": "constant", "optimizer.warmup": 0},
        {"captions.dropout": 0.5, "lora.text_encoder": False},
        {"model.clip_skip": 2},
    ],
)
def test_every_setting_trains(small_project, changes):
    _, events = trained(small_project, **changes)
    assert events[-1].why == "finished"
    assert all(0 < loss < 1000 for loss in losses(events))


@pytest.mark.parametrize("how", ["selective", "full", True])
def test_gradient_checkpointing_changes_no_loss(small_project, how):
    plain = losses(trained(small_project)[1])
    again = losses(trained(small_project, **{"memory.gradient_checkpointing": how})[1])
    assert again == pytest.approx(plain, rel=1e-5)


def test_the_gradients_length_is_told_whether_or_not_it_is_cut(small_project):
    changes = {"length.epochs": 1, "optimizer.warmup": 0, "optimizer.learning_rate": 1e-9}  # nothing moves
    told = {}
    for limit in (0, 1e-4, 1000):
        _, events = trained(small_project, **changes, **{"optimizer.max_grad_norm": limit})
        told[limit] = [event.grad_norm for event in events if isinstance(event, Step)]
    assert all(norm > 1e-4 for norm in told[0])
    assert told[0] == pytest.approx(told[1000], rel=1e-6)
    assert told[0] == pytest.approx(told[1e-4], rel=1e-3)


def test_an_epoch_is_told_by_timestep_and_by_subject(small_project):
    _, events = trained(small_project, **{"length.epochs": 1})
    ended = next(event for event in events if isinstance(event, EpochEnded))
    assert set(ended.by_subject) == {"1_windmill", "2_red castle"}
    assert set(ended.by_timestep) <= {"0-249", "250-499", "500-749", "750-999"}
    assert all(loss > 0 for loss in (*ended.by_subject.values(), *ended.by_timestep.values()))


def test_a_second_run_finds_its_pictures_encoded(small_project):
    trained(small_project)
    cache = small_project.cache / "latents"
    before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    trained(small_project)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == before


def test_pictures_encoded_at_each_step_cost_what_cached_ones_do(small_project):
    changes = {"dataset.flip": True, "lora.text_encoder": False, "length.epochs": 1}
    kept = losses(trained(small_project, **changes)[1])
    shutil.rmtree(small_project.cache / "latents")
    run, events = trained(small_project, **changes, **{"dataset.cache_latents": False})
    assert losses(events) == kept
    assert not (small_project.cache / "latents").exists()
    assert load_lora(run.lora_file())[1]["ss_cache_latents"] == "False"


def test_a_changed_picture_is_encoded_anew(small_project):
    from PIL import Image

    trained(small_project)
    before = len(list((small_project.cache / "latents").iterdir()))
    Image.new("RGB", (80, 80), "green").save(small_project.img / "1_windmill/windmill_0.png")
    trained(small_project)
    assert len(list((small_project.cache / "latents").iterdir())) == before + 1


def test_a_loss_that_is_no_number_ends_the_run_with_advice(small_project, tiny_base, tmp_path):
    base = Path(shutil.copytree(tiny_base, tmp_path / "base"))
    weights = base / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["conv_out.weight"] *= 1e30  # its square is beyond fp32
    save_file(tensors, weights)
    with pytest.raises(TrainingError, match="became inf at step 1.*learning rate lower than"):
        trained(small_project, **{"model.base": str(base)})


def test_a_run_is_never_overwritten(small_project):
    run = Run.create(small_project, small_project.settings())
    with pytest.raises(ProjectError, match="never overwritten"):
        Run.create(small_project, small_project.settings().assign("saving.name", run.name))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model.base": "/nowhere/model"}, "no such file or folder"),
        ({"model.base": "nowhere.safetensors"}, "no such file or folder"),
        ({"saving.name": "style: gothic"}, "saving.name"),
        ({"saving.name": "../out"}, "saving.name"),
        ({"samples.prompts": ("castle --w many",)}, "--w"),
        ({"lora.block_ranks": ",".join(["4"] * 23)}, "23 numbers, and this base model has 25 blocks"),
    ],
)
def test_what_would_fail_later_is_told_before_anything_is_made(small_project, changes, said):
    with pytest.raises(SettingsError, match=said):
        trained(small_project, **changes)
    assert list(small_project.runs_folder.iterdir()) == []


def test_a_half_made_run_does_not_block_the_next(small_project):
    (small_project.runs_folder / "small_v1a").mkdir()
    assert Run.create(small_project, small_project.settings()).name == "small_v1b"


def test_a_burnt_out_lora_leaves_the_last_good_state(small_project):
    run = Run.create(small_project, small_project.settings())

    def train_and_burn():
        for event in train(run):
            if isinstance(event, Saved):
                kept.append(run.state_file.read_bytes())
                burn_out()

    kept = []
    with pytest.raises((LoraFileError, TrainingError)):
        train_and_burn()
    assert run.state_file.read_bytes() == kept[0]


def burn_out():
    """Put a value that is no number into every LoRA layer that is alive."""
    import gc

    from peft.tuners.lora import LoraLayer

    for thing in gc.get_objects():
        if isinstance(thing, LoraLayer):
            for layer in thing.lora_B.values():
                layer.weight.data.fill_(float("nan"))


def test_the_file_says_which_epoch_and_precision_it_is_of(small_project):
    run, events = trained(small_project)
    _, told = load_lora(run.lora_file())
    assert (told["ss_epoch"], told["ss_mixed_precision"]) == ("2", "no")
    assert told["modelspec.prediction_type"] == "epsilon"
    assert [event.epoch for event in run.events() if isinstance(event, Saved)] == [1, 2]


def test_latents_that_memory_does_not_hold_are_read_from_the_disk(small_project, monkeypatch):
    changes = {"dataset.flip": True, "lora.text_encoder": False, "length.epochs": 1}
    held = losses(trained(small_project, **changes)[1])
    monkeypatch.setattr("loranb.training.pictures.HELD", 0)
    assert losses(trained(small_project, **changes)[1]) == held


def test_captions_that_memory_does_not_hold_are_read_from_the_disk(small_project, monkeypatch):
    changes = {"lora.text_encoder": False, "length.epochs": 1}
    held = losses(trained(small_project, **changes)[1])
    monkeypatch.setattr("loranb.training.prompts.HELD", 77 * 32 * 4 * 2)  # two of the tiny model
    assert losses(trained(small_project, **changes)[1]) == held


def test_very_many_captions_of_a_frozen_text_encoder_fill_no_disk(small_project, monkeypatch):
    monkeypatch.setattr("loranb.training.prompts.MOST_KEPT", 4)
    many = {"captions.shuffle": True, "captions.keep": 0, "length.epochs": 4}  # 6 orders of each of 5 captions
    trained(small_project, **{"lora.text_encoder": False}, **many)
    assert not (small_project.cache / "prompts").exists()


def saved_names(run):
    return [path.name.removeprefix(run.name).removesuffix(".safetensors") for path in run.loras()]


def test_files_are_saved_after_every_so_many_steps_too(small_project):
    changes = {"length.epochs": 2, "saving.every_steps": 2}
    run, events = trained(small_project, **changes)
    assert len(losses(events)) == 10  # 5 an epoch
    assert saved_names(run) == ["-step00000002", "-step00000004", "-000001", "-step00000006", "-step00000008", ""]


@pytest.mark.parametrize(
    ("most", "kept"), [(2, ["-000003", "-000004"]), (4, ["-000001", "-000002", "-000003", "-000004"])]
)
def test_only_the_last_files_are_kept_and_the_finished_one_always(small_project, most, kept):
    run, events = trained(small_project, **{"length.epochs": 5, "saving.keep_last": most})
    assert saved_names(run) == [*kept, ""]
    assert len([event for event in run.events() if isinstance(event, Saved)]) == 5


def test_samples_are_drawn_at_the_start_and_after_every_so_many_steps(small_project):
    line = "mokuba --w 64 --h 64 --s 2"
    options = {"samples.at_start": True, "samples.every_steps": 4}
    _, events = trained(small_project, **options, **{"samples.prompts": (line,), "samples.every_epochs": 0})
    assert [event.step for event in events if isinstance(event, Sampled)] == [0, 4, 8, 10]
    assert losses(events) == losses(trained(small_project)[1])
