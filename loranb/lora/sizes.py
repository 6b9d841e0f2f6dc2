"""How large the LoRA of each layer is made."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import nn

from loranb.lora.targets import is_convolution
from loranb.settings import LoraSettings


@dataclass(frozen=True)
class Size:
    """Of one layer's LoRA, as a file says it: what is added is scaled by ``alpha / rank``."""

    rank: int
    alpha: float


def sizes_for(part: nn.Module, paths: Iterable[str], lora: LoraSettings) -> dict[str, Size]:
    """Say how large the LoRA of each layer is to be, by its path.

    Args:
        part: the U-Net or a text encoder.
        paths: of the layers that get a LoRA.
        lora: the settings.
    """
    return {path: _size(is_convolution(part.get_submodule(path)), lora) for path in paths}


def _size(convolution: bool, lora: LoraSettings) -> Size:
    rank, alpha = (lora.conv_rank, lora.conv_alpha) if convolution else (lora.rank, lora.alpha)
    return scaled(rank, alpha, lora.rank_stabilised)


def scaled(rank: int, alpha: float | None, rank_stabilised: bool) -> Size:
    """Make a size; a blank alpha is the rank.

    Rank-stabilised scaling by ``alpha / sqrt(rank)`` is written as an alpha that is ``sqrt(rank)`` times
    as large, since a file knows ``alpha / rank`` alone.
    """
    alpha = float(rank if alpha is None else alpha)
    return Size(rank, alpha * math.sqrt(rank) if rank_stabilised else alpha)


def commonest(sizes: Mapping[str, Size]) -> Size:
    """Return the size that most layers have."""
    counted = list(sizes.values())
    return max(dict.fromkeys(counted), key=counted.count)
