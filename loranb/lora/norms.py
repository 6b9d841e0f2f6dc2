"""How large a layer's LoRA is, and how it is kept from growing too large: max-norm regularisation.

The norm is that of the whole matrix that is added (Frobenius). A product's norm is computed from the small
Gram matrices of its factors, ``|U D|^2 = trace((U^T U) (D D^T))``, so that the matrix itself is never made.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from loranb.lora.deltas import Product

if TYPE_CHECKING:
    from loranb.lora.adapter import AdaptedLayer

_MAGNITUDE = "dora_scale"


@torch.no_grad()
def limit(layers: Iterable["AdaptedLayer"], most: float) -> None:
    """Scale every layer's LoRA whose norm is above `most` down to it, each of its factors alike.

    Nothing waits for a GPU. Lengths that a DoRA has learnt are left alone. As in kohya's trainer.
    """
    for layer in layers:
        factors = {name: weight for name, weight in layer.weights.items() if name != _MAGNITUDE}
        ratio = (most / norm(factors, layer.alpha).clamp(min=1e-12)).clamp(max=1.0) ** (1 / len(factors))
        for weight in factors.values():
            weight.mul_(ratio.to(weight.dtype))


def norm(factors: Mapping[str, Tensor | nn.Parameter], alpha: float) -> Tensor:
    """Return the norm of what a layer's LoRA adds to its weight; a number, where the factors are.

    Args:
        factors: its tensors, by what follows the layer's key in a file.
        alpha: it is scaled by alpha / rank.
    """
    held = {name: tensor.detach().float() for name, tensor in factors.items()}
    if "lora_down.weight" in held:
        down, up = held["lora_down.weight"].flatten(1), held["lora_up.weight"].flatten(1)
        return _of_product(up, down) * (alpha / len(down))
    if "hada_w1_a" in held:  # every number is a product of two sums: there is no shorter way
        return Product(held, alpha).matrix().norm()
    ranks = [len(held[name]) for name in ("lokr_w1_b", "lokr_w2_b") if name in held]
    size = _of_factor(held, "lokr_w1") * _of_factor(held, "lokr_w2")  # of a Kronecker product
    return size * (alpha / ranks[0]) if ranks else size


def _of_factor(held: Mapping[str, Tensor], name: str) -> Tensor:
    return held[name].norm() if name in held else _of_product(held[f"{name}_a"], held[f"{name}_b"])


def _of_product(left: Tensor, right: Tensor) -> Tensor:
    return ((left.T @ left) * (right @ right.T)).sum().clamp(min=0).sqrt()
