"""Put a LoRA on a base model with peft, and read it off under the names of a kohya file.

Which layers get one follows kohya's sd-scripts (``networks/lora.py``): in the U-Net every linear
layer and 1 x 1 convolution inside its attention blocks, in the text encoder every linear layer of
attention and MLP. Names are made here and not taken from module paths, because transformers has
moved the text model's layers between versions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from loranb.errors import LoraFileError
from loranb.families import BaseModel

ADAPTER = "default"  # peft's name for it
_TEXT_LAYER = re.compile(r"(?:text_model\.)?encoder\.layers\.(\d+)\.(.+)")
Part = Literal["unet", "text_encoder"]


@dataclass(frozen=True)
class AdaptedLayer:
    """One layer with a LoRA: delta = up(down(x)) * alpha / rank."""

    key: str  # its name in a LoRA file
    part: Part
    down: nn.Parameter
    up: nn.Parameter
    alpha: float


@dataclass(frozen=True)
class Adapter:
    """A LoRA on a base model."""

    layers: tuple[AdaptedLayer, ...]

    def parameters(self, part: Part) -> list[nn.Parameter]:
        """List the trainable parameters of the U-Net or of the text encoders."""
        return [p for layer in self.layers if layer.part == part for p in (layer.down, layer.up)]

    def tensors(self) -> dict[str, Tensor]:
        """Return copies of all weights as a kohya file names them, on the CPU."""
        named: dict[str, Tensor] = {}
        for layer in self.layers:
            named[f"{layer.key}.lora_down.weight"] = layer.down.detach().cpu().clone()
            named[f"{layer.key}.lora_up.weight"] = layer.up.detach().cpu().clone()
            named[f"{layer.key}.alpha"] = torch.tensor(layer.alpha)
        return named

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put weights in, such as those of an earlier save.

        Raises:
            LoraFileError: they are not those of this adapter.
        """
        wanted = {f"{layer.key}.lora_{side}.weight" for layer in self.layers for side in ("down", "up")}
        missing = sorted(wanted - tensors.keys())
        if missing:
            raise LoraFileError(
                f"{len(missing)} of {len(wanted)} tensors are missing, the first is {missing[0]}. "
                "The file was made for another base model or with other settings."
            )
        with torch.no_grad():
            for layer in self.layers:
                for side, parameter in (("down", layer.down), ("up", layer.up)):
                    parameter.copy_(tensors[f"{layer.key}.lora_{side}.weight"])


def attach(model: BaseModel, rank: int, alpha: float, text_encoder: bool) -> Adapter:
    """Add a fresh LoRA to a base model; its effect is nought until it is trained.

    Args:
        model: the base model; its own weights stay frozen.
        rank: size of the inner layer.
        alpha: the LoRA is scaled by ``alpha / rank``.
        text_encoder: whether to adapt the text encoders too.
    """
    config = {"r": rank, "lora_alpha": alpha, "init_lora_weights": True}  # A as kohya: Kaiming uniform; B nought
    targets = unet_targets(model.unet)
    model.unet.add_adapter(LoraConfig(target_modules=targets, **config), ADAPTER)
    layers = [_adapted(model.family.unet_key(path), "unet", module) for path, module in _lora_layers(model.unet)]
    if text_encoder:
        for prefix, encoder in model.text_encoders.items():
            encoder.add_adapter(LoraConfig(target_modules=text_targets(encoder), **config), ADAPTER)
            layers += [
                _adapted(text_key(prefix, path), "text_encoder", module) for path, module in _lora_layers(encoder)
            ]
    return Adapter(tuple(layers))


def unet_targets(unet: nn.Module) -> list[str]:
    """List the paths of the U-Net's layers that get a LoRA."""
    return [
        f"{path}.{name}"
        for path, block in unet.named_modules()
        if isinstance(block, Transformer2DModel)
        for name, layer in block.named_modules()
        if isinstance(layer, nn.Linear) or (isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1))
    ]


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


def _lora_layers(part: nn.Module) -> Iterator[tuple[str, Any]]:
    return ((path, module) for path, module in part.named_modules() if isinstance(module, LoraLayer))


def _adapted(key: str, part: Part, module: Any) -> AdaptedLayer:
    down, up = module.lora_A[ADAPTER].weight, module.lora_B[ADAPTER].weight
    for parameter in (down, up):  # peft follows the base's dtype; a LoRA is trained in fp32
        parameter.data = parameter.data.float()
    return AdaptedLayer(key, part, down, up, float(module.lora_alpha[ADAPTER]))
