"""Norms from the factors alone are those of the matrices, and none stays above the limit."""

import pytest
import torch

from loranb import families
from loranb.lora.adapter import attach
from loranb.lora.norms import limit, norm
from loranb.lora.reading import delta_of
from loranb.settings import LoraSettings
from loranb.training.recipe import train
from loranb.training.run import Run

FORMS = [
    {"type": "lora"},
    {"type": "dora"},
    {"type": "loha"},
    {"type": "lokr"},
    {"type": "lokr", "decompose_both": True, "rank": 1},
]


def grown(base, **options):
    model = families.load(str(base), torch.float32)
    adapter = attach(model, LoraSettings(**{"rank": 2, "alpha": 3, "conv_rank": 2, "text_encoder": False} | options))
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in adapter.layers:
            for weight in layer.weights.values():
                weight += torch.randn(weight.shape, generator=noise)
    return adapter


def matrix(layer):
    """The whole matrix that a layer's LoRA adds, lengths of a DoRA aside."""
    held = {name: weight.detach() for name, weight in layer.weights.items() if name != "dora_scale"}
    return delta_of(held | {"alpha": torch.tensor(layer.alpha)}).matrix()


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_the_norm_is_that_of_the_matrix(tiny_base, options):
    for layer in grown(tiny_base, **options).layers:
        factors = {name: weight for name, weight in layer.weights.items() if name != "dora_scale"}
        assert norm(factors, layer.alpha).item() == pytest.approx(matrix(layer).norm().item(), rel=1e-4)


@pytest.mark.parametrize("options", FORMS, ids=str)
def test_what_is_too_large_is_scaled_down_to_the_limit_and_nothing_else_is_touched(tiny_base, options):
    adapter = grown(tiny_base, **options)
    before = [matrix(layer) for layer in adapter.layers]
    most = sorted(m.norm().item() for m in before)[len(before) // 2]
    limit(adapter.layers, most)
    for layer, was in zip(adapter.layers, before, strict=True):
        wanted = was * min(1.0, most / was.norm().item())
        assert torch.allclose(matrix(layer), wanted, rtol=1e-3, atol=1e-4)


def test_both_factors_are_scaled_alike_as_in_kohyas_trainer(tiny_base):
    """kohya: ratio = limit / norm, and each of the two is multiplied by its square root."""
    adapter = grown(tiny_base)
    layer = adapter.layers[0]
    down, up = (layer.weights[f"lora_{side}.weight"].detach().clone() for side in ("down", "up"))
    ratio = (1.0 / ((up.flatten(1) @ down.flatten(1)) * 3 / 2).norm()).sqrt()
    limit(adapter.layers, 1.0)
    assert ratio < 1
    assert torch.allclose(layer.weights["lora_down.weight"], down * ratio, rtol=1e-4)
    assert torch.allclose(layer.weights["lora_up.weight"], up * ratio, rtol=1e-4)


def test_a_file_keeps_to_the_limit(small_project):
    from loranb.lora.reading import read_deltas

    changes = {"lora.max_norm": 0.02, "optimizer.learning_rate": 1e-2, "saving.precision": "fp32", "length.epochs": 1}
    run = Run.create(small_project, small_project.settings().assign_all(changes))
    list(train(run))
    norms = [delta.matrix().norm().item() for delta in read_deltas(run.lora_file()).values()]
    assert max(norms) == pytest.approx(0.02, rel=1e-3)
