import re

import pytest
import torch

from loranb import families
from loranb.lora.adapter import attach
from loranb.lora.targets import text_key, text_targets, unet_targets
from loranb.settings import LoraSettings


@pytest.fixture
def model(tiny_base):
    return families.load(str(tiny_base), torch.float32)


def test_every_key_is_one_that_kohya_writes(model):
    tensors = attach(model, LoraSettings(rank=4, alpha=2)).tensors()
    form = re.compile(r"(lora_unet_(down_blocks|mid_block|up_blocks)_|lora_te_text_model_encoder_layers_)\w+\.")
    assert tensors
    for key in tensors:
        assert form.match(key), key
        assert key.endswith((".lora_down.weight", ".lora_up.weight", ".alpha"))


def test_a_fresh_lora_changes_nothing(model):
    noisy, t, hidden = torch.randn(1, 4, 8, 8), torch.tensor([500]), {"hidden": torch.randn(1, 77, 32)}
    before = model.family.denoise(model.unet, noisy, t, hidden)
    attach(model, LoraSettings(rank=4))
    assert torch.equal(model.family.denoise(model.unet, noisy, t, hidden), before)


def test_shapes_are_kohyas(model):
    tensors = attach(model, LoraSettings(rank=4, alpha=2, text_encoder=False)).tensors()
    block = "lora_unet_down_blocks_0_attentions_0"
    assert tensors[f"{block}_proj_in.lora_down.weight"].shape == (4, 16, 1, 1)
    assert tensors[f"{block}_proj_in.lora_up.weight"].shape == (16, 4, 1, 1)
    assert tensors[f"{block}_transformer_blocks_0_attn2_to_k.lora_down.weight"].shape == (4, 32)
    assert tensors[f"{block}_proj_in.alpha"] == 2.0


@pytest.mark.parametrize("path", ["encoder.layers.3.mlp.fc1", "text_model.encoder.layers.3.mlp.fc1"])
def test_text_encoder_names_do_not_depend_on_the_transformers_version(path):
    assert text_key("lora_te", path) == "lora_te_text_model_encoder_layers_3_mlp_fc1"


def test_the_full_sd15_unet_gets_as_many_loras_as_kohya_gives_it():
    """Counts of kohya's sd-scripts for SD 1.x: 192 modules, 423,936 parameters a rank."""
    from diffusers import UNet2DConditionModel

    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)  # the defaults are SD 1.x's
    targets = unet_targets(unet)
    layers = dict(unet.named_modules())
    assert len(targets) == 192
    assert sum(layers[t].weight.shape[0] + layers[t].weight.shape[1] for t in targets) == 423_936


def test_the_full_clip_text_encoder_gets_as_many_loras_as_kohya_gives_it():
    """Counts of kohya's sd-scripts for SD 1.x: 72 modules, 165,888 parameters a rank."""
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        encoder = CLIPTextModel(
            CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
        )
    layers = dict(encoder.named_modules())
    targets = text_targets(encoder)
    assert len(targets) == 72
    assert sum(sum(layers[t].weight.shape) for t in targets) == 165_888
