"""Gradient checkpointing trades time for memory, and changes nothing else."""

import pytest
import torch

from loranb import families
from loranb.errors import SettingsError
from loranb.lora.adapter import attach
from loranb.settings import LoraSettings, Settings
from loranb.training.recompute import recompute


def gradients(base, how):
    """Take one step's gradients; returns them with the loss and what was kept for the backward pass, in bytes."""
    torch.manual_seed(0)
    model = families.load(str(base), torch.float32)
    adapter = attach(model, LoraSettings(rank=4))
    with torch.no_grad():
        for layer in adapter.layers:
            torch.nn.init.normal_(layer.weights["lora_up.weight"], std=0.1)
    for part in (model.unet, *model.text_encoders.values()):
        part.train()
    recompute(model.unet, model.text_encoders.values(), how)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    x = torch.randn(2, 4, 8, 8)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        conditioning = model.family.encode(model, ["a red castle", "a windmill"], 1)
        loss = model.family.denoise(model.unet, x, torch.tensor([10, 700]), conditioning).square().mean()
    loss.backward()
    found = {f"{layer.key}.{name}": p.grad for layer in adapter.layers for name, p in layer.weights.items()}
    return loss.item(), found, sum(kept.values())


def test_what_is_computed_twice_gives_the_same_loss_and_gradients_and_keeps_less(tiny_base):
    loss, plain, everything = gradients(tiny_base, "none")
    kept = {}
    for how in ("selective", "full"):
        again, found, kept[how] = gradients(tiny_base, how)
        assert again == loss
        assert all(torch.equal(found[key], plain[key]) for key in plain)
    assert kept["full"] < kept["selective"] < everything


@pytest.mark.parametrize(
    ("old", "new"), [(True, "full"), (False, "none"), ("true", "full"), ("False", "none"), ("selective", "selective")]
)
def test_what_was_a_switch_is_still_read(old, new):
    assert Settings().assign("memory.gradient_checkpointing", old).memory.gradient_checkpointing == new


def test_another_word_is_refused_with_those_that_are_known():
    with pytest.raises(SettingsError, match="none, selective, full"):
        Settings().assign("memory.gradient_checkpointing", "half")
