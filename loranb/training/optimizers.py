"""The optimizer, and the learning rate of each of its groups."""

from typing import Any

import torch

from loranb.lora.adapter import Adapter
from loranb.settings import OptimizerSettings


def make_optimizer(adapter: Adapter, optimizer: OptimizerSettings) -> torch.optim.Optimizer:
    """Make AdamW with a group for the U-Net and one for the text encoders, where they are trained."""
    groups = [
        {"name": part, "params": parameters, "lr": rate}
        for part, rate in peak_rates(optimizer).items()
        if (parameters := adapter.parameters(part)) and rate  # type: ignore[arg-type]
    ]
    return torch.optim.AdamW(groups, weight_decay=optimizer.weight_decay)


def peak_rates(optimizer: OptimizerSettings) -> dict[str, float]:
    """Return the highest learning rate of each group."""
    return {"unet": optimizer.learning_rate, "text_encoder": optimizer.text_encoder_learning_rate or 0.0}


def set_learning_rates(groups: Any, optimizer: OptimizerSettings, share: float) -> dict[str, float]:
    """Set each group's learning rate for the step to come, and return them by name.

    Args:
        groups: the torch optimizer, or accelerate's wrapper of one.
        optimizer: the settings.
        share: of their highest rates, as a schedule gives it.
    """
    peaks = peak_rates(optimizer)
    for group in groups.param_groups:
        group["lr"] = peaks[group["name"]] * share
    return {group["name"]: group["lr"] for group in groups.param_groups}
