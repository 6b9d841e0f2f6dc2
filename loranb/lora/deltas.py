"""What a LoRA of each type adds to a layer of the base model.

W is the layer's weight, (out, in) or (out, in, k, k), and the change is given as a matrix (out, in * k * k).
The formulas are those of kohya's trainer and of LyCORIS, and so are the shapes in which files hold them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = nn.Linear | nn.Conv2d


class Delta(Protocol):
    """A change of one layer."""

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix that is added."""
        ...

    def matrix(self) -> Tensor:
        """Return what is added to the flattened weight, in fp32; (out, in * k * k)."""
        ...

    def added(self, x: Tensor, output: Tensor, layer: Layer) -> Tensor:
        """Return what is added to the layer's `output` for `x`, at weight 1."""
        ...

    def on(self, layer: Layer) -> Self:
        """Return the same, where and in the number format in which the layer computes."""
        ...


@dataclass(frozen=True)
class LowRank:
    """LoRA and LoCon: ``up @ down * alpha / rank``."""

    down: Tensor  # (rank, in) or (rank, in, k, k)
    up: Tensor  # (out, rank) or (out, rank, 1, 1)
    alpha: float
    middle: Tensor | None = None  # (rank, rank, k, k) in Tucker's form, where `down` looks at single points

    @property
    def rank(self) -> int:
        """Size of the inner layer."""
        return len(self.down)

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix that is added."""
        return len(self.up), self.down[0].numel() * (1 if self.middle is None else self.middle[0, 0].numel())

    def matrix(self) -> Tensor:
        """Return what is added to the flattened weight; (out, in * k * k)."""
        down = self.down.float().flatten(1)
        if self.middle is not None:
            down = torch.einsum("rskl,si->rikl", self.middle.float(), down).flatten(1)
        return self.up.float().flatten(1) @ down * (self.alpha / self.rank)

    def added(self, x: Tensor, output: Tensor, layer: Layer) -> Tensor:  # noqa: ARG002  a DoRA needs it
        """Return what is added to the layer's output, without making the matrix."""
        if isinstance(layer, nn.Linear):
            inner = functional.linear(x, self.down.flatten(1))
            return functional.linear(inner, self.up.flatten(1)) * (self.alpha / self.rank)
        kernel = self.down if self.middle is None else self.middle
        inner = x if self.middle is None else functional.conv2d(x, self.down)
        inner = functional.conv2d(inner, kernel, None, layer.stride, layer.padding, layer.dilation)
        return functional.conv2d(inner, self.up) * (self.alpha / self.rank)

    def on(self, layer: Layer) -> "LowRank":
        """Return the same with its tensors as the layer's, 4-D where that is a convolution."""
        shape = (1, 1) if isinstance(layer, nn.Conv2d) else ()
        kernel = layer.weight.shape[2:] if self.middle is None else shape
        like = {"device": layer.weight.device, "dtype": layer.weight.dtype}
        return replace(
            self,
            down=self.down.reshape(self.rank, -1, *kernel).to(**like),
            up=self.up.reshape(len(self.up), -1, *shape).to(**like),
            middle=None if self.middle is None else self.middle.to(**like),
        )


