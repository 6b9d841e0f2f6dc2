"""Leave parts of a LoRA out at random while it is trained: kohya's three kinds.

- neuron: some of the inner layer's values of each point; what is left is scaled up.
- rank: some of the inner layer's values all over a picture, as if it had a lower rank; what is left is
  scaled up. A LoHa and a LoKr have no inner layer: there it is some of the layer's outputs, as in LyCORIS.
- module: a whole layer's LoRA.

What is drawn depends on the batch's seed and the layer alone. So a run that goes on after a stop sees what it
would have seen, and a pass that is computed a second time, for gradient checkpointing, is the same again.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from loranb.lora._peft import ADAPTER
from loranb.settings import LoraSettings


class Shares(NamedTuple):
    """How much is left out of each kind, from 0 to below 1."""

    neuron: float = 0.0
    rank: float = 0.0
    module: float = 0.0


@dataclass
class Dropout:
    """What is left out of the batch that is being computed.

    Args:
        shares: how much.
        seed: of the batch; None leaves nothing out.
    """

    shares: Shares = Shares()
    seed: int | None = None

    @classmethod
    def of(cls, lora: LoraSettings) -> "Dropout":
        """Make it from the settings."""
        return cls(Shares(lora.dropout, lora.rank_dropout, lora.module_dropout))

    def begin(self, seed: int | None) -> None:
        """Take a batch's seed; None for pictures that are not trained on."""
        self.seed = seed

    def put_on(self, layer: Any, key: str) -> None:
        """Put it on a layer of peft's that is called so in a file."""
        shares = self.shares
        if not any(shares):
            return
        if not hasattr(layer, "lora_A"):  # LoHa and LoKr
            whole = layer._get_delta_activations
            layer._get_delta_activations = lambda *given: self._thinned(whole(*given), layer, key, shares)
            return
        inner = layer.lora_A[ADAPTER]
        if ADAPTER not in layer.lora_magnitude_vector:
            inner.register_forward_hook(lambda _, __, out: self._thinned(out, layer, key, shares))
            return
        dora = layer.lora_magnitude_vector[ADAPTER]
        dora.get_lora_weight = measuring = _Measuring(dora.get_lora_weight)
        of_inner, of_whole = shares._replace(module=0.0), Shares(module=shares.module)
        inner.register_forward_hook(
            lambda _, __, out: out if measuring.now else self._thinned(out, layer, key, of_inner)
        )
        dora.register_forward_hook(lambda _, __, out: self._thinned(out, layer, key, of_whole))

    @torch.compiler.disable  # the seed is another for each batch, and each would be compiled anew
    def _thinned(self, out: Tensor, layer: nn.Module, key: str, shares: Shares) -> Tensor:
        if self.seed is None or not layer.training:
            return out
        if _chance(self.seed, key) < shares.module:
            return out * 0  # and not left out, so that every weight has a gradient on each of several GPUs
        if shares.neuron:
            out = out * _kept(out.shape, shares.neuron, out, _number(self.seed, key, "neuron"))
        if shares.rank:
            shape = [out.shape[0], *(1,) * (out.ndim - 1)]
            axis = 1 if out.ndim == 4 else -1  # channels of a convolution, else the last
            shape[axis] = out.shape[axis]
            out = out * _kept(shape, shares.rank, out, _number(self.seed, key, "rank"))
        return out


class _Measuring:
    """A DoRA computes its matrix by sending unit vectors through the inner layer: those are not to be thinned out."""

    def __init__(self, measure: Callable[..., Tensor]):
        self._measure, self.now = measure, False

    def __call__(self, *given: Any, **named: Any) -> Tensor:
        self.now = True
        try:
            return self._measure(*given, **named)
        finally:
            self.now = False


def _kept(shape: Sequence[int], share: float, like: Tensor, seed: int) -> Tensor:
    """Draw what stays: 0 where something is left out, else what makes up for it."""
    generator = Generator(like.device).manual_seed(seed)
    drawn = torch.rand(tuple(shape), generator=generator, device=like.device)
    return (drawn >= share).to(like.dtype) / (1 - share)


def _chance(seed: int, key: str) -> float:
    return _number(seed, key, "module") / 256**7


def _number(seed: int, key: str, what: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed} {key} {what}".encode(), digest_size=7).digest(), "big")
