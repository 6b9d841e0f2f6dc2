"""What is unwise about the LoRA itself."""

import math
from collections.abc import Iterator

from loranb.settings import LoraSettings, OptimizerSettings, Settings
from loranb.settings.advice.advice import Advice
from loranb.settings.optimizers import finds_rate

MANY = 8  # a rank from which the square root makes a difference; assumed
MOST_LOHA = 32  # its matrix may have the rank 32 * 32, which is all that most layers have
MUCH = 0.5
FAST = 2e-3  # 1e-4, the usual rate, times 16, the ratio of the paper, and a little more


def about(settings: Settings) -> Iterator[Advice]:
    """Say what is unwise."""
    yield from _scaling(settings)
    yield from _type(settings.lora)
    yield from _leaving_out(settings.lora)
    yield from _rates(settings.optimizer)


def _scaling(settings: Settings) -> Iterator[Advice]:
    lora = settings.lora
    if lora.alpha is not None and lora.alpha > lora.rank:
        yield Advice(
            f"lora.alpha = {lora.alpha:g} is above the rank ({lora.rank}): the LoRA is amplified and learns in leaps. "
            "Leave it blank, or use a lower learning rate.",
            {"lora.alpha": None},
        )
    if lora.conv_rank is not None and lora.conv_alpha is not None and lora.conv_alpha > lora.conv_rank:
        yield Advice(
            f"lora.conv_alpha = {lora.conv_alpha:g} is above lora.conv_rank = {lora.conv_rank}: the convolutions' LoRA "
            "is amplified, and textures break first. Leave it blank.",
            {"lora.conv_alpha": None},
        )
    if lora.rank_stabilised and lora.rank >= MANY and (lora.alpha is None or lora.alpha >= lora.rank):
        strength = (lora.alpha or lora.rank) / lora.rank**0.5
        yield Advice(
            f"lora.rank_stabilised = True with lora.rank = {lora.rank} and no lower alpha makes the LoRA "
            f"{strength:.3g} times as strong. Set lora.alpha to the square root of the rank for no scaling.",
            {"lora.alpha": round(lora.rank**0.5, 2)},
        )


def _type(lora: LoraSettings) -> Iterator[Advice]:
    if lora.type == "loha" and lora.rank > MOST_LOHA:
        yield Advice(
            f"lora.rank = {lora.rank} is high for lora.type = 'loha', which holds as much as a LoRA of the square of "
            f"its rank: training becomes slow and unstable. {MOST_LOHA} or less is usual.",
            {"lora.rank": 8, "lora.alpha": None},
        )
    if lora.type != "lokr" and (lora.factor != -1 or lora.decompose_both):
        yield Advice(
            f"lora.factor and lora.decompose_both are for lora.type = 'lokr'; {lora.type!r} does not use them.",
            {"lora.factor": -1, "lora.decompose_both": False},
        )


def _leaving_out(lora: LoraSettings) -> Iterator[Advice]:
    for name in ("dropout", "rank_dropout", "module_dropout"):
        if (share := getattr(lora, name)) > MUCH:
            yield Advice(
                f"lora.{name} = {share:g} leaves out more than half of the LoRA at each step; it learns next to "
                "nothing. 0.1 to 0.3 is usual.",
                {f"lora.{name}": 0.2},
            )


def _rates(optimizer: OptimizerSettings) -> Iterator[Advice]:
    if finds_rate(optimizer.name) and optimizer.text_encoder_2_learning_rate not in (None, 0, optimizer.learning_rate):
        yield Advice(
            f"{optimizer.name} uses the U-Net's rate for the second text encoder too; leave its rate blank.",
            {"optimizer.text_encoder_2_learning_rate": None},
        )
    ratio = optimizer.loraplus_unet_ratio or optimizer.loraplus_ratio
    if ratio and ratio * optimizer.learning_rate > FAST and not finds_rate(optimizer.name):
        yield Advice(
            f"LoRA+ at {ratio:g} with optimizer.learning_rate = {optimizer.learning_rate:g} moves the second matrix at "
            f"{ratio * optimizer.learning_rate:g}, which burns most LoRAs. Use a lower learning rate or ratio.",
            {"optimizer.learning_rate": _rounded_down(FAST / ratio)},
        )


def _rounded_down(rate: float) -> float:
    """Shorten a rate to its first digit, never upwards."""
    power = math.floor(math.log10(rate))
    return float(f"{math.floor(rate / 10**power)}e{power}")
