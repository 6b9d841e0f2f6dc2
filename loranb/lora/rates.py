"""Which of a LoRA's parameters learn at which share of the learning rate.

Blocks of the U-Net may have shares of their own, and in LoRA+ the second of the two matrices has one.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from torch import nn

from loranb.settings import OptimizerSettings
from loranb.settings.blocks import all_rates, block_of

if TYPE_CHECKING:
    from loranb.lora.adapter import AdaptedLayer

UP = "lora_up.weight"


class ParameterGroup(NamedTuple):
    """Parameters that learn alike."""

    name: str
    part: str  # whose learning rate it is a share of: "unet", "text_encoder", "text_encoder_1", "text_encoder_2"
    share: float
    parameters: list[nn.Parameter]


@dataclass(frozen=True)
class Rates:
    """The shares of the learning rate.

    Args:
        optimizer: the settings.
    """

    optimizer: OptimizerSettings

    def of_block(self, key: str) -> float:
        """Return the share of the layer with this key in a file; 0 of a block that is left out."""
        written = (self.optimizer.block_rates_down, self.optimizer.block_rates_mid, self.optimizer.block_rates_up)
        if not any(written) or (block := block_of(key)) is None:
            return 1.0
        blocks, place = block
        shares = all_rates(written, blocks, self.optimizer.block_rates_threshold)
        return shares[place] if shares else 1.0

    def trains(self, part: str) -> bool:
        """Whether a part learns at all; a text encoder whose rate is 0 does not."""
        first, second = self.optimizer.text_encoder_learning_rate, self.optimizer.text_encoder_2_learning_rate
        if part == "text_encoder_2" and second is not None:
            return second > 0
        return part == "unet" or first is None or first > 0

    def of_second(self, part: str) -> float:
        """Return the share of the second matrix, LoRA+'s ratio."""
        own = (
            self.optimizer.loraplus_unet_ratio if part == "unet" else self.optimizer.loraplus_text_encoder_ratio
        ) or self.optimizer.loraplus_ratio
        return own or 1.0

    def groups(self, layers: Iterable["AdaptedLayer"]) -> list[ParameterGroup]:
        """Sort parameters into groups, the U-Net's first."""
        found: dict[tuple[str, str, float], list[nn.Parameter]] = defaultdict(list)
        for layer in sorted(layers, key=lambda layer: layer.part != "unet"):
            block = self._block_name(layer.key)
            second = self.of_second(layer.part)
            for name, parameter in layer.weights.items():
                raised = name == UP and second != 1
                share = self.of_block(layer.key) * (second if raised else 1.0)
                found[f"{layer.part}{block}{'_up' if raised else ''}", layer.part, share].append(parameter)
        return [ParameterGroup(name, part, share, parameters) for (name, part, share), parameters in found.items()]

    def _block_name(self, key: str) -> str:
        block = block_of(key)
        return "" if block is None or self.of_block(key) == 1 else f"_block_{block[1]:02d}"
