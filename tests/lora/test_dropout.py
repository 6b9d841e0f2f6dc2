"""What dropout leaves out, how often, and that it is the same again for the same batch."""

import pytest
import torch

from loranb import families
from loranb.events import Step
from loranb.lora._peft import ADAPTER
from loranb.lora.adapter import attach
from loranb.settings import LoraSettings, Settings
from loranb.settings.conflicts import conflicts
from loranb.training.recipe import train
from loranb.training.run import Run

LINEAR = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
CONVOLUTION = "down_blocks.0.resnets.0.conv1"
KINDS = ("dropout", "rank_dropout", "module_dropout")


def adapted(base, **options):
    """A model whose LoRA does something, in training, with its dropout."""
    model = families.load(str(base), torch.float32)
    adapter = attach(model, LoraSettings(rank=8, conv_rank=8, **options))
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in adapter.layers:
            for weight in layer.weights.values():
                weight += 0.1 * torch.randn(weight.shape, generator=noise)
    model.unet.train()
    return model, adapter


def inner(model, path, x):
    """Return what comes out of a LoRA's inner layer."""
    layer, seen = model.unet.get_submodule(path), []
    hook = layer.lora_A[ADAPTER].register_forward_hook(lambda _, __, out: seen.append(out))
    with torch.no_grad():
        output = layer(x)
    hook.remove()
    return seen[-1], output  # a DoRA sends more through it before


@pytest.mark.parametrize(("path", "shape"), [(LINEAR, (64, 50, 16)), (CONVOLUTION, (64, 16, 8, 8))])
def test_neuron_dropout_leaves_out_single_values_and_scales_the_others(tiny_base, path, shape):
    model, adapter = adapted(tiny_base, dropout=0.25)
    x = torch.randn(shape)
    whole, _ = inner(model, path, x)
    adapter.dropout.begin(1)
    thinned, _ = inner(model, path, x)
    kept = thinned != 0
    assert kept.float().mean().item() == pytest.approx(0.75, abs=0.02)
    assert torch.allclose(thinned[kept], whole[kept] / 0.75)


@pytest.mark.parametrize(("path", "shape", "rest"), [(LINEAR, (64, 50, 16), 1), (CONVOLUTION, (64, 16, 8, 8), (2, 3))])
def test_rank_dropout_leaves_out_ranks_all_over_a_picture(tiny_base, path, shape, rest):
    model, adapter = adapted(tiny_base, rank_dropout=0.5)
    x = torch.randn(shape)
    whole, _ = inner(model, path, x)
    adapter.dropout.begin(1)
    thinned, _ = inner(model, path, x)
    kept = thinned != 0
    assert torch.equal(kept.all(rest), kept.any(rest))  # all of a rank or nothing
    assert kept.float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert torch.allclose(thinned[kept], whole[kept] / 0.5)


@pytest.mark.parametrize("kind", ["lora", "dora", "loha", "lokr"])
def test_module_dropout_gives_the_base_models_layer(tiny_base, kind):
    model, adapter = adapted(tiny_base, type=kind, module_dropout=0.5)
    layer, x = model.unet.get_submodule(LINEAR), torch.randn(2, 5, 16)
    with torch.no_grad():
        plain, whole = layer.get_base_layer()(x), layer(x)
        gone = 0
        for seed in range(40):
            adapter.dropout.begin(seed)
            out = layer(x)
            gone += torch.equal(out, plain)
            assert torch.equal(out, plain) or torch.equal(out, whole)
    assert 10 <= gone <= 30


@pytest.mark.parametrize("kind", ["loha", "lokr"])
def test_without_an_inner_layer_outputs_are_left_out(tiny_base, kind):
    model, adapter = adapted(tiny_base, type=kind, rank_dropout=0.5)
    layer, x = model.unet.get_submodule(LINEAR), torch.randn(64, 5, 16)
    with torch.no_grad():
        plain, whole = layer.get_base_layer()(x), layer(x)
        adapter.dropout.begin(3)
        change = layer(x) - plain
    kept = change.abs() > 1e-6
    assert torch.equal(kept.all(1), kept.any(1))
    assert kept.float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert torch.allclose(change[kept], 2 * (whole - plain)[kept], atol=1e-5)


