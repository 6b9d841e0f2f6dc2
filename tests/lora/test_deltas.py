"""What each type adds to a layer: as LyCORIS computes it, and as the formulas say in double precision."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from loranb.errors import LoraFileError
from loranb.lora.reading import delta_of, read_layers

LAYERS = {
    "linear": lambda: nn.Linear(12, 20),
    "1x1": lambda: nn.Conv2d(12, 20, 1),
    "3x3": lambda: nn.Conv2d(12, 20, 3, stride=2, padding=1),
    "square": lambda: nn.Linear(16, 16, bias=False),
}
FORMS = {
    "locon": {},
    "locon tucker": {"use_tucker": True},
    "dora": {"weight_decompose": True},
    "dora by input": {"weight_decompose": True, "wd_on_out": False},
    "loha": {},
    "loha tucker": {"use_tucker": True},
    "loha dora": {"weight_decompose": True},
    "lokr": {},
    "lokr both": {"decompose_both": True},
    "lokr tucker": {"use_tucker": True},
    "lokr whole": {"full_matrix": True},
    "lokr factor": {"factor": 2},
}


def inputs(layer, seed=1):
    shape = (2, 5, layer.in_features) if isinstance(layer, nn.Linear) else (2, layer.in_channels, 6, 6)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def of_lycoris(form, layer, rank=2, alpha=3.0):
    """Make a module of LyCORIS on a layer, with random weights; returns it and its tensors as it saves them."""
    modules = pytest.importorskip("lycoris.modules", reason="lycoris-lora is an extra")
    kinds = {"loha": modules.LohaModule, "lokr": modules.LokrModule}
    kind = kinds.get(form.split()[0], modules.LoConModule)
    module = kind("lora_unet_x", layer, 1.0, rank, alpha, **FORMS[form])
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            weight.copy_(torch.randn(weight.shape, generator=noise) * 0.3 + (1.0 if "dora" in name else 0.0))
    return module, {name: tensor.detach().clone() for name, tensor in module.custom_state_dict().items()}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("form", FORMS)
def test_a_layer_gives_what_lycoris_gives(form, layer):
    layer = LAYERS[layer]()
    module, held = of_lycoris(form, layer)
    x = inputs(layer)
    with torch.no_grad():
        plain = layer(x)
        wanted = module.eval()(x)
        delta = delta_of(held).on(layer)
        assert delta.shape == (len(layer.weight), layer.weight[0].numel())
        assert torch.allclose(plain + delta.added(x, plain, layer), wanted, atol=2e-5)


def kron(a, b):
    """Take the Kronecker product from its definition."""
    rows = [[a[i, j] * b for j in range(a.shape[1])] for i in range(a.shape[0])]
    return torch.cat([torch.cat(row, 1) for row in rows], 0)


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_matrices_are_those_of_the_formulas():
    down, up = random(3, 12, seed=1), random(20, 3, seed=2)
    lora = {"lora_down.weight": down, "lora_up.weight": up, "alpha": torch.tensor(6.0)}
    assert torch.allclose(delta_of(lora).matrix().double(), 2.0 * up @ down, atol=1e-5)
    parts = [random(20, 3, seed=3), random(3, 12, seed=4), random(20, 3, seed=5), random(3, 12, seed=6)]
    loha = dict(zip(("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"), parts, strict=True)) | {
        "alpha": torch.tensor(1.5)
    }
    wanted = (parts[0] @ parts[1]) * (parts[2] @ parts[3]) / 2
    assert torch.allclose(delta_of(loha).matrix().double(), wanted, atol=1e-5)
    first, a, b = random(4, 3, seed=7), random(5, 2, seed=8), random(2, 4, seed=9)
    lokr = {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b, "alpha": torch.tensor(4.0)}
    assert torch.allclose(delta_of(lokr).matrix().double(), 2 * kron(first, a @ b), atol=1e-5)
    whole = {"lokr_w1": first, "lokr_w2": a @ b, "alpha": torch.tensor(4.0)}
    assert torch.allclose(delta_of(whole).matrix().double(), kron(first, a @ b), atol=1e-5)


def test_a_dora_gives_every_row_of_the_changed_weight_its_length():
    layer, x = nn.Linear(12, 20), inputs(nn.Linear(12, 20))
    down, up, length = random(3, 12, seed=1), random(20, 3, seed=2), random(20, 1, seed=3).abs()
    held = {"lora_down.weight": down, "lora_up.weight": up, "dora_scale": length, "alpha": torch.tensor(3.0)}
    changed = layer.weight.detach().double() + up @ down
    weight = length * changed / changed.square().sum(1, keepdim=True).sqrt()
    with torch.no_grad():
        plain = layer(x)
        delta = delta_of(held).on(layer)
        got = plain + delta.added(x, plain, layer)
        wanted = x.double() @ weight.T + layer.bias.double()
    assert torch.allclose(got.double(), wanted, atol=1e-5)


@pytest.mark.parametrize("form", ["locon", "dora", "loha", "lokr", "lokr both"])
def test_half_precision_gives_the_same_within_its_rounding(form):
    layer = nn.Linear(16, 16)
    _, held = of_lycoris(form, layer)
    x = inputs(layer)
    with torch.no_grad():
        plain = layer(x)
        wanted = delta_of(held).on(layer).added(x, plain, layer)
        half = nn.Linear(16, 16).to(torch.bfloat16)
        half.load_state_dict(layer.state_dict())
        x16 = x.bfloat16()
        got = delta_of(held).on(half).added(x16, half(x16), half)
    assert got.dtype == torch.bfloat16
    assert (got.float() - wanted).abs().max() < 0.05 * wanted.abs().max()


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"lora_unet_x.lora_down.weight": 1}, "LoRA of lora_unet_x lacks lora_up.weight"),
        ({"lora_unet_x.lokr_w1_a": 1, "lora_unet_x.lokr_w2": 1}, "LoKr of lora_unet_x lacks lokr_w1_b"),
        ({"lora_unet_x.oft_blocks": 1}, "OFT"),
        ({"lora_unet_x.diff": 1, "lora_unet_x.diff_b": 1}, "full weights"),
        (
            {"lora_unet_x.lora_down.weight": 1, "lora_unet_x.lora_up.weight": 1, "lora_unet_x.bias": 1},
            "holds bias besides",
        ),
        ({"model.diffusion_model.conv.weight": 1}, "no type that is known"),
    ],
)
def test_what_is_no_whole_lora_is_refused_by_name(tmp_path, held, said):
    save_file({name: torch.zeros(size, size) for name, size in held.items()}, tmp_path / "a.safetensors")
    with pytest.raises(LoraFileError, match=said):
        read_layers(tmp_path / "a.safetensors")


def test_a_missing_alpha_and_nought_are_the_rank():
    for alpha in ({}, {"alpha": torch.tensor(0.0)}):
        held = {"lora_down.weight": torch.ones(3, 2), "lora_up.weight": torch.ones(2, 3), **alpha}
        assert delta_of(held).alpha == 3
