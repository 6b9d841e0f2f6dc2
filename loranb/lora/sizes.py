"""How large the LoRA of each layer is made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loranb.errors import SettingsError
from loranb.settings import LoraSettings
from loranb.settings.blocks import Blocks, block_of, miscounted, numbers

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Size:
    """Of one layer's LoRA, as a file says it: what is added is scaled by ``alpha / rank``."""

    rank: int
    alpha: float


def trains_convolutions(lora: LoraSettings) -> bool:
    """Whether 3 x 3 convolutions get a LoRA."""
    return lora.conv_rank is not None or lora.conv_block_ranks is not None


def sizes_for(part: "nn.Module", keys: Mapping[str, str], lora: LoraSettings) -> dict[str, Size]:
    """Say how large the LoRA of each layer is to be, by its path; what gets none is left out.

    Args:
        part: the U-Net or a text encoder.
        keys: the layers' names in a file, by path.
        lora: the settings.

    Raises:
        SettingsError: a list of numbers for blocks has not as many as the U-Net has blocks.
    """
    from loranb.lora.targets import is_convolution  # here, since the plan has sizes without torch

    sizes = {path: size_of(is_convolution(part.get_submodule(path)), block_of(key), lora) for path, key in keys.items()}
    return {path: size for path, size in sizes.items() if size is not None}


def size_of(convolution: bool, block: tuple[Blocks, int] | None, lora: LoraSettings) -> Size | None:
    """Say how large the LoRA of one layer is to be; None where it gets none.

    Args:
        convolution: whether it looks at more than one point.
        block: of the U-Net that it is in, as `block_of` tells; None for a text encoder.
        lora: the settings.
    """
    if convolution:
        rank, alpha = _of_block(lora, "conv_block_ranks", block), _of_block(lora, "conv_block_alphas", block)
        rank, alpha = lora.conv_rank if rank is None else rank, lora.conv_alpha if alpha is None else alpha
    else:
        rank, alpha = _of_block(lora, "block_ranks", block), _of_block(lora, "block_alphas", block)
        rank, alpha = lora.rank if rank is None else rank, lora.alpha if alpha is None else alpha
    return scaled(int(rank), alpha, lora.rank_stabilised) if rank else None


def _of_block(lora: LoraSettings, name: str, block: tuple[Blocks, int] | None) -> float | None:
    """Read a layer's number from a list for all blocks; None where there is no list, or the layer is in no block."""
    text = getattr(lora, name)
    if not text or block is None:
        return None
    blocks, place = block
    if found := miscounted(lora, blocks):
        raise SettingsError(found)
    return numbers(text)[place]


def scaled(rank: int, alpha: float | None, rank_stabilised: bool) -> Size:
    """Make a size; a blank alpha, or nought, is the rank, as kohya reads it.

    Rank-stabilised scaling by ``alpha / sqrt(rank)`` is written as an alpha that is ``sqrt(rank)`` times
    as large, since a file knows ``alpha / rank`` alone.
    """
    alpha = float(alpha or rank)
    return Size(rank, alpha * math.sqrt(rank) if rank_stabilised else alpha)


def commonest(sizes: Mapping[str, Size]) -> Size:
    """Return the size that most layers have."""
    counted = list(sizes.values())
    return max(dict.fromkeys(counted), key=counted.count)