def test_a_doras_lengths_are_measured_with_nothing_left_out(tiny_base):
    """With the neurons of one layer thinned, what remains is its base scaled as ever."""
    model, adapter = adapted(tiny_base, type="dora", dropout=0.999)
    layer, x = model.unet.get_submodule(LINEAR), torch.randn(2, 5, 16)
    with torch.no_grad():
        down, up = layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight
        weight = layer.get_base_layer().weight + up @ down
        share = layer.lora_magnitude_vector[ADAPTER].weight / weight.norm(dim=1)
        adapter.dropout.begin(5)
        thinned, out = inner(model, LINEAR, x)
        bare = x @ layer.get_base_layer().weight.T
        assert torch.allclose(out, share * (bare + thinned @ up.T), atol=1e-4)


@pytest.mark.parametrize("option", KINDS)
def test_the_same_batch_is_thinned_alike_and_another_is_not(tiny_base, option):
    model, adapter = adapted(tiny_base, **{option: 0.5})
    x, t, hidden = torch.randn(2, 4, 8, 8), torch.tensor([3, 700]), {"hidden": torch.randn(2, 77, 32)}

    def drawn(seed):
        adapter.dropout.begin(seed)
        with torch.no_grad():
            return model.family.denoise(model.unet, x, t, hidden)

    first, second = drawn(1), drawn(2)
    state = torch.get_rng_state()
    assert torch.equal(drawn(1), first)
    assert torch.equal(torch.get_rng_state(), state)  # nothing is drawn from the common state
    assert not torch.equal(first, second)


def test_outside_of_training_nothing_is_left_out(tiny_base):
    model, adapter = adapted(tiny_base, dropout=0.9)
    x = torch.randn(2, 5, 16)
    whole, _ = inner(model, LINEAR, x)
    adapter.dropout.begin(1)
    model.unet.eval()
    assert torch.equal(inner(model, LINEAR, x)[0], whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"lora.dropout": 0.3, "lora.rank_dropout": 0.2, "lora.module_dropout": 0.2, "lora.max_norm": 0.01},
        {"lora.type": "lokr", "lora.rank_dropout": 0.3, "lora.module_dropout": 0.3},
    ],
    ids=["lora", "lokr"],
)
def test_a_stopped_run_goes_on_exactly_and_what_is_computed_twice_is_thinned_alike(small_project, changes):
    def run(**more):
        settings = small_project.settings().assign_all(changes | {"length.epochs": 1} | more)
        return Run.create(small_project, settings)

    def losses(run, stop=0):
        found = []
        for event in train(run):
            if isinstance(event, Step):
                found.append(event.loss)
                if event.step == stop:
                    run.stop_file.touch()
        return found

    whole = losses(run())
    stopped = run()
    assert losses(stopped, stop=2) + losses(stopped) == whole
    assert losses(run(**{"memory.gradient_checkpointing": "full"})) == pytest.approx(whole, rel=1e-5)
    without = changes | {"lora.module_dropout": 0.0}
    other = Run.create(small_project, small_project.settings().assign_all(without | {"length.epochs": 1}))
    assert losses(other) != whole


@pytest.mark.slow
def test_compiled_blocks_leave_out_the_same(small_project):
    changes = {"lora.dropout": 0.3, "lora.rank_dropout": 0.2, "length.epochs": 1}
    found = []
    for how in ("no", "aot_eager"):
        run = Run.create(small_project, small_project.settings().assign_all(changes | {"memory.compile": how}))
        found.append([event.loss for event in train(run) if isinstance(event, Step)])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_a_limit_does_not_go_with_averages_that_are_kept_apart():
    said = conflicts(Settings().assign_all({"lora.max_norm": 1, "optimizer.name": "AdamWScheduleFree"}))
    assert "saves an average" in said[0]


def test_neurons_that_are_not_there_cannot_be_left_out():
    said = conflicts(Settings().assign_all({"lora.type": "loha", "lora.dropout": 0.1}))
    assert "lora.rank_dropout" in said[0]
