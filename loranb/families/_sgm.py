"""Names of the U-Net's modules as Stability's own code has them (sgm), from those of diffusers.

Both are numbered through: diffusers by block and place in it, sgm along the whole way down and up.
"""

import re

LAYERS = 2  # ResNets of a block on the way down; on the way up there is one more. The same in SD 1.x, 2.x and SDXL
_PLACE = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.?(.*)")
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.?(.*)")
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def sgm_name(path: str) -> str:
    """Name a module of SDXL's U-Net as its own code does.

    ``up_blocks.0.attentions.2.proj_in`` gives ``output_blocks.2.1.proj_in``. Other modules keep their name.
    """
    if path in _OUTSIDE:
        return _OUTSIDE[path]
    if found := _MIDDLE.fullmatch(path):
        kind, place, rest = found[1], int(found[2]), found[3]
        return _joined(f"middle_block.{2 * place if kind == 'resnets' else 2 * place + 1}", _inside(kind, rest))
    found = _PLACE.fullmatch(path)
    if not found:
        return path
    way, block, kind, place, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if way == "down":
        number = 1 + block * (LAYERS + 1) + (LAYERS if kind == "downsamplers" else place)
        inside = {"resnets": "0", "attentions": "1", "downsamplers": "0"}[kind]
        rest = rest.replace("conv", "op") if kind == "downsamplers" else rest
        return _joined(f"input_blocks.{number}.{inside}", _inside(kind, rest))
    number = block * (LAYERS + 1) + (LAYERS if kind == "upsamplers" else place)
    inside = {"resnets": "0", "attentions": "1", "upsamplers": "2"}[kind]  # SDXL's blocks with one have attention
    return _joined(f"output_blocks.{number}.{inside}", _inside(kind, rest))


def _inside(kind: str, rest: str) -> str:
    if kind != "resnets":
        return rest
    name, dot, more = rest.partition(".")
    return _RESNET.get(name, name) + dot + more


def _joined(block: str, rest: str) -> str:
    return f"{block}.{rest}" if rest else block
