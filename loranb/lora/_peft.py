"""Adapters by peft: how they are put on, and what its parameters are called in a LoRA file.

The names in a file are kohya's for a LoRA and those of LyCORIS for the others. Where peft begins
otherwise than these trainers, it is made to begin as they do, so that their learning rates are right.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from peft import LoHaConfig, LoKrConfig, LoraConfig, PeftConfig
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor, nn

from loranb.lora.sizes import Size, commonest
from loranb.settings import LoraSettings

ADAPTER = "default"  # peft's name for it
_LOHA = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")
_LOKR = ("lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b")
MAGNITUDE = "dora_scale"


def put_on(part: Any, sizes: Mapping[str, Size], lora: LoraSettings) -> Iterator[tuple[str, BaseTunerLayer]]:
    """Add a fresh adapter to a part of the model, in fp32; its effect is nought until it is trained.

    Args:
        part: the U-Net or a text encoder.
        sizes: of the layers that get one, by path.
        lora: the settings.

    Yields:
        The path and peft's module of each layer, in the model's order.
    """
    part.add_adapter(_config(sizes, lora), ADAPTER)
    for path, layer in part.named_modules():
        if isinstance(layer, BaseTunerLayer):
            for parameter in file_names(layer).values():  # peft follows the base's dtype; a LoRA is trained in fp32
                parameter.data = parameter.data.float()
            _begin(layer, lora.type)
            yield path, layer


def _config(sizes: Mapping[str, Size], lora: LoraSettings) -> PeftConfig:
    common = commonest(sizes)
    options: dict[str, Any] = {
        "r": common.rank,
        "target_modules": list(sizes),
        "rank_pattern": _pattern(sizes, lambda size: size.rank, common),
        "alpha_pattern": _pattern(sizes, lambda size: size.alpha, common),
    }
    if lora.type == "loha":
        return LoHaConfig(alpha=common.alpha, **options)
    if lora.type == "lokr":
        divided = {"decompose_factor": lora.factor or -1, "decompose_both": lora.decompose_both}
        return LoKrConfig(alpha=common.alpha, init_weights="lycoris", **divided, **options)
    # A as in kohya's trainer, Kaiming uniform; B nought
    return LoraConfig(lora_alpha=common.alpha, init_lora_weights=True, use_dora=lora.type == "dora", **options)


def _pattern(sizes: Mapping[str, Size], of: Callable[[Size], float], common: Size) -> dict[str, float]:
    """Name the layers that differ, all of one value in one expression: peft tries each on every layer."""
    paths = defaultdict(list)
    for path, size in sizes.items():
        if of(size) != of(common):
            paths[of(size)].append(re.escape(path))
    return {"|".join(named): value for value, named in paths.items()}


@torch.no_grad()
def _begin(layer: Any, kind: str) -> None:
    if kind == "loha":  # as LyCORIS; with peft's own, much smaller numbers it learns some forty times as slowly
        nn.init.normal_(layer.hada_w1_b[ADAPTER], std=1)
        nn.init.normal_(layer.hada_w1_a[ADAPTER], std=0.1)
        nn.init.normal_(layer.hada_w2_b[ADAPTER], std=1)
        nn.init.zeros_(layer.hada_w2_a[ADAPTER])
    elif kind == "lokr" and ADAPTER in layer.lokr_w1 and ADAPTER in layer.lokr_w2:
        layer.alpha[ADAPTER], layer.scaling[ADAPTER] = layer.r[ADAPTER], 1.0  # no rank is left that a file could tell
    elif kind == "dora":  # in fp32: rounded to the base's format, a fresh one would change the picture
        dora = layer.lora_magnitude_vector[ADAPTER]
        weight = dequantize_module_weight(layer.get_base_layer()).float()
        dora.weight.data = dora.get_weight_norm(weight, torch.zeros_like(weight), 1.0)


def file_names(layer: Any) -> dict[str, nn.Parameter]:
    """Return an adapter's parameters under the names that follow the layer's key in a file."""
    if isinstance(layer, LoraLayer):
        named = {
            "lora_down.weight": layer.lora_A[ADAPTER].weight,
            "lora_up.weight": layer.lora_B[ADAPTER].weight,
        }
        if ADAPTER in layer.lora_magnitude_vector:
            named[MAGNITUDE] = layer.lora_magnitude_vector[ADAPTER].weight
        return named
    kept = ((name, getattr(layer, name, {})) for name in (*_LOHA, *_LOKR))
    return {name: values[ADAPTER] for name, values in kept if ADAPTER in values}


def alpha_of(layer: Any) -> float:
    """Return the alpha that a file says: what is added is scaled by it, divided by the rank."""
    return float((layer.lora_alpha if isinstance(layer, LoraLayer) else layer.alpha)[ADAPTER])


def as_in_file(name: str, value: Tensor, layer: Any) -> Tensor:
    """Give a parameter the shape it has in a file: LyCORIS keeps a length for each row, ``(out, 1)`` or 4-D."""
    if name != MAGNITUDE:
        return value
    return value.reshape(-1, *(1 for _ in range(dequantized_ndim(layer) - 1)))


def dequantized_ndim(layer: Any) -> int:
    """Count the dimensions of a layer's weight: packed into 4 bits it has another shape than it stands for."""
    return 4 if isinstance(layer.get_base_layer(), nn.Conv2d) else 2
