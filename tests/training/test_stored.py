"""A base model in fewer bits: the right numbers, the right gradients, less memory."""

import copy
import importlib.util

import pytest
import torch
from torch import nn

from loranb import families
from loranb.training.stored import StoredConv2d, StoredLinear, store_base

CPU = torch.device("cpu")
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="4 bits need bitsandbytes, which is not installed"
)
HOW = ["8bit", "fp8", pytest.param("4bit", marks=needs_bitsandbytes)]
# The largest error of a weight, as a share of the largest weight that shares its scale: half a step of 1/127;
# half a step of e4m3's 3 bits of mantissa in its topmost binade (256 to 448); half the widest gap of NF4's levels.
WORST = {"8bit": 0.5 / 127, "fp8": 16 / 448, "4bit": 0.5 * (1 - 0.6961928)}
LAYERS = {
    "linear": (nn.Linear(96, 80), (5, 96)),
    "linear without bias": (nn.Linear(64, 64, bias=False), (2, 3, 64)),
    "convolution": (nn.Conv2d(16, 32, 3, padding=1), (2, 16, 8, 6)),
    "convolution with stride": (nn.Conv2d(16, 32, 3, stride=2, padding=1), (2, 16, 8, 6)),
    "convolution of 1 x 1": (nn.Conv2d(64, 80, 1), (2, 64, 4, 4)),
}


def stored_layer(layer, how):
    return (StoredConv2d if isinstance(layer, nn.Conv2d) else StoredLinear)(layer, how, CPU)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", LAYERS)
def test_a_stored_weight_is_off_by_half_a_step_of_its_format_at_most(name, how):
    layer, _ = LAYERS[name]
    off = (stored_layer(layer, how).weight - layer.weight).abs().max()
    assert off <= WORST[how] * layer.weight.abs().max() * 1.0001


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", LAYERS)
def test_output_and_gradient_are_those_of_a_plain_layer_with_the_stored_weights(name, how):
    layer, shape = LAYERS[name]
    stored = stored_layer(layer, how)
    plain = copy.deepcopy(layer).double()
    plain.weight.data = stored.weight.double()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    ours, theirs = x.clone().requires_grad_(), x.double().requires_grad_()
    got, wanted = stored(ours), plain(theirs)
    torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-5)
    weights = torch.randn(got.shape, generator=torch.Generator().manual_seed(2))
    (got * weights).sum().backward()
    (wanted * weights).sum().backward()
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_stored_weight_is_rounded_once(how, dtype):
    layer = stored_layer(LAYERS["linear"][0], how)
    assert torch.equal(layer.decoded(dtype), layer.decoded(torch.float32).to(dtype))


@pytest.mark.parametrize("how", HOW)
def test_under_autocast_it_computes_in_half_precision_as_a_plain_layer_does(how):
    layer = stored_layer(LAYERS["linear"][0], how)
    x = torch.randn(5, 96, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    out.sum().backward()
    assert (out.dtype, x.grad.dtype) == (torch.bfloat16, torch.float32)


def bytes_of(module):
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_weights_take_as_little_as_the_format_promises_and_a_change_of_format_leaves_them(tmp_path):
    layer = nn.Linear(1024, 1024, bias=False)
    assert bytes_of(stored_layer(layer, "8bit")) == 1024 * 1024 + 1024 * 4
    stored = stored_layer(layer, "fp8")
    before = stored.bits.clone()
    assert torch.equal(stored.to(torch.bfloat16).bits, before)


@needs_bitsandbytes
def test_4_bits_with_a_scale_for_64_weights_take_4_and_a_half():
    assert bytes_of(stored_layer(nn.Linear(1024, 1024, bias=False), "4bit")) == 1024 * 1024 * 4.5 / 8


def test_what_is_small_and_where_the_picture_comes_in_and_goes_out_is_left_as_it_is(tiny_base):
    unet = families.load(str(tiny_base), torch.float32).unet
    before = bytes_of(unet)
    store_base(unet, "8bit", CPU)
    kinds = {path: type(layer).__name__ for path, layer in unet.named_modules()}
    assert kinds["conv_in"] == kinds["conv_out"] == "Conv2d"
    assert kinds["time_embedding.linear_1"] == "Linear"
    assert "StoredConv2d" in kinds.values()
    assert bytes_of(unet) < before


@pytest.mark.parametrize(
    ("how", "kind"),
    [("8bit", "lora"), ("8bit", "dora"), ("8bit", "loha"), ("8bit", "lokr")]
    + [
        pytest.param(how, kind, marks=[pytest.mark.slow, *([needs_bitsandbytes] if how == "4bit" else [])])
        for how in ("fp8", "4bit")
        for kind in ("lora", "dora", "loha", "lokr")
    ],
)
def test_each_type_of_lora_begins_without_an_effect_on_a_stored_base(tiny_sd1, how, kind):
    """Its convolutions too: peft makes those of a LoRA by the type of the layer that they are for."""
    from loranb.lora.adapter import attach
    from loranb.settings import LoraSettings

    model = families.load(str(tiny_sd1), torch.float32)
    store_base(model.unet, how, CPU)
    x, t, words = torch.randn(1, 4, 8, 8), torch.tensor([500]), torch.randn(1, 77, 32)
    with torch.no_grad():
        before = model.unet(x, t, words).sample
        adapter = attach(model, LoraSettings(type=kind, rank=2, conv_rank=2))
        torch.testing.assert_close(model.unet(x, t, words).sample, before, rtol=1e-4, atol=1e-5)
    assert any(isinstance(layer.layer.get_base_layer(), StoredConv2d) for layer in adapter.layers)
    model.unet(x, t, words).sample.square().mean().backward()
    learned = [p.grad for layer in adapter.layers if layer.part == "unet" for p in layer.weights.values()]
    assert any(gradient is not None and gradient.abs().sum() > 0 for gradient in learned)


def test_as_it_is_touches_nothing(tiny_base):
    unet = families.load(str(tiny_base), torch.float32).unet
    store_base(unet, "as is", CPU)
    assert not any(isinstance(layer, StoredLinear | StoredConv2d) for layer in unet.modules())
