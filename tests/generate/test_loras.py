"""LoRA files of every type on a base model: what they draw, and how they go together."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from loranb import families
from loranb.errors import LoraFileError
from loranb.families import BaseModel
from loranb.generate.loras import LoraRack
from loranb.lora.adapter import Adapter, attach
from loranb.lora.file import save_lora
from loranb.settings import LoraSettings

TYPES = ("lora", "dora", "loha", "lokr")


def predicted(model: BaseModel) -> torch.Tensor:
    """Predict something through the text encoder and the U-Net."""
    with torch.no_grad():
        conditioning = model.family.encode(model, ["a red castle"], 1)
        noisy = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        return model.family.denoise(model.unet, noisy, torch.tensor([500]), conditioning)


def trained(base: Path, **options: object) -> tuple[BaseModel, Adapter]:
    """A model with a LoRA whose every weight is somewhere else than where it began."""
    model = families.load(str(base), torch.float32)
    adapter = attach(model, LoraSettings(**options))
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for layer in adapter.layers:
            for weight in layer.weights.values():
                weight += 0.1 * torch.randn(weight.shape, generator=noise)
    return model, adapter


@pytest.mark.parametrize(
    "options",
    [
        *(pytest.param({"type": kind, "rank": 2}, marks=pytest.mark.slow) for kind in TYPES),
        *({"type": kind, "rank": 2, "alpha": 1, "conv_rank": 3, "conv_alpha": 2} for kind in TYPES),
        {"type": "lokr", "rank": 1, "factor": 2, "decompose_both": True, "conv_rank": 1},
        {"type": "lokr", "rank": 2, "alpha": 7, "factor": 4},
        {"rank": 4, "rank_stabilised": True},
        {"rank": 2, "unet": False},
    ],
    ids=str,
)
def test_a_file_draws_what_training_drew(tiny_base: Path, tmp_path: Path, options: dict):
    """Training computes with peft, and files are read by loranb's own formulas: two ways to one picture."""
    model, adapter = trained(tiny_base, **options)
    save_lora(tmp_path / "a.safetensors", adapter.tensors(), {}, torch.float32)
    plain = families.load(str(tiny_base), torch.float32)
    before, wanted = predicted(plain), predicted(model)
    LoraRack(plain).use({tmp_path / "a.safetensors": (1.0, 1.0)})
    assert torch.allclose(predicted(plain), wanted, atol=2e-5)
    assert (before - wanted).abs().max() > 1e-3


@pytest.mark.parametrize("kind", TYPES)
def test_types_mix_and_leave_nothing_behind(tiny_base: Path, tmp_path: Path, kind: str, make_lora: Callable):
    _, adapter = trained(tiny_base, type=kind, rank=2, conv_rank=2)
    file, other = tmp_path / "a.safetensors", make_lora("town")
    save_lora(file, adapter.tensors(), {}, torch.float32)
    model = families.load(str(tiny_base), torch.float32)
    rack, plain = LoraRack(model), predicted(model)
    drawn = []
    for weights in ({file: (1, 1)}, {file: (1, 1), other: (1, 1)}, {file: (0.5, 0.5)}, {file: (1, 0)}):
        rack.use(weights)
        drawn.append(predicted(model))
    rack.use({file: (1, 1)})
    assert torch.equal(predicted(model), drawn[0])
    rack.use({})
    assert torch.equal(predicted(model), plain)
    assert all(not torch.allclose(one, two, atol=1e-5) for one, two in zip(drawn, drawn[1:], strict=False))


def test_at_half_weight_a_dora_moves_its_layer_half_as_far(tiny_base: Path, tmp_path: Path):
    """As A1111 and ComfyUI do; scaling only the matrices would not be the same."""
    _, adapter = trained(tiny_base, type="dora", rank=2, text_encoder=False)
    save_lora(tmp_path / "a.safetensors", adapter.tensors(), {}, torch.float32)
    model = families.load(str(tiny_base), torch.float32)
    layer = model.unet.get_submodule("down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k")
    x, rack = torch.randn(1, 3, 32), LoraRack(model)
    outputs = []
    for weight in (0.0, 0.5, 1.0):
        rack.use({tmp_path / "a.safetensors": (weight, weight)})
        outputs.append(layer(x))
    assert torch.allclose(outputs[1], (outputs[0] + outputs[2]) / 2, atol=1e-6)


