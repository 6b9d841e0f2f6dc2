"""For which family a LoRA was made."""

import pytest
import torch
from safetensors.torch import save_file

from loranb import families
from loranb.errors import LoraFileError
from loranb.generate.loras import LoraRack
from loranb.lora.adapter import attach
from loranb.lora.file import save_lora
from loranb.lora.origin import family_of, told_family
from loranb.settings import LoraSettings, Settings
from loranb.training.problems import problems

BLOCK = "down_blocks_{}_attentions_0_transformer_blocks_0_attn2_to_k"


@pytest.mark.parametrize(
    ("shapes", "metadata", "family"),
    [
        ({}, {"ss_base_model_version": "sd_v1"}, "sd1"),
        ({}, {"ss_base_model_version": "sd_v2_v"}, "sd2"),
        ({}, {"ss_base_model_version": "sdxl_base_v1-0"}, "sdxl"),
        ({}, {"modelspec.architecture": "stable-diffusion-v2-768-v/lora"}, "sd2"),
        ({"lora_te2_text_model_encoder_layers_0_mlp_fc1.alpha": ()}, {}, "sdxl"),
        ({f"lora_unet_{BLOCK.format(0)}.lora_down.weight": (8, 768)}, {}, "sd1"),
        ({f"lora_unet_{BLOCK.format(0)}.lora_down.weight": (8, 1024)}, {}, "sd2"),
        ({f"lora_unet_{BLOCK.format(1)}.lora_down.weight": (8, 2048)}, {}, "sdxl"),
        ({"unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight": (4, 2048)}, {}, "sdxl"),
        ({f"lora_unet_{BLOCK.format(0)}.lora_down.weight": (8, 32)}, {}, ""),
        ({}, {"ss_base_model_version": "flux1"}, ""),
    ],
)
def test_it_is_told_by_metadata_then_names_then_the_width_of_texts(shapes, metadata, family):
    assert told_family(shapes, metadata) == family


@pytest.fixture
def of_sdxl(tiny_sdxl, tmp_path):
    tensors = attach(families.load(str(tiny_sdxl), torch.float32), LoraSettings(rank=2)).tensors()
    save_lora(tmp_path / "xl.safetensors", tensors, {}, torch.float32)
    return tmp_path / "xl.safetensors"


def test_drawing_with_a_lora_of_another_family_says_which(of_sdxl, tiny_sd1):
    rack = LoraRack(families.load(str(tiny_sd1), torch.float32))
    with pytest.raises(LoraFileError, match=r"made for Stable Diffusion XL, another family than tiny_sd1: \d+ of its"):
        rack.use({of_sdxl: (1.0, 1.0)})


def test_beginning_with_a_lora_of_another_family_is_refused_before_anything_is_loaded(of_sdxl, tiny_sd1, tiny_sdxl):
    for base, refused in ((tiny_sd1, True), (tiny_sdxl, False)):
        asked = Settings().assign_all({"model.base": str(base), "lora.start_from": str(of_sdxl)})
        found = [said for said in problems(asked) if said.startswith("lora.start_from")]
        assert bool(found) == refused
    assert (
        "is of the family sdxl"
        in problems(Settings().assign_all({"model.base": str(tiny_sdxl), "model.family": "sd1"}))[0]
    )


def test_a_file_that_cannot_be_read_is_of_no_family(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    save_file({"a": torch.zeros(1)}, tmp_path / "y.safetensors")
    assert family_of(tmp_path / "x.safetensors") == family_of(tmp_path / "y.safetensors") == ""
