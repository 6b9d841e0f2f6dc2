"""What holds for every type of LoRA: it begins as nothing, and its file is the one that the field's programs read."""

import re

import pytest
import torch

from loranb import families
from loranb.errors import LoraFileError
from loranb.events import Step
from loranb.lora.adapter import attach
from loranb.lora.file import load_lora
from loranb.lora.targets import unet_targets
from loranb.settings import LoraSettings, Settings
from loranb.settings.conflicts import conflicts
from loranb.training.recipe import train
from loranb.training.run import Run
from loranb.training.stored import StoredConv2d, store_base

TYPES = ("lora", "dora", "loha", "lokr")
SUFFIXES = {
    "lora": {"lora_down.weight", "lora_up.weight", "alpha"},
    "dora": {"lora_down.weight", "lora_up.weight", "dora_scale", "alpha"},
    "loha": {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "alpha"},
    "lokr": {"lokr_w1", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "alpha"},
}


@pytest.fixture
def model(tiny_base):
    return families.load(str(tiny_base), torch.float32)


def predicted(model, seed=0):
    """Predict something through both the text encoder and the U-Net."""
    noise = torch.Generator().manual_seed(seed)
    conditioning = model.family.encode(model, ["a red castle"], 1)
    dtype = model.unet.dtype
    noisy = torch.randn(1, 4, 8, 8, generator=noise).to(dtype)
    return model.family.denoise(model.unet, noisy, torch.tensor([500]), conditioning)


def shaken(adapter, seed=0):
    """Give every weight a value that is not where it began."""
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in adapter.layers:
            for weight in layer.weights.values():
                weight += 0.1 * torch.randn(weight.shape, generator=noise)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", TYPES)
def test_a_fresh_one_changes_nothing_and_is_held_in_fp32(tiny_base, kind, dtype):
    model = families.load(str(tiny_base), dtype)
    with torch.no_grad():
        before = predicted(model)
        adapter = attach(model, LoraSettings(type=kind, rank=2, conv_rank=2))
        assert torch.allclose(predicted(model), before, atol=1e-6)
        shaken(adapter)
        assert not torch.allclose(predicted(model), before, atol=1e-3)
    assert {weight.dtype for layer in adapter.layers for weight in layer.weights.values()} == {torch.float32}


@pytest.mark.parametrize("kind", TYPES)
def test_its_tensors_have_the_names_of_the_format_and_go_back_in(model, tiny_base, kind):
    adapter = attach(model, LoraSettings(type=kind, rank=2, conv_rank=2))
    shaken(adapter)
    tensors = adapter.tensors()
    assert {name.partition(".")[2] for name in tensors} <= SUFFIXES[kind]
    other = families.load(str(tiny_base), torch.float32)
    attach(other, LoraSettings(type=kind, rank=2, conv_rank=2)).load(tensors)
    with torch.no_grad():
        assert torch.equal(predicted(other), predicted(model))


@pytest.mark.parametrize("kind", TYPES)
def test_every_weight_learns(model, kind):
    adapter = attach(model, LoraSettings(type=kind, rank=2, conv_rank=2))
    shaken(adapter)
    model.unet.train()
    predicted(model).square().sum().backward()
    for layer in adapter.layers:
        if layer.part == "unet":
            assert all(weight.grad.abs().sum() > 0 for weight in layer.weights.values()), layer.key


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("dora", "4bit"),
        ("lokr", "8bit"),
        *(pytest.param(kind, how, marks=pytest.mark.slow) for kind in TYPES for how in ("8bit", "fp8", "4bit")),
    ],
)
def test_it_goes_on_a_base_that_is_stored_in_fewer_bits(tiny_sd1, kind, how):
    """Linear layers, 1 x 1 and 3 x 3 convolutions: it begins as nothing, and every weight has a gradient."""
    if how == "4bit":
        pytest.importorskip("bitsandbytes")
    model = families.load(str(tiny_sd1), torch.float32)
    store_base(model.unet, how, torch.device("cpu"))
    with torch.no_grad():
        before = predicted(model)
    adapter = attach(model, LoraSettings(type=kind, rank=2, conv_rank=2, text_encoder=False))
    assert any(isinstance(layer.layer.get_base_layer(), StoredConv2d) for layer in adapter.layers)
    assert torch.allclose(predicted(model), before, atol=1e-5)
    shaken(adapter)
    predicted(model).square().sum().backward()
    assert all(w.grad.abs().sum() > 0 for layer in adapter.layers for w in layer.weights.values())


def test_a_dora_scale_has_one_number_for_each_row_of_the_weight(model):
    tensors = attach(model, LoraSettings(type="dora", rank=2)).tensors()
    weight = (
        model.unet.get_submodule("down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k").get_base_layer().weight
    )
    scale = tensors["lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.dora_scale"]
    assert scale.shape == (16, 1)
    assert torch.allclose(scale, weight.square().sum(1, keepdim=True).sqrt())
    assert tensors["lora_unet_down_blocks_0_attentions_0_proj_in.dora_scale"].shape == (16, 1, 1, 1)


