"""Layers listed from a configuration, against the modules that diffusers and transformers make of it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from loranb.estimate.architecture import text_weights, unet_blocks
from loranb.estimate.bases import base_of, known_base, published

LARGE = (nn.Linear, nn.Conv2d)


def same_layers(unet: nn.Module, config: dict) -> None:
    listed = {layer.path: layer for block in unet_blocks(config) for layer in block.layers}
    made = {path: module for path, module in unet.named_modules() if isinstance(module, LARGE)}
    assert listed.keys() == made.keys()
    for path, module in made.items():
        layer = listed[path]
        assert layer.weights == sum(p.numel() for p in module.parameters()), path
        assert layer.kernel == (module.kernel_size[0] if isinstance(module, nn.Conv2d) else 0), path
    every = sum(block.weights for block in unet_blocks(config)) + 2 * config["block_out_channels"][0]
    assert every == sum(p.numel() for p in unet.parameters())


@pytest.mark.parametrize("folder", ["tiny_base", "tiny_sd2", "tiny_sdxl"])
def test_every_layer_of_a_small_model_is_listed_with_its_shape(folder: str, request: pytest.FixtureRequest):
    place: Path = request.getfixturevalue(folder)
    same_layers(
        UNet2DConditionModel.from_pretrained(place / "unet"), json.loads((place / "unet/config.json").read_text())
    )
    base = base_of(str(place))
    assert base is not None
    kinds = [CLIPTextModel] + [CLIPTextModelWithProjection] * (folder == "tiny_sdxl")
    names = ["text_encoder", "text_encoder_2"][: len(kinds)]
    counts = [
        sum(p.numel() for p in kind.from_pretrained(place / name).parameters())
        for kind, name in zip(kinds, names, strict=True)
    ]
    assert list(base.text_weights) == counts


def test_published_models_have_the_parameters_that_are_published():
    """Of the U-Nets of Stable Diffusion 1.5, 2.1 and XL 1.0, and of the text encoders by OpenAI and LAION."""
    published = {"sd1": 859_520_964, "sd2": 865_910_724, "sdxl": 2_567_463_684}
    assert {family: known_base(family).weights for family in published} == published
    assert known_base("sdxl").text_weights == (123_060_480, 694_659_840)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl"])
def test_every_layer_of_a_full_size_model_is_listed(family: str):
    unet, text = published(family)
    with torch.device("meta"):
        same_layers(UNet2DConditionModel(**unet), unet)
        encoder = CLIPTextModel(CLIPTextConfig(**text[0]))
    assert sum(p.numel() for p in encoder.parameters()) == text_weights(text[0])


def test_a_model_that_nobody_knows_yet_has_no_layers():
    assert base_of("someone/unheard-of") is None
    assert base_of("/no/such/folder") is None
    assert base_of("stabilityai/stable-diffusion-xl-base-1.0").family == "sdxl"
    assert base_of("demo").family == "sd1"


def test_the_family_of_the_settings_wins_and_a_single_file_is_recognised(tiny_sdxl_file: Path):
    assert base_of("someone/unheard-of", "sdxl") is known_base("sdxl")
    assert base_of(str(tiny_sdxl_file)) is known_base("sdxl")


def test_a_unet_of_another_build_is_unknown_and_breaks_nothing(tiny_base: Path, tmp_path: Path):
    folder = Path(shutil.copytree(tiny_base, tmp_path / "other"))
    config = json.loads((folder / "unet/config.json").read_text())
    (folder / "unet/config.json").write_text(json.dumps(config | {"block_out_channels": None}))
    assert base_of(str(folder)) is None