class TestNamesOfOthers:
    """Files of diffusers and peft, and of trainers that name layers a little differently."""

    @pytest.fixture
    def kohya(self, tiny_base: Path, tmp_path: Path) -> tuple[Path, torch.Tensor]:
        model, adapter = trained(tiny_base, rank=2, alpha=1.0)
        save_lora(tmp_path / "kohya.safetensors", adapter.tensors(), {}, torch.float32)
        return tmp_path / "kohya.safetensors", predicted(model)

    def drawn(self, tiny_base: Path, file: Path) -> torch.Tensor:
        model = families.load(str(tiny_base), torch.float32)
        LoraRack(model).use({file: (1.0, 1.0)})
        return predicted(model)

    @pytest.mark.parametrize("kind", ["lora", "dora"])
    def test_what_diffusers_saves_draws_the_same(self, tiny_base: Path, tmp_path: Path, kind: str):
        from diffusers import StableDiffusionPipeline
        from diffusers.training_utils import _collate_lora_metadata
        from peft import get_peft_model_state_dict

        model, _ = trained(tiny_base, type=kind, rank=2, alpha=1.0, conv_rank=3, conv_alpha=2.0)
        encoder = model.text_encoders["lora_te"]
        StableDiffusionPipeline.save_lora_weights(
            tmp_path,
            unet_lora_layers=get_peft_model_state_dict(model.unet),
            text_encoder_lora_layers=get_peft_model_state_dict(encoder),
            **_collate_lora_metadata({"unet": model.unet, "text_encoder": encoder}),
        )
        got = self.drawn(tiny_base, tmp_path / "pytorch_lora_weights.safetensors")
        assert torch.allclose(got, predicted(model), atol=2e-5)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("lora_te_text_model_", "lora_te1_text_model_"),
            ("lora_te_text_model_", "lora_te_"),
            ("lora_te_text_model_", "lora_te1_"),
        ],
    )
    def test_other_prefixes_are_read(self, tiny_base: Path, tmp_path: Path, kohya: tuple, old: str, new: str):
        file, wanted = kohya
        save_file({k.replace(old, new): t for k, t in load_file(file).items()}, tmp_path / "other.safetensors")
        assert torch.allclose(self.drawn(tiny_base, tmp_path / "other.safetensors"), wanted, atol=2e-5)

    def test_the_older_names_of_diffusers_are_read(self, tiny_base: Path, tmp_path: Path):
        block = "down_blocks.0.attentions.0.transformer_blocks.0.attn1"
        down, up = torch.randn(2, 16), torch.randn(16, 2)
        kohya = f"lora_unet_{block.replace('.', '_')}_to_out_0"
        save_file({f"{kohya}.lora_down.weight": down, f"{kohya}.lora_up.weight": up}, tmp_path / "new.safetensors")
        old = f"unet.{block}.processor.to_out_lora"
        save_file({f"{old}.down.weight": down, f"{old}.up.weight": up}, tmp_path / "old.safetensors")
        got = self.drawn(tiny_base, tmp_path / "old.safetensors")
        assert torch.equal(got, self.drawn(tiny_base, tmp_path / "new.safetensors"))


def test_tensors_that_do_not_fit_each_other_have_no_place(tiny_base: Path, tmp_path: Path):
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q"
    sides = {"hada_w1_a": (16, 2), "hada_w1_b": (3, 16), "hada_w2_a": (16, 2), "hada_w2_b": (2, 16)}
    save_file({f"{key}.{name}": torch.ones(shape) for name, shape in sides.items()}, tmp_path / "a.safetensors")
    with pytest.raises(LoraFileError, match="1 of its 1 layers have no place"):
        LoraRack(families.load(str(tiny_base), torch.float32)).use({tmp_path / "a.safetensors": (1.0, 1.0)})
