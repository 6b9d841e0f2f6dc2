"""A running average of the LoRA's weights, which forgets slowly: steadier than the weights of any one step."""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


class Ema:
    """The average of some parameters, in fp32.

    Args:
        parameters: whose average is kept.
        decay: how much of the average stays at each step, such as 0.999. In the first steps less stays, so
            that it does not cling to the beginning: nothing in the first, then ``step / (9 + step)`` at the
            most, as in diffusers.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], decay: float):
        self._parameters, self._decay = list(parameters), decay
        self.average = [parameter.detach().float().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after a step into the average; `step` counts from 1."""
        decay = min(self._decay, step / (9 + step)) if step > 1 else 0.0
        for average, parameter in zip(self.average, self._parameters, strict=True):
            average.lerp_(parameter.float(), 1 - decay)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Give the parameters the average inside, and back what they were, to the bit."""
        kept = [parameter.data for parameter in self._parameters]
        for average, parameter in zip(self.average, self._parameters, strict=True):
            parameter.data = average.clone()
        try:
            yield
        finally:
            for parameter, data in zip(self._parameters, kept, strict=True):
                parameter.data = data

    def load(self, average: Sequence[Tensor]) -> None:
        """Go on with an average that was kept."""
        for mine, kept in zip(self.average, average, strict=True):
            mine.copy_(kept)
