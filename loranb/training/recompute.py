"""Gradient checkpointing: parts of the forward pass are computed twice instead of being kept.

Loss and gradients stay the same; memory is traded for time. Feed-forward layers hold the largest
activations beside attention's, and are cheap to compute again; so they alone may be chosen.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from diffusers.models.attention import FeedForward
from torch import nn
from torch.utils.checkpoint import checkpoint

from loranb.settings.memory import Recompute


def recompute(unet: nn.Module, text_encoders: Iterable[Any], how: Recompute) -> None:
    """Let a model compute again what `how` says.

    Args:
        unet: diffusers' U-Net.
        text_encoders: those that are trained; only "full" concerns them, since they are small.
        how: "none", "selective" (the U-Net's feed-forward layers) or "full" (its blocks, and the encoders').
    """
    if how == "selective":
        for layer in unet.modules():
            if isinstance(layer, FeedForward):
                layer.forward = partial(checkpoint, layer.forward, use_reentrant=False)
    if how == "full":
        unet.enable_gradient_checkpointing()  # type: ignore[operator]
        for encoder in text_encoders:
            # transformers 5.20 and later have another name for it
            enable = getattr(encoder, "activation_checkpointing_enable", None) or encoder.gradient_checkpointing_enable
            enable({"use_reentrant": False})
