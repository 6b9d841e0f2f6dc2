"""Put a LoRA on a base model, and read it off under the names of a LoRA file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from loranb.errors import LoraFileError, SettingsError
from loranb.families import BaseModel
from loranb.lora._peft import alpha_of, as_in_file, file_names, put_on
from loranb.lora.dropout import Dropout
from loranb.lora.norms import limit
from loranb.lora.rates import ParameterGroup, Rates
from loranb.lora.sizes import sizes_for, trains_convolutions
from loranb.lora.start import begin, read_start, sizes_in
from loranb.lora.targets import text_key, text_targets, unet_targets
from loranb.settings import LoraSettings, OptimizerSettings

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
    rates: Rates = Rates(OptimizerSettings())
    dropout: Dropout = field(default_factory=Dropout)
    max_norm: float = 0.0  # 0 is no limit
    remarks: tuple[str, ...] = ()  # what the user should know of how it was put on

    def groups(self) -> list[ParameterGroup]:
        """Sort the trainable parameters by what they learn at, the U-Net's first."""
        return self.rates.groups(self.layers)

    def limit(self) -> None:
        """Scale down what has grown beyond the highest norm, after a step; nothing where there is none."""
        if self.max_norm:
            limit(self.layers, self.max_norm)

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


def attach(model: BaseModel, lora: LoraSettings, optimizer: OptimizerSettings | None = None) -> Adapter:
    """Add a fresh LoRA to a base model; its effect is nought until it is trained.

    Args:
        model: the base model; its own weights stay frozen.
        lora: the settings.
        optimizer: says which blocks learn at which share of the learning rate; those at 0 get no LoRA.

    Raises:
        SettingsError: lists of numbers for blocks do not fit the model, or leave nothing to train.
        LoraFileError: the LoRA to begin with cannot be read, or is for another base model.
    """
    start = read_start(lora, model)
    rates, dropout = Rates(optimizer or OptimizerSettings()), Dropout.of(lora)
    layers = []
    for part, name, keys in _parts(model, lora):
        trained = {path: key for path, key in keys.items() if rates.trains(name) and rates.of_block(key)}
        sizes = sizes_in(start, trained) if start and lora.rank_from_start else sizes_for(part, trained, lora)
        for path, layer in put_on(part, sizes, lora) if sizes else ():
            layers.append(AdaptedLayer(keys[path], name, layer, file_names(layer), alpha_of(layer)))
            dropout.put_on(layer, keys[path])
    if not layers:
        raise SettingsError(["Nothing is left to train: the rank or the learning rate of every part is 0."])
    remarks = begin(layers, start, lora) if start else ()
    return Adapter(tuple(layers), rates, dropout, lora.max_norm or 0.0, remarks)


def _parts(model: BaseModel, lora: LoraSettings) -> Iterator[tuple[nn.Module, str, dict[str, str]]]:
    """Yield the parts to be trained: the module, its name, and its layers' names in a file by path."""
    if lora.unet:
        targets = unet_targets(model.unet, trains_convolutions(lora) or lora.rank_from_start)
        yield model.unet, UNET, {path: model.family.unet_key(path) for path in targets}
    if lora.text_encoder:
        for prefix, encoder in model.text_encoders.items():
            yield encoder, _PARTS[prefix], {path: text_key(prefix, path) for path in text_targets(encoder)}
