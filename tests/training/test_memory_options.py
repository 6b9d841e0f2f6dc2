"""What is traded for memory or speed: it trains, it resumes exactly, it does what it says."""

import importlib.util

import pytest
import torch

from loranb.errors import SettingsError
from loranb.events import Step
from loranb.lora.file import load_lora
from loranb.settings import Settings
from loranb.settings.conflicts import conflicts
from loranb.training.recipe import train
from loranb.training.run import Run

needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="4 bits need bitsandbytes, which is not installed"
)


def trained(project, **changes):
    run = Run.create(project, project.settings().assign_all(changes))
    return run, list(train(run))


def losses(events):
    return [event.loss for event in events if isinstance(event, Step)]


def stopped_and_gone_on(project, stop_after=3, **changes):
    run = Run.create(project, project.settings().assign_all(changes))
    first = []
    for event in train(run):
        first.append(event)
        if isinstance(event, Step) and event.step == stop_after:
            run.stop_file.touch()
    return run, first + list(train(run))


@pytest.mark.parametrize(
    "changes",
    [
        {"memory.lora_precision": "bf16"},
        pytest.param(
            {"memory.lora_precision": "bf16", "optimizer.name": "AdamWScheduleFree", "optimizer.learning_rate": 1e-3},
            marks=pytest.mark.slow,
        ),
        {"optimizer.ema": 0.9},
        {"optimizer.text_encoder_stop": 50},
        pytest.param({"memory.base": "4bit"}, marks=[pytest.mark.slow, needs_bitsandbytes]),
    ],
    ids=str,
)
def test_a_stopped_run_goes_on_exactly(small_project, changes):
    changes = {**changes, "saving.precision": "fp32"}
    whole, whole_events = trained(small_project, **changes)
    run, events = stopped_and_gone_on(small_project, **changes)
    assert losses(events) == losses(whole_events)
    wanted, got = load_lora(whole.lora_file())[0], load_lora(run.lora_file())[0]
    assert all(torch.equal(got[key], wanted[key]) for key in wanted)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("8bit", marks=pytest.mark.slow),
        "fp8",
        pytest.param("4bit", marks=[pytest.mark.slow, needs_bitsandbytes]),
    ],
)
def test_a_base_in_fewer_bits_trains_nearly_as_a_whole_one(small_project, how):
    plain = losses(trained(small_project)[1])
    fewer = losses(trained(small_project, **{"memory.base": how})[1])
    assert fewer != plain
    assert fewer == pytest.approx(plain, rel=0.1)


def test_half_precision_weights_learn_what_whole_ones_do(small_project):
    changes = {"optimizer.learning_rate": 1e-3, "saving.precision": "fp32", "length.epochs": 3}
    weights = {}
    for precision in ("fp32", "bf16"):
        run, _ = trained(small_project, **changes, **{"memory.lora_precision": precision})
        weights[precision] = load_lora(run.lora_file())[0]
    ups = [key for key in weights["fp32"] if key.endswith("lora_up.weight")]
    whole = torch.cat([weights["fp32"][key].flatten() for key in ups])
    half = torch.cat([weights["bf16"][key].flatten() for key in ups])
    assert torch.equal(half, half.bfloat16().float())
    assert (half - whole).norm() < 0.2 * whole.norm()


def test_the_file_holds_the_average_and_the_state_what_is_trained(small_project):
    changes = {"optimizer.ema": 0.9, "saving.precision": "fp32", "optimizer.learning_rate": 1e-2}
    run, _ = trained(small_project, **changes)
    state = torch.load(run.state_file, weights_only=True)
    saved = load_lora(run.lora_file())[0]
    key = next(name for name in saved if name.endswith("lora_up.weight"))
    assert not torch.allclose(saved[key], state["lora"][key], rtol=1e-3)
    assert any(torch.equal(saved[key].flatten(), average.flatten()) for average in state["ema"])


def test_averaging_changes_nothing_that_is_learned(small_project):
    assert losses(trained(small_project, **{"optimizer.ema": 0.9})[1]) == losses(trained(small_project)[1])


def test_a_text_encoder_is_trained_no_longer_than_it_should(small_project):
    """A run of half the steps with the text encoder, and one of all: the text encoder's weights are the same."""
    changes = {"optimizer.schedule": "constant", "saving.precision": "fp32", "length.epochs": 2}
    run, events = trained(small_project, **changes, **{"optimizer.text_encoder_stop": 50})
    half, _ = trained(small_project, **changes, **{"length.steps": len(losses(events)) // 2})
    stopped, early = load_lora(run.lora_file())[0], load_lora(half.lora_file())[0]
    text = [key for key in stopped if key.startswith("lora_te")]
    unet = [key for key in stopped if key.startswith("lora_unet") and key.endswith("up.weight")]
    assert all(torch.equal(stopped[key], early[key]) for key in text)
    assert not any(torch.equal(stopped[key], early[key]) for key in unet)
    rates = [event.learning_rates["text_encoder"] for event in events if isinstance(event, Step)]
    assert [rate > 0 for rate in rates] == [True] * (len(rates) // 2) + [False] * (len(rates) - len(rates) // 2)


def test_pictures_encoded_in_tiles_are_kept_apart_from_those_encoded_whole(small_project):
    trained(small_project, **{"length.steps": 1})
    before = set((small_project.cache / "latents").iterdir())
    _, events = trained(small_project, **{"length.steps": 1, "memory.vae_tiling": True})
    assert len(set((small_project.cache / "latents").iterdir()) - before) == len(before)
    assert events[-1].why == "finished"


def test_so_many_threads_compute_as_are_asked_for_and_as_before_afterwards(small_project):
    before = torch.get_num_threads()
    run = Run.create(small_project, small_project.settings().assign_all({"memory.cpu_threads": 2, "length.steps": 1}))
    counts = [torch.get_num_threads() for event in train(run) if isinstance(event, Step)]
    assert counts == [2]
    assert torch.get_num_threads() == before


@pytest.mark.slow
@pytest.mark.parametrize("how", ["none", "selective", "full"])
def test_compiled_blocks_learn_the_same(small_project, how):
    changes = {"length.epochs": 1, "memory.gradient_checkpointing": how}
    plain = losses(trained(small_project, **changes)[1])
    compiled = losses(trained(small_project, **changes, **{"memory.compile": "aot_eager"})[1])
    assert compiled == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer.ema": 0.99, "optimizer.name": "AdamWScheduleFree"}, "does so by itself"),
        ({"memory.lora_precision": "fp16"}, "scales gradients"),
        ({"memory.lora_precision": "bf16", "memory.precision": "fp16"}, "does not go with"),
    ],
)
def test_what_does_not_go_together_is_told(changes, said):
    assert any(said in words for words in conflicts(Settings().assign_all(changes)))


def test_4_bits_without_bitsandbytes_are_refused_before_anything_is_made(small_project, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"memory.base = '4bit' needs bitsandbytes.*'8bit'"):
        Run.create(small_project, small_project.settings().assign("memory.base", "4bit"))
    assert list(small_project.runs_folder.iterdir()) == []
