"""Which layers of a base model get a LoRA, and what they are called in a file.

Both follow kohya's sd-scripts (``networks/lora.py``): in the U-Net every linear layer and 1 x 1
convolution inside its attention blocks, and, where convolutions are trained too, all linear layers
and convolutions of its residual blocks and of what makes the picture smaller and larger; in the text
encoder every linear layer of attention and MLP. Names are made here and not taken from module paths,
because transformers has moved the text model's layers between versions.
"""

import re

from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.upsampling import Upsample2D
from torch import nn

from loranb.errors import LoraFileError

_TEXT_LAYER = re.compile(r"(?:text_model\.)?encoder\.layers\.(\d+)\.(.+)")
_WITH_CONVOLUTIONS = (Transformer2DModel, ResnetBlock2D, Downsample2D, Upsample2D)


def unet_targets(unet: nn.Module, convolutions: bool = False) -> list[str]:
    """List the paths of the U-Net's layers that get a LoRA.

    Args:
        unet: the U-Net.
        convolutions: whether its residual blocks are trained too, 3 x 3 convolutions and all.
    """
    blocks = _WITH_CONVOLUTIONS if convolutions else Transformer2DModel
    return [
        f"{path}.{name}"
        for path, block in unet.named_modules()
        if isinstance(block, blocks)
        for name, layer in block.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and (convolutions or not is_convolution(layer))
    ]


def is_convolution(layer: nn.Module) -> bool:
    """Whether a layer looks at more than one point: it has the rank of the convolutions."""
    return isinstance(layer, nn.Conv2d) and layer.kernel_size != (1, 1)


def text_targets(encoder: nn.Module) -> list[str]:
    """List the paths of a CLIP text model's layers that get a LoRA."""
    return [
        path for path, layer in encoder.named_modules() if isinstance(layer, nn.Linear) and _TEXT_LAYER.search(path)
    ]


def text_key(prefix: str, path: str) -> str:
    """Name a text encoder's layer as a LoRA file does, whatever level the module lies on.

    ``encoder.layers.0.mlp.fc1`` gives ``lora_te_text_model_encoder_layers_0_mlp_fc1``.
    """
    found = _TEXT_LAYER.search(path)
    if not found:
        raise LoraFileError(f"{path} is no layer of a CLIP text model.")
    return f"{prefix}_text_model_encoder_layers_{found[1]}_{found[2].replace('.', '_')}"
