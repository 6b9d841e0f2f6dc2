"""LoRAs of every type on every family: their layers, and that a file draws what training drew."""

import logging

import pytest
import torch

from loranb import families
from loranb.families import View
from loranb.generate.loras import LoraRack
from loranb.lora.adapter import attach
from loranb.lora.file import save_lora
from loranb.lora.reading import delta_of, read_layers
from loranb.lora.targets import unet_targets
from loranb.settings import LoraSettings, OptimizerSettings
from loranb.training.optimizers import choose, learning_rates, make_optimizer

EVERY_TYPE = ("dora", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("lora", "loha", "lokr")))
SHAPES = {  # of the U-Nets that were published
    "sd2": {"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True},
    "sdxl": {
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": [1, 2, 10],
        "attention_head_dim": [5, 10, 20],
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}


@pytest.fixture(params=["sdxl", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("sd1", "sd2"))])
def folder(request):
    return request.getfixturevalue(f"tiny_{request.param}")


def predicted(model):
    """Predict something through all text encoders and the U-Net."""
    with torch.no_grad():
        conditioning = model.family.encode(model, ["a red castle"], 1)
        conditioning |= model.family.placement([View((64, 64), (0, 0), (64, 64))])
        noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        return model.family.denoise(model.unet, noisy, torch.tensor([500]), conditioning)


def trained(folder, **options):
    """A model with a LoRA whose every weight is somewhere else than where it began."""
    model = families.load(str(folder), torch.float32)
    adapter = attach(model, LoraSettings(**options))
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in adapter.layers:
            for weight in layer.weights.values():
                weight += 0.1 * torch.randn(weight.shape, generator=noise)
    return model, adapter


@pytest.mark.parametrize(
    ("kind", "modules", "kernels", "points", "a_rank", "a_convolution_rank"),
    [("sd2", 278, 50, None, None, 544_000), ("sdxl", 788, 38, 11, 2_718_400, 355_840)],
)
def test_with_convolutions_a_full_unet_has_kohyas_counts(kind, modules, kernels, points, a_rank, a_convolution_rank):
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(**SHAPES[kind])
    weights = [unet.get_submodule(path).weight for path in unet_targets(unet, convolutions=True)]
    three = [weight for weight in weights if weight.shape[2:] == (3, 3)]
    one = [weight for weight in weights if weight.shape[2:] != (3, 3)]
    assert (len(weights), len(three)) == (modules, kernels)
    assert sum(weight.shape[0] + weight[0].numel() for weight in three) == a_convolution_rank
    if points:
        assert sum(weight.ndim == 4 for weight in one) == points
        assert sum(sum(weight.shape[:2]) for weight in one) == a_rank


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_a_file_draws_what_training_drew(folder, tmp_path, kind):
    model, adapter = trained(folder, type=kind, rank=2, alpha=1, conv_rank=2)
    save_lora(tmp_path / "a.safetensors", adapter.tensors(), {}, torch.float32)
    plain = families.load(str(folder), torch.float32)
    before, wanted = predicted(plain), predicted(model)
    LoraRack(plain).use({tmp_path / "a.safetensors": (1.0, 1.0)})
    assert torch.allclose(predicted(plain), wanted, atol=5e-5)
    assert (before - wanted).abs().max() > 1e-3


@pytest.mark.parametrize(
    "options",
    [{"rank": 2, "conv_rank": 3, "conv_alpha": 1}, pytest.param({"rank": 2, "alpha": 1}, marks=pytest.mark.slow)],
    ids=str,
)
def test_diffusers_loads_a_lora_and_a_locon_with_nothing_left_over(folder, tmp_path, caplog, options):
    model, adapter = trained(folder, **options)
    save_lora(tmp_path / "a.safetensors", adapter.tensors(), {}, torch.float32)
    plain = families.load(str(folder), torch.float32)
    pipeline = plain.family.pipeline(plain)
    for library in ("diffusers", "peft"):
        logging.getLogger(library).addHandler(caplog.handler)
    try:
        pipeline.load_lora_weights(str(tmp_path / "a.safetensors"))
    finally:
        for library in ("diffusers", "peft"):
            logging.getLogger(library).removeHandler(caplog.handler)
    assert not [record for record in caplog.records if "nexpected" in record.getMessage()]
    parts = (plain.unet, *plain.text_encoders.values())
    assert sum(hasattr(module, "lora_A") for part in parts for module in part.modules()) == len(adapter.layers)
    assert torch.allclose(predicted(plain), predicted(model), atol=5e-5)


@pytest.mark.parametrize("kind", EVERY_TYPE)
def test_lycoris_reads_every_layer_of_a_file_as_loranb_does(folder, tmp_path, kind):
    modules = pytest.importorskip("lycoris.modules", reason="lycoris-lora is an extra")
    model, adapter = trained(folder, type=kind, rank=2, alpha=1, conv_rank=2, decompose_both=kind == "lokr")
    save_lora(tmp_path / "a.safetensors", adapter.tensors(), {}, torch.float32)
    bases = {layer.key: layer.layer.get_base_layer() for layer in adapter.layers}
    for key, held in list(read_layers(tmp_path / "a.safetensors").items())[::3]:
        state = {f"{key}.{name}": tensor for name, tensor in held.items()}
        module_type, params = modules.get_module(state, key)
        base = bases[key]
        with torch.no_grad():
            theirs = modules.make_module(module_type, params, key, base).eval()
            kernel = getattr(base, "kernel_size", None)
            x = torch.randn(2, 3, base.in_features) if kernel is None else torch.randn(2, base.in_channels, 6, 6)
            ours = base(x) + delta_of(held).on(base).added(x, base(x), base)
            assert torch.allclose(theirs(x), ours, atol=1e-4), key


def test_sdxl_has_23_blocks_and_their_numbers_reach_its_layers(tiny_sdxl):
    ranks = ",".join(str(1 + number % 4) for number in range(23))
    model = families.load(str(tiny_sdxl), torch.float32)
    tensors = attach(model, LoraSettings(block_ranks=ranks, text_encoder=False)).tensors()
    found = {
        name.split("_")[2] + "_" + name.split("_")[4]: len(t) for name, t in tensors.items() if "down.weight" in name
    }
    assert {key: rank for key, rank in found.items() if key.startswith(("input", "output"))} == {
        **{f"input_{n}": 1 + (1 + n) % 4 for n in (4, 5, 7, 8)},
        **{f"output_{n}": 1 + (13 + n) % 4 for n in range(6)},
    }


@pytest.mark.parametrize(
    ("rates", "wanted"),
    [
        pytest.param({}, {"unet": 1e-4, "text_encoder_1": 5e-5, "text_encoder_2": 5e-5}, marks=pytest.mark.slow),
        ({"text_encoder_2_learning_rate": 1e-5}, {"unet": 1e-4, "text_encoder_1": 5e-5, "text_encoder_2": 1e-5}),
        pytest.param(
            {"text_encoder_2_learning_rate": 0}, {"unet": 1e-4, "text_encoder_1": 5e-5}, marks=pytest.mark.slow
        ),
    ],
    ids=str,
)
def test_each_text_encoder_of_sdxl_has_a_rate(tiny_sdxl, rates, wanted):
    settings = OptimizerSettings(text_encoder_learning_rate=5e-5, **rates)
    adapter = attach(families.load(str(tiny_sdxl), torch.float32), LoraSettings(rank=2), settings)
    optimizer = make_optimizer(adapter, settings, choose(settings, torch.device("cpu")))
    assert learning_rates(optimizer) == wanted
    assert any(name.startswith("lora_te2_") for name in adapter.tensors()) == ("text_encoder_2" in wanted)


@pytest.mark.slow
def test_sdxls_layers_are_known_by_diffusers_names_too(tiny_sdxl, tmp_path):
    """Some trainers write kohya's form with diffusers' names of SDXL's blocks."""
    model, adapter = trained(tiny_sdxl, rank=2)
    plain, tensors = families.load(str(tiny_sdxl), torch.float32), {}
    names = {plain.family.unet_key(path): f"lora_unet_{path.replace('.', '_')}" for path in unet_targets(plain.unet)}
    for name, tensor in adapter.tensors().items():
        key, _, rest = name.partition(".")
        tensors[f"{names.get(key, key)}.{rest}"] = tensor
    assert any("down_blocks" in name for name in tensors)
    save_lora(tmp_path / "a.safetensors", tensors, {}, torch.float32)
    LoraRack(plain).use({tmp_path / "a.safetensors": (1.0, 1.0)})
    assert torch.allclose(predicted(plain), predicted(model), atol=5e-5)
