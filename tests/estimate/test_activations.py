"""What the forward pass keeps, against what autograd keeps of models of full size, without their numbers."""

import contextlib

import pytest
import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from loranb.estimate.activations import Pass, kept_of_text, kept_of_unet
from loranb.estimate.bases import known_base, published
from loranb.estimate.size import parameters
from loranb.lora._peft import put_on
from loranb.lora.sizes import sizes_for
from loranb.lora.targets import text_targets, unet_targets
from loranb.settings import LoraSettings
from loranb.training.recompute import recompute
from loranb.training.stored import store_base

from .saved import saved_bytes

HALF, FULL = torch.bfloat16, torch.float32


def counted(
    family: str, side: int, lora: LoraSettings, half: bool, how: str, batch: int = 1, stored: str = "as is"
) -> int:
    config = published(family)[0]
    dtype = HALF if half else FULL
    with torch.device("meta"):
        unet = UNet2DConditionModel(**config).to(dtype).requires_grad_(False)
        store_base(unet, stored, torch.device("meta"))
        targets = unet_targets(unet, convolutions=lora.conv_rank is not None)
        list(put_on(unet, sizes_for(unet, {path: path for path in targets}, lora), lora))
        unet.train()
        recompute(unet, [], how)
        noisy, t = torch.randn(batch, 4, side // 8, side // 8), torch.zeros(batch, dtype=torch.long)
        text = torch.randn(batch, 77, config["cross_attention_dim"])
        added = {"text_embeds": torch.randn(batch, 1280), "time_ids": torch.randn(batch, 6)}
    options = {"added_cond_kwargs": added} if "addition_embed_type" in config else {}
    return saved_bytes(unet, lambda: unet(noisy, t, encoder_hidden_states=text, **options).sample, dtype, half)


def computed(family: str, side: int, lora: LoraSettings, half: bool, how: str, batch: int = 1) -> int:
    kept = kept_of_unet(Pass(known_base(family), lora, half, how), (side, side))
    # Autocast's copies of the LoRA's weights are counted with the LoRA, not with the activations; with "full" they
    # are made anew with the blocks.
    copied = half and lora.type in ("lora", "dora") and how != "full"
    copies = 2 * parameters(known_base(family), lora) if copied else 0
    return kept.picture * batch + kept.once + copies


ALONE = {"text_encoder": False}


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("how", ["none", "selective", "full"])
def test_activations_of_sd_15_are_what_autograd_keeps(half, how):
    lora = LoraSettings(**ALONE)
    assert computed("sd1", 256, lora, half, how) == pytest.approx(counted("sd1", 256, lora, half, how), rel=0.06)


@pytest.mark.parametrize("lora", [{}, {"conv_rank": 8}], ids=str)
def test_convolutions_of_a_stored_base_keep_nothing(lora, monkeypatch):
    # A stored layer asks torch about autocast, which knows none for tensors without numbers.
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: True)
    monkeypatch.setattr(torch, "get_autocast_dtype", lambda *_: HALF)
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    made, base = LoraSettings(**ALONE, **lora), known_base("sd1")
    kept = kept_of_unet(Pass(base, made, True, stored=True), (256, 256)).picture + 2 * parameters(base, made)
    assert kept == pytest.approx(counted("sd1", 256, made, True, "none", stored="8bit"), rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "side", "lora", "half", "how", "batch"),
    [
        ("sd1", 512, {}, True, "none", 4),
        ("sd2", 768, {"rank": 128}, True, "none", 1),
        ("sdxl", 1024, {}, True, "none", 1),
        ("sdxl", 1024, {}, True, "none", 4),
        ("sdxl", 1024, {}, True, "selective", 1),
        ("sdxl", 1024, {}, False, "none", 1),
        ("sdxl", 1024, {}, True, "full", 1),
        ("sdxl", 512, {"conv_rank": 16}, True, "none", 1),
        ("sd1", 512, {"type": "dora"}, True, "none", 2),
        ("sdxl", 512, {"type": "dora"}, True, "none", 1),
        ("sd1", 512, {"type": "loha"}, True, "none", 2),
        ("sdxl", 512, {"type": "lokr"}, True, "none", 1),
    ],
)
def test_activations_of_every_family_and_type_are_within_a_seventh(family, side, lora, half, how, batch):
    made = LoraSettings(**ALONE, **lora)
    expected = counted(family, side, made, half, how, batch)
    assert computed(family, side, made, half, how, batch) == pytest.approx(expected, rel=0.15)


def test_activations_of_a_text_encoder_are_within_a_tenth():
    config = published("sd1")[1][0]
    lora = LoraSettings(unet=False)
    with torch.device("meta"):
        encoder = CLIPTextModel(CLIPTextConfig(**config)).to(HALF).requires_grad_(False)
        list(put_on(encoder, sizes_for(encoder, {path: path for path in text_targets(encoder)}, lora), lora))
        ids = torch.zeros(1, 77, dtype=torch.long)
    expected = saved_bytes(encoder, lambda: encoder(ids, output_hidden_states=True), HALF, True)
    kept = kept_of_text(Pass(known_base("sd1"), lora, True)) + 2 * parameters(known_base("sd1"), lora)
    assert kept == pytest.approx(expected, rel=0.1)