def test_convolutions_have_a_rank_and_an_alpha_of_their_own(model):
    tensors = attach(model, LoraSettings(rank=4, alpha=2, conv_rank=3, conv_alpha=1)).tensors()
    block = "lora_unet_down_blocks_0_resnets_0"
    assert tensors[f"{block}_conv1.lora_down.weight"].shape == (3, 16, 3, 3)
    assert tensors[f"{block}_conv1.lora_up.weight"].shape == (16, 3, 1, 1)
    assert tensors[f"{block}_conv1.alpha"] == 1
    assert tensors[f"{block}_time_emb_proj.lora_down.weight"].shape == (4, 64)
    assert tensors[f"{block}_time_emb_proj.alpha"] == 2
    assert "lora_unet_down_blocks_0_downsamplers_0_conv.alpha" in tensors


def test_the_full_sd15_unet_gets_as_many_convolutions_as_kohya_gives_it():
    """Counts of kohya's sd-scripts for SD 1.x: 278 modules, 50 of them 3 x 3, 46 of them 1 x 1."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)
    layers = dict(unet.named_modules())
    targets = unet_targets(unet, convolutions=True)
    assert len(targets) == len(set(targets)) == 278
    kernels = [tuple(layers[path].kernel_size) for path in targets if hasattr(layers[path], "kernel_size")]
    assert (kernels.count((3, 3)), kernels.count((1, 1))) == (50, 46)
    weights = [layers[path].weight for path in targets]
    pointwise = [weight for weight in weights if weight[0].numel() == weight.shape[1]]
    kernels_of_nine = [weight for weight in weights if weight[0].numel() != weight.shape[1]]
    assert sum(weight.shape[0] + weight.shape[1] for weight in pointwise) == 506_816
    assert sum(weight.shape[0] + weight[0].numel() for weight in kernels_of_nine) == 544_000


def test_rank_stabilised_scaling_is_an_alpha_that_every_program_reads(tiny_base):
    """alpha / sqrt(rank) is (alpha * sqrt(rank)) / rank, and the file says the latter."""
    plain, stabilised = (families.load(str(tiny_base), torch.float32) for _ in range(2))
    first = attach(plain, LoraSettings(rank=4, alpha=6.0))
    second = attach(stabilised, LoraSettings(rank=4, alpha=3.0, rank_stabilised=True))
    shaken(first)
    tensors = first.tensors()
    second.load(tensors)
    assert {float(value) for name, value in second.tensors().items() if name.endswith(".alpha")} == {6.0}
    with torch.no_grad():
        assert torch.equal(predicted(plain), predicted(stabilised))


@pytest.mark.parametrize(("options", "part"), [({"unet": False}, "lora_te_"), ({"text_encoder": False}, "lora_unet_")])
def test_one_part_alone_can_be_trained(model, options, part):
    assert all(name.startswith(part) for name in attach(model, LoraSettings(**options)).tensors())


def test_tensors_of_another_type_are_refused(model, tiny_base):
    other = attach(families.load(str(tiny_base), torch.float32), LoraSettings(type="loha", rank=2)).tensors()
    with pytest.raises(LoraFileError, match=r"missing, the first is .*lora_down"):
        attach(model, LoraSettings(rank=2)).load(other)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lora.unet": False, "lora.text_encoder": False}, "leave nothing to train"),
        ({"lora.conv_alpha": 1}, "lora.conv_rank"),
    ],
)
def test_what_leaves_nothing_to_do_is_told_before_anything_is_loaded(changes, said):
    assert re.search(said, " ".join(conflicts(Settings().assign_all(changes))))


@pytest.mark.parametrize("kind", ["dora", *(pytest.param(k, marks=pytest.mark.slow) for k in ("lora", "loha", "lokr"))])
def test_every_type_goes_on_after_a_stop_as_if_there_had_been_none(small_project, kind):
    changes = {"lora.type": kind, "lora.rank": 2, "lora.conv_rank": 2, "length.epochs": 1}
    settings = small_project.settings().assign_all(changes)
    whole = Run.create(small_project, settings)
    list(train(whole))
    run = Run.create(small_project, settings)
    for event in train(run):
        if isinstance(event, Step) and event.step == 2:
            run.stop_file.touch()
    list(train(run))
    wanted, told = load_lora(whole.lora_file())
    got, _ = load_lora(run.lora_file())
    assert wanted.keys() == got.keys()
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)
    assert told["ss_network_module"] == ("networks.lora" if kind == "lora" else "lycoris.kohya")
    assert '"conv_dim": "2"' in told["ss_network_args"]
