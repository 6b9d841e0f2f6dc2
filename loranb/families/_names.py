"""How tensors are called in single files, from how diffusers and transformers call them.

U-Net and VAE are named as in CompVis' and Stability's code, the first text encoder as in transformers with its
older level ``text_model``, those of SD 2.x and the second of SDXL as in open_clip, where the three projections of
attention are one tensor.
"""

import re
from collections.abc import Container
from typing import NamedTuple

from loranb.families._sgm import sgm_name

_VAE = (
    (r"^encoder\.down_blocks\.(\d+)\.resnets\.(\d+)\.", r"encoder.down.\1.block.\2."),
    (r"^encoder\.down_blocks\.(\d+)\.downsamplers\.0\.conv", r"encoder.down.\1.downsample.conv"),
    (r"\.mid_block\.attentions\.0\.group_norm", ".mid.attn_1.norm"),
    (r"\.mid_block\.attentions\.0\.to_(q|k|v)\.", r".mid.attn_1.\1."),
    (r"\.mid_block\.attentions\.0\.to_out\.0", ".mid.attn_1.proj_out"),
    (r"\.mid_block\.resnets\.0\.", ".mid.block_1."),
    (r"\.mid_block\.resnets\.1\.", ".mid.block_2."),
    (r"\.conv_norm_out", ".norm_out"),
    (r"\.conv_shortcut", ".nin_shortcut"),
)
_VAE_UP = re.compile(r"^decoder\.up_blocks\.(\d+)\.(?:resnets\.(\d+)|upsamplers\.0\.conv)\.(.+)")
_OPEN_CLIP = (
    ("embeddings.token_embedding.weight", "token_embedding.weight"),
    ("embeddings.position_embedding.weight", "positional_embedding"),
    ("final_layer_norm", "ln_final"),
    ("encoder.layers", "transformer.resblocks"),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
    ("self_attn.out_proj", "attn.out_proj"),
)
_PROJECTIONS = re.compile(r"self_attn\.([qkv])_proj\.(weight|bias)")


class Place(NamedTuple):
    """Where a tensor is found in a file."""

    name: str
    third: int | None = None  # of three laid on each other, which
    turned: bool = False  # rows are columns


def unet_place(name: str, prefix: str, there: Container[str]) -> Place:
    """Find a tensor of `UNet2DConditionModel`; `there` holds the file's names."""
    module, _, kind = name.rpartition(".")
    found = f"{prefix}{sgm_name(module)}.{kind}"
    if found not in there and ".upsamplers." in name:  # a block without attention has it in the second place
        found = re.sub(r"(output_blocks\.\d+)\.2\.conv", r"\1.1.conv", found)
    return Place(found)


def vae_place(name: str, prefix: str, levels: int, there: Container[str] = ()) -> Place:
    """Find a tensor of `AutoencoderKL`, which has so many levels; some files name it as diffusers does."""
    if prefix + name in there:
        return Place(prefix + name)
    if found := _VAE_UP.match(name):
        level = levels - 1 - int(found[1])
        inside = f"block.{found[2]}" if found[2] else "upsample.conv"
        name = f"decoder.up.{level}.{inside}.{found[3]}"
    for pattern, replacement in _VAE:
        name = re.sub(pattern, replacement, name)
    return Place(prefix + name)


def clip_place(name: str, prefix: str, there: Container[str]) -> Place:
    """Find a tensor of a text encoder in a file that names it as transformers does, or did."""
    inner = name.removeprefix("text_model.")
    found = f"{prefix}text_model.{inner}"
    return Place(found if found in there else f"{prefix}{inner}")


def open_clip_place(name: str, prefix: str) -> Place:
    """Find a tensor of a text encoder in a file that names it as open_clip does."""
    name = name.removeprefix("text_model.")
    if name == "text_projection.weight":
        return Place(f"{prefix}text_projection", turned=True)
    if found := _PROJECTIONS.search(name):
        name = name[: found.start()] + f"attn.in_proj_{found[2]}"
    for old, new in _OPEN_CLIP:
        name = name.replace(old, new)
    return Place(prefix + name, third="qkv".index(found[1]) if found else None)
