"""How much there is to compute: floating-point operations of a step, and the time they take here.

A multiplication and an addition count as two. The counts order runs by length; how long one takes is
known only from a run on the same machine.
"""

from collections.abc import Sequence
from functools import lru_cache

from loranb.estimate.activations import LATENT, TOKENS
from loranb.estimate.architecture import Block, Layer
from loranb.estimate.bases import Base
from loranb.estimate.size import adapted
from loranb.plan import Plan
from loranb.settings import LoraSettings, Settings

# The backward pass of frozen weights costs as much as the forward pass, that of attention two and a half times as much.
ATTENTION_BACKWARD = 2.5


@lru_cache(maxsize=512)
def forward(base: Base, size: tuple[int, int], tokens: int = TOKENS) -> tuple[float, float]:
    """Count one forward pass of the U-Net over one picture: all of it, and the products of attention alone."""
    whole = products = 0.0
    for block in base.blocks:
        positions = (size[0] // LATENT >> block.level) * (size[1] // LATENT >> block.level)
        whole += sum(_layer(layer, positions, tokens) for layer in block.layers)
        products += _products(block, positions, tokens)
    return whole + products, products


def per_epoch(settings: Settings, plan: Plan, base: Base) -> float:
    """Count an epoch's steps: forward, backward, what is computed twice, and the LoRA's own."""
    return sum(bucket.items * of_picture(settings, base, bucket.size) for bucket in plan.buckets)


def of_picture(settings: Settings, base: Base, size: tuple[int, int]) -> float:
    """Count what is computed of one picture in a step."""
    whole, products = forward(base, size)
    backward = whole + (ATTENTION_BACKWARD - 1) * products
    again = {"none": 0.0, "selective": _feed_forward(base, size), "full": whole}
    return whole + backward + again[settings.memory.gradient_checkpointing] + 3 * _of_lora(base, settings.lora, size)


def _layer(layer: Layer, positions: int, tokens: int) -> float:
    area = max(1, layer.kernel) ** 2
    return 2.0 * layer.inputs * layer.outputs * area * _times(layer, positions, tokens)


def _times(layer: Layer, positions: int, tokens: int) -> int:
    """Return at how many places a layer works."""
    if layer.path.endswith(("attn2.to_k", "attn2.to_v")):
        return tokens
    return 1 if "time_emb" in layer.path or "add_embedding" in layer.path else positions


def _products(block: Block, positions: int, tokens: int) -> float:
    return 4.0 * block.depth * positions * (positions + tokens) * block.channels


def _feed_forward(base: Base, size: tuple[int, int]) -> float:
    return _sum(base, [layer for block in base.blocks for layer in block.layers if ".ff." in layer.path], size)


@lru_cache(maxsize=512)
def _of_lora(base: Base, lora: LoraSettings, size: tuple[int, int]) -> float:
    """Count the forward pass of the U-Net's LoRA: two operations for each parameter and place."""
    parameters = {layer.path: count for layer, count in adapted(base, lora) if not layer.path.startswith("encoder.")}
    places = size[0] // LATENT, size[1] // LATENT
    return sum(
        2.0 * parameters[layer.path] * _times(layer, (places[0] >> block.level) * (places[1] >> block.level), TOKENS)
        for block in base.blocks
        for layer in block.layers
        if layer.path in parameters
    )


def _sum(base: Base, layers: Sequence[Layer], size: tuple[int, int]) -> float:
    wanted = {layer.path for layer in layers}
    places = size[0] // LATENT, size[1] // LATENT
    return sum(
        _layer(layer, (places[0] >> block.level) * (places[1] >> block.level), TOKENS)
        for block in base.blocks
        for layer in block.layers
        if layer.path in wanted
    )
