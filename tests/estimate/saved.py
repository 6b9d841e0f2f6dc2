"""Counts what autograd keeps, on models without numbers; autocast as CUDA does it, without CUDA."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  torch's own documents call it so
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

PRODUCTS = (F.linear, F.conv2d, torch.conv2d, torch.matmul)
NORMS = (F.layer_norm, F.group_norm)  # CUDA's autocast computes them in fp32


class _Attention(torch.autograd.Function):
    """Keeps what the fused kernels keep: q, k, v, what comes out, and a sum for each row."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = torch.empty_like(q)
        ctx.save_for_backward(q, k, v, out, torch.empty(q.shape[:-1], dtype=torch.float32, device=q.device))
        return out

    @staticmethod
    def backward(ctx: Any, _gradient: Tensor) -> tuple[Tensor, ...]:
        return tuple(torch.empty_like(saved) for saved in ctx.saved_tensors[:3])


class Autocast(TorchFunctionMode):
    """Casts as CUDA's autocast does; a cast of a parameter is made once."""

    def __init__(self, dtype: torch.dtype, on: bool):
        super().__init__()
        self.dtype, self.on = dtype, on
        self.casts: dict[Any, Tensor] = {}

    def _cast(self, value: Any, dtype: torch.dtype) -> Any:
        if not (isinstance(value, Tensor) and value.is_floating_point() and value.dtype != dtype):
            return value
        if isinstance(value, nn.Parameter):
            if (id(value), dtype) not in self.casts:
                self.casts[id(value), dtype] = value.to(dtype)
            return self.casts[id(value), dtype]
        return value.to(dtype)

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            given = args[:3] if len(args) >= 3 else [kwargs[name] for name in ("query", "key", "value")]
            return _Attention.apply(*(self._cast(one, self.dtype) if self.on else one for one in given))
        if self.on and func in (*PRODUCTS, *NORMS):
            dtype = self.dtype if func in PRODUCTS else torch.float32
            args = tuple(self._cast(one, dtype) for one in args)
            kwargs = {name: self._cast(one, dtype) for name, one in kwargs.items()}
        return func(*args, **kwargs)


def saved_bytes(model: nn.Module, run: Callable[[], Any], dtype: torch.dtype, autocast: bool) -> int:
    """Count the bytes that are kept for the backward pass, each storage once, parameters left out."""
    own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    sizes: dict[int, int] = {}
    alive = []  # a storage that is gone could give its address to another

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own and storage._cdata not in sizes:
            sizes[storage._cdata] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with Autocast(dtype, autocast), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(sizes.values())
