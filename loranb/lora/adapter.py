"""Put a LoRA on a base model, and read it off under the names of a LoRA file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from loranb.errors import LoraFileError
from loranb.families import BaseModel
from loranb.lora._peft import alpha_of, as_in_file, file_names, put_on
from loranb.lora.sizes import sizes_for
from loranb.lora.targets import text_key, text_targets, unet_targets
from loranb.settings import LoraSettings

UNET = "unet"
_PARTS = {"lora_te": "text_encoder", "lora_te1": "text_encoder_1", "lora_te2": "text_encoder_2"}


@dataclass(frozen=True)
class AdaptedLayer:
    """One layer with a LoRA."""

    key: str  # its name in a LoRA file
    part: str  # "unet", "text_encoder", or of SDXL "text_encoder_1" and "text_encoder_2"
    layer: Any  # peft's
    weights: Mapping[str, nn.Parameter]  # by what follows the key in a file: "lora_down.weight", ...
    alpha: float  # what is added is scaled by alpha / rank


@dataclass(frozen=True)
class Adapter:
    """A LoRA on a base model."""

    layers: tuple[AdaptedLayer, ...]

    def parameters(self, part: str) -> list[nn.Parameter]:
        """List the trainable parameters of the U-Net or of a text encoder."""
        return [p for layer in self.layers if layer.part == part for p in layer.weights.values()]

    def tensors(self) -> dict[str, Tensor]:
        """Return copies of all weights as a LoRA file names them, on the CPU."""
        named: dict[str, Tensor] = {}
        for layer in self.layers:
            for name, parameter in layer.weights.items():
                named[f"{layer.key}.{name}"] = as_in_file(name, parameter.detach().cpu().clone(), layer.layer)
            named[f"{layer.key}.alpha"] = torch.tensor(layer.alpha)
        return named

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights in, such as those of an earlier save.

        Raises:
            LoraFileError: they are not those of this adapter.
        """
        wanted = {f"{layer.key}.{name}": p for layer in self.layers for name, p in layer.weights.items()}
        missing = sorted(wanted.keys() - tensors.keys())
        if missing:
            raise LoraFileError(
                f"{len(missing)} of {len(wanted)} tensors are missing, the first is {missing[0]}. "
                "The file was made for another base model or with other settings."
            )
        with torch.no_grad():
            for name, parameter in wanted.items():
                parameter.copy_(tensors[name].reshape(parameter.shape))


def attach(model: BaseModel, lora: LoraSettings) -> Adapter:
    """Add a fresh LoRA to a base model; its effect is nought until it is trained.

    Args:
        model: the base model; its own weights stay frozen.
        lora: the settings.
    """
    layers = []
    if lora.unet:
        targets = unet_targets(model.unet, convolutions=lora.conv_rank is not None)
        for path, layer in put_on(model.unet, sizes_for(model.unet, targets, lora), lora):
            layers.append(_adapted(model.family.unet_key(path), UNET, layer))
    if lora.text_encoder:
        for prefix, encoder in model.text_encoders.items():
            for path, layer in put_on(encoder, sizes_for(encoder, text_targets(encoder), lora), lora):
                layers.append(_adapted(text_key(prefix, path), _PARTS[prefix], layer))
    return Adapter(tuple(layers))


def _adapted(key: str, part: str, layer: Any) -> AdaptedLayer:
    return AdaptedLayer(key, part, layer, file_names(layer), alpha_of(layer))
