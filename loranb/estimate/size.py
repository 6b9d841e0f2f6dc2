"""How large a LoRA is: its parameters layer by layer, and its file.

Counted from the layers' shapes as `loranb.lora` puts it on and writes it; the file's header, some
hundred kilobytes for SDXL, is not counted.
"""

import math
from collections.abc import Iterator
from functools import lru_cache

from loranb.estimate.architecture import Layer
from loranb.estimate.bases import Base
from loranb.families._sgm import sgm_name
from loranb.lora.sizes import size_of, trains_convolutions
from loranb.settings import LoraSettings
from loranb.settings.blocks import Blocks, block_of

BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}


def file_bytes(base: Base, lora: LoraSettings, precision: str) -> int:
    """Return the bytes of a LoRA file's tensors; each layer's alpha is one number more."""
    sizes = [count for _, count in adapted(base, lora)]
    return (sum(sizes) + len(sizes)) * BYTES[precision]


def parameters(base: Base, lora: LoraSettings) -> int:
    """Count what is trained."""
    return sum(count for _, count in adapted(base, lora))


def adapted(base: Base, lora: LoraSettings) -> Iterator[tuple[Layer, int]]:
    """List the layers that get a LoRA, with its parameters."""
    layers = list(unet_targets(base, lora)) if lora.unet else []
    if lora.text_encoder:
        layers += [layer for encoder in base.text for layer in encoder]
    for layer in layers:
        if rank := rank_of(layer, lora, base.family):
            yield layer, _parameters(layer, rank, lora)


def unet_targets(base: Base, lora: LoraSettings) -> Iterator[Layer]:
    """List the U-Net's layers that get a LoRA: those of attention, and of the other blocks where these are trained."""
    return (layer for block in base.blocks if block.kind in adapted_kinds(lora) for layer in block.layers)


def adapted_kinds(lora: LoraSettings) -> frozenset[str]:
    """Name the kinds of blocks whose layers get a LoRA."""
    return _ALL if trains_convolutions(lora) else _ATTENTION


_ATTENTION = frozenset({"attention"})
_ALL = _ATTENTION | {"resnet", "downsampler", "upsampler"}


def rank_of(layer: Layer, lora: LoraSettings, family: str) -> int:
    """Return the rank of a layer's LoRA; 0 where it gets none."""
    size = size_of(layer.kernel > 1, _block(layer.path, family), lora)
    return size.rank if size else 0


@lru_cache(maxsize=8192)
def _block(path: str, family: str) -> tuple[Blocks, int] | None:
    """Say which of kohya's blocks a layer is in, from its name in a file."""
    name = sgm_name(path) if family == "sdxl" else path
    return block_of("lora_unet_" + name.replace(".", "_"))


def _parameters(layer: Layer, rank: int, lora: LoraSettings) -> int:
    area = max(1, layer.kernel) ** 2
    pair = rank * (layer.inputs * area + layer.outputs)
    if lora.type == "dora":
        return pair + layer.outputs
    if lora.type == "loha":
        return 2 * pair
    return _lokr(layer, rank, area, lora) if lora.type == "lokr" else pair


def _lokr(layer: Layer, rank: int, area: int, lora: LoraSettings) -> int:
    """Count the two factors of a Kronecker product; each is a pair of matrices where that is smaller."""
    (out_1, out_2), (in_1, in_2) = (divided(n, lora.factor) for n in (layer.outputs, layer.inputs))
    first_is_pair = lora.decompose_both and rank < max(out_1, in_1) / 2
    first = rank * (out_1 + in_1) if first_is_pair else out_1 * in_1
    second_is_pair = rank < max(out_2, in_2) / 2
    second = rank * (out_2 + in_2 * area) if second_is_pair else out_2 * in_2 * area
    return first + second


def divided(number: int, factor: int) -> tuple[int, int]:
    """Split a number into two factors, the smaller first: as near to each other as can be, or one at most `factor`."""
    if factor > 0 and number % factor == 0:
        return min(factor, number // factor), max(factor, number // factor)
    most = number if factor <= 0 else factor
    small = max(n for n in range(1, math.isqrt(number) + 1) if number % n == 0 and n <= most)
    return small, number // small