@dataclass(frozen=True)
class Product:
    """LoHa and LoKr, whose matrix is made from smaller ones: their `matrix` is all that differs.

    LoHa: ``(w1_a @ w1_b) * (w2_a @ w2_b) * alpha / rank``, each number by itself. LoKr: the Kronecker product of w1
    and w2, each of which may be a product ``a @ b`` of the rank that divides alpha; where neither is, nothing
    is scaled. Source: Hyeon-Woo et al., FedPara (arXiv:2108.06098); Yeh et al., LyCORIS (arXiv:2309.14859).
    """

    tensors: Mapping[str, Tensor]  # by the names of the file
    alpha: float

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix that is added."""
        held = {name: tensor.to("meta") for name, tensor in self.tensors.items()}
        made = replace(self, tensors=held).matrix()
        return made.shape[0], made.shape[1]

    def matrix(self) -> Tensor:
        """Return what is added to the flattened weight; (out, in * k * k)."""
        held = {name: tensor.float() for name, tensor in self.tensors.items()}
        if "hada_w1_a" in held:
            rank = len(held["hada_w1_b"])
            return _factor(held, "hada_w1", "hada_t1") * _factor(held, "hada_w2", "hada_t2") * (self.alpha / rank)
        ranks = [len(held[name]) for name in ("lokr_w1_b", "lokr_w2_b") if name in held]
        made = torch.kron(_factor(held, "lokr_w1"), _factor(held, "lokr_w2", "lokr_t2"))
        return made * (self.alpha / ranks[0]) if ranks else made

    def added(self, x: Tensor, output: Tensor, layer: Layer) -> Tensor:  # noqa: ARG002  a DoRA needs it
        """Return what is added to the layer's output."""
        weight = self.matrix().to(x.dtype).reshape(layer.weight.shape)
        if isinstance(layer, nn.Linear):
            return functional.linear(x, weight)
        return functional.conv2d(x, weight, None, layer.stride, layer.padding, layer.dilation)

    def on(self, layer: Layer) -> "Product":
        """Return the same on the layer's device; in fp32, since a product of products overflows half precision."""
        return replace(self, tensors={name: t.float().to(layer.weight.device) for name, t in self.tensors.items()})


def _factor(held: Mapping[str, Tensor], name: str, core: str = "") -> Tensor:
    """Make one of the matrices that a product is of: it is held whole, as ``a @ b``, or in Tucker's form."""
    if name in held:
        return held[name].flatten(1)
    a, b = held[f"{name}_a"], held[f"{name}_b"]
    if core in held:
        return torch.einsum("rskl,ro,si->oikl", held[core], a, b).flatten(1)
    return a @ b


@dataclass(frozen=True)
class Decomposed:
    """DoRA: the changed weight, each of its rows given a length that was learnt: ``m * (W + D) / |W + D|``.

    Older files of LyCORIS hold a length for each input instead. At a weight of w the layer is moved by
    w times as far, as web UIs and ComfyUI do. Several files are each measured against the base model.
    Source: Liu et al., DoRA (arXiv:2402.09353).
    """

    change: LowRank | Product
    magnitude: Tensor  # (out,) or (out, 1, ...) or, of inputs, (1, in, ...)
    share: Tensor | None = None  # of the length that it had, by which W + D is multiplied; made by `on`

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix that is added."""
        return self.change.shape

    def matrix(self) -> Tensor:
        """Refuse: what is added depends on the weight it is added to; see `on`."""
        raise TypeError("A DoRA's change depends on the layer's weight.")

    @property
    def by_input(self) -> bool:
        """Whether it holds a length for each input and not for each row."""
        return self.magnitude.ndim > 1 and self.magnitude.shape[0] == 1 != self.shape[0]

    def added(self, x: Tensor, output: Tensor, layer: Layer) -> Tensor:
        """Return what is added to the layer's output; `on` has to come before."""
        assert self.share is not None
        if self.by_input:
            scaled = x * self.share.to(x.dtype)
            return _without_bias(scaled, layer) + self.change.added(scaled, output, layer) - _without_bias(x, layer)
        bare = output if layer.bias is None else output - layer.bias.reshape(-1, *(1,) * (self.share.ndim - 2))
        more = (self.share - 1).to(x.dtype)  # near 0, where half precision is fine enough
        changed = self.change.added(x, output, layer)
        return more * (bare + changed) + changed

    def on(self, layer: Layer) -> "Decomposed":
        """Return the same for a layer, its weight measured."""
        change = self.change.on(layer)
        weight = layer.weight.float() + change.matrix().reshape(layer.weight.shape)
        if self.by_input:
            weight = weight.transpose(0, 1)
        length = weight.flatten(1).norm(dim=1).clamp(min=torch.finfo(torch.float32).eps)
        share = self.magnitude.float().to(length.device).flatten() / length
        shape = (1, -1, 1, 1) if isinstance(layer, nn.Conv2d) else (1, -1)
        return replace(self, change=change, share=share.reshape(shape))


def _without_bias(x: Tensor, layer: Layer) -> Tensor:
    if isinstance(layer, nn.Linear):
        return functional.linear(x, layer.weight)
    return functional.conv2d(x, layer.weight, None, layer.stride, layer.padding, layer.dilation)
