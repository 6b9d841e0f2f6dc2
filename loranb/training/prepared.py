"""What the recipe goes through its steps with."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from loranb.families import BaseModel
from loranb.lora.adapter import Adapter
from loranb.plan import Plan
from loranb.settings import Settings
from loranb.training.ema import Ema
from loranb.training.loss import BatchLoss
from loranb.training.narrow import held_in_fp32
from loranb.training.optimizers import averaged, learning_rates
from loranb.training.schedules import Schedule
from loranb.training.validation import Validation


@dataclass(frozen=True)
class Prepared:
    """What the recipe goes through its steps with."""

    settings: Settings  # with what "auto" came to
    horizon: Plan
    schedule: Schedule
    accelerator: Accelerator
    model: BaseModel
    adapter: Adapter
    optimizer: Any  # accelerate's wrapper of torch's
    loss: BatchLoss
    ema: Ema | None  # of the weights, where one is kept
    validation: Validation | None  # where pictures are kept back

    @property
    def device(self) -> torch.device:
        """Where the denoiser runs."""
        return self.accelerator.device

    @property
    def trainable(self) -> list[nn.Parameter]:
        """The parameters that the optimizer moves."""
        return [parameter for group in self.optimizer.param_groups for parameter in group["params"]]

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Put on the weights that are saved and drawn with, where those are an average."""
        with held_in_fp32(self.trainable), self.ema.applied() if self.ema else averaged(self.optimizer):
            yield

    def learning_rates(self) -> dict[str, float]:
        """Return the rate of each group in the last step; 0 of one that is trained no longer."""
        trained = {g["name"]: any(p.requires_grad for p in g["params"]) for g in self.optimizer.param_groups}
        return {name: rate if trained[name] else 0.0 for name, rate in learning_rates(self.optimizer).items()}

    def stop_text_encoders(self, step: int) -> None:
        """Freeze the text encoders' LoRA where the settings say that it is trained no longer.

        Args:
            step: of those that have been taken.
        """
        share = self.settings.optimizer.text_encoder_stop
        if share and step >= share / 100 * self.horizon.steps:
            for group in self.optimizer.param_groups:
                if group["name"].startswith("text_encoder"):
                    for parameter in group["params"]:
                        parameter.requires_grad_(False)
