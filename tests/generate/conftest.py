"""A generator over the tiny base model, and LoRA files for it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from loranb.generate.pictures import Generator
from loranb.generate.prompt import SamplePrompt

Layers = dict[str, tuple[int, ...]]


@pytest.fixture(scope="session")
def generator(tiny_base: Path) -> Generator:
    """The tiny base model, opened once; a test that changes its parts puts them back."""
    return Generator.open(str(tiny_base), "fp32")


@pytest.fixture
def request_() -> SamplePrompt:
    """Something quick to draw."""
    return SamplePrompt("a red house", width=64, height=64, steps=2, seed=3, sampler="Euler a")


@pytest.fixture
def layers() -> dict[str, Layers]:
    """Some layers of the tiny base model, as a kohya file names them: inside, outside and kernel."""
    unet = {
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q": (16, 16),
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_2": (64, 16),
        "lora_unet_up_blocks_1_attentions_1_proj_in": (16, 16, 1, 1),
    }
    text = {
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj": (32, 32),
        "lora_te_text_model_encoder_layers_2_self_attn_v_proj": (32, 32),
    }
    return {"unet": unet, "text": text, "both": unet | text}


@pytest.fixture
def make_lora(tmp_path: Path, layers: dict[str, Layers]) -> Callable[..., Path]:
    """Write a real LoRA file in kohya's format, for some layers of the tiny base model."""

    def make(name: str, chosen: Layers | None = None, rank: int = 4, alpha: float = 2.0) -> Path:
        noise, tensors = torch.Generator().manual_seed(len(name)), {}
        for key, (inside, outside, *kernel) in (chosen or layers["unet"]).items():
            tensors[f"{key}.lora_down.weight"] = torch.randn(rank, inside, *kernel, generator=noise)
            tensors[f"{key}.lora_up.weight"] = torch.randn(outside, rank, *kernel, generator=noise)
            tensors[f"{key}.alpha"] = torch.tensor(alpha)
        file = tmp_path / f"{name}.safetensors"
        save_file(tensors, file)
        return file

    return make
