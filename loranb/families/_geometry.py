"""The shape of a model in a single file, read off its tensors: widths and depths, as diffusers' configs write them.

The configs beside this module are those of the full-size models. What can be told from shapes is; what cannot (heads,
activations, the noise schedule) is as in the family.
"""

import functools
import importlib.resources
import json
import re
from typing import Any

from loranb.families._checkpoint import Shapes
from loranb.families._sgm import LAYERS

UNET, VAE = "model.diffusion_model.", "first_stage_model."
HEAD = 64  # width of an attention head of all text encoders, and of the U-Nets of SD 2.x and SDXL
GROUPS_ON_LEVEL = LAYERS + 1


@functools.cache
def _text(family: str) -> str:
    return importlib.resources.files(__package__).joinpath(f"configs/{family}.json").read_text(encoding="utf-8")


def config(family: str) -> dict[str, Any]:
    """Return the configs of a family's full-size model: "unet", "vae", "text_encoders" and "scheduler"."""
    return json.loads(_text(family))


def unet_config(family: str, shapes: Shapes) -> dict[str, Any]:
    """Describe the U-Net of a single file as `UNet2DConditionModel` wants it.

    Args:
        family: whose model it is.
        shapes: of the file's tensors.
    """
    told = config(family)["unet"]
    blocks = 1 + max(int(n) for name in shapes for n in re.findall(rf"^{UNET}input_blocks\.(\d+)\.", name))
    levels = range(1, blocks, GROUPS_ON_LEVEL)
    channels = [shapes[f"{UNET}input_blocks.{first}.0.out_layers.3.weight"][0] for first in levels]
    depths = [_depth(shapes, f"{UNET}input_blocks.{first}.1.") for first in levels]
    told |= {
        "block_out_channels": channels,
        "transformer_layers_per_block": [max(1, depth) for depth in depths],
        "cross_attention_dim": _first(shapes, ".attn2.to_k.weight")[1],
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
    }
    if isinstance(told["attention_head_dim"], list):
        told["attention_head_dim"] = [max(1, width // HEAD) for width in channels]
    if (label := shapes.get(f"{UNET}label_emb.0.0.weight")) is not None:
        told["projection_class_embeddings_input_dim"] = label[1]
    return told


def vae_config(family: str, shapes: Shapes, prefix: str = VAE) -> dict[str, Any]:
    """Describe the VAE of a single file as `AutoencoderKL` wants it.

    Args:
        family: whose latents it makes.
        shapes: of the file's tensors.
        prefix: of its tensors' names.
    """
    told = config(family)["vae"]
    down = rf"^{re.escape(prefix)}encoder\.down(?:_blocks)?\.(\d+)\.(?:block|resnets)\.(\d+)\.conv2\.weight$"
    found = {(int(m[1]), int(m[2])): shape for name, shape in shapes.items() if (m := re.match(down, name))}
    levels = 1 + max(level for level, _ in found)
    return told | {
        "block_out_channels": [found[level, 0][0] for level in range(levels)],
        "layers_per_block": 1 + max(layer for _, layer in found),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
    }


def text_config(family: str, number: int, shapes: Shapes, prefix: str) -> dict[str, Any]:
    """Describe a text encoder of a single file as `CLIPTextConfig` wants it.

    Args:
        family: whose model it is.
        number: 0 for the first text encoder, 1 for the second.
        shapes: of the file's tensors.
        prefix: of its tensors' names.
    """
    told = config(family)["text_encoders"][number]
    inside = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
    layers = 1 + max(int(n) for name in inside for n in re.findall(r"(?:resblocks|layers)\.(\d+)\.", name))
    table, inner = _first(inside, "token_embedding.weight"), _first(inside, "mlp.fc1.weight", "mlp.c_fc.weight")
    width = table[1]
    told |= {
        "vocab_size": table[0],
        "hidden_size": width,
        "intermediate_size": inner[0],
        "num_hidden_layers": layers - 1 if family == "sd2" else layers,  # the model reads the last but one
        "num_attention_heads": max(1, width // HEAD),
        "bos_token_id": table[0] - 2,
        "eos_token_id": table[0] - 1,
    }
    projection = inside.get("text_projection")
    return told | {"projection_dim": projection[1] if projection else width}


def _first(shapes: Shapes, *ends: str) -> tuple[int, ...]:
    """Return the shape of the first tensor whose name ends so."""
    for name, shape in shapes.items():
        if name.endswith(ends):
            return shape
    raise KeyError(ends[0])


def _depth(shapes: Shapes, attention: str) -> int:
    found = {
        int(n) for name in shapes for n in re.findall(rf"^{re.escape(attention)}transformer_blocks\.(\d+)\.", name)
    }
    return len(found)
