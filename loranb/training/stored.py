"""A frozen base model whose weights are stored in fewer bits, and computed with in full.

Each layer keeps its weights in 8 or 4 bits and turns them back at each pass, forwards and backwards.
Nothing but the stored weights is kept for the backward pass, and the gradient with respect to a layer's
input is exact for the weights as they are stored; so a LoRA above them learns what they get wrong too
(Dettmers et al., "QLoRA", arXiv:2305.14314).

- "8bit": whole numbers from -127 to 127, with a scale for each output channel.
- "fp8": float8 e4m3, with such a scale. Small weights are kept better than by 8bit, large ones worse.
- "4bit": NF4 in blocks of 64 weights, by bitsandbytes.
"""

import importlib.util
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.grad import conv2d_input

from loranb.errors import SettingsError
from loranb.settings.memory import Stored

LEAST = 4096  # weights of a layer that is worth it; below, the scales and the launches cost more than is saved
BLOCK = 64  # weights that share a scale in 4 bits, as in the paper
_FIRST_AND_LAST = ("conv_in", "conv_out", "time_embedding", "add_embedding")  # small, and what they err is never mended
_INT8, _FP8 = 127.0, torch.finfo(torch.float8_e4m3fn).max


def check_stored(how: Stored) -> None:
    """See whether weights can be stored so on this machine.

    Raises:
        SettingsError: they cannot.
    """
    if how == "4bit" and importlib.util.find_spec("bitsandbytes") is None:
        raise SettingsError(
            [
                "memory.base = '4bit' needs bitsandbytes, which is not installed (pip install bitsandbytes); "
                "'8bit' and 'fp8' need nothing."
            ]
        )


def store_base(unet: nn.Module, how: Stored, device: torch.device) -> None:
    """Store a U-Net's linear layers and convolutions in fewer bits, in place; each is turned over on `device`.

    Args:
        unet: with its own weights only; a LoRA is put on afterwards.
        how: "8bit", "fp8" or "4bit"; "as is" does nothing.
        device: where it is to be used.
    """
    if how == "as is":
        return
    for parent, name, layer in list(_large_layers(unet)):
        kind = StoredConv2d if isinstance(layer, nn.Conv2d) else StoredLinear
        setattr(parent, name, kind(layer, how, device))


def _large_layers(unet: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    for path, parent in unet.named_modules():
        for name, layer in parent.named_children():
            inside = not f"{path}.{name}".lstrip(".").startswith(_FIRST_AND_LAST)
            if inside and type(layer) in (nn.Linear, nn.Conv2d) and layer.weight.numel() >= LEAST:
                yield parent, name, layer


class _StoredWeight(nn.Module):
    """A layer without a weight parameter: `weight` is made anew from what is stored each time it is asked for."""

    def __init__(self, layer: Any, how: Stored, device: torch.device):
        nn.Module.__init__(self)
        for name in layer.__constants__:
            setattr(self, name, getattr(layer, name))
        self.how, self.shape, self.dtype = how, layer.weight.shape, layer.weight.dtype
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.to(device), requires_grad=False)
        bits, scale = _encode(layer.weight.detach().to(device).float(), how)
        self.register_buffer("bits", bits)
        self.register_buffer("scale", scale)
        self.train(layer.training)

    def decoded(self, dtype: torch.dtype) -> Tensor:
        """Return the weights, as a layer that stores them plainly would hold them."""
        return _decode(self.bits, self.scale, self.shape, self.how, dtype)  # type: ignore[arg-type]

    @property
    def weight(self) -> Tensor:
        """What libraries ask a layer for; in the base model's own number format."""
        return self.decoded(self.dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Compute as the plain layer does, under autocast too."""
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        return _Frozen.apply(x, self)


class StoredLinear(_StoredWeight, nn.Linear):
    """A linear layer; libraries know it for one."""

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return ``x W^T + b``."""
        return functional.linear(x, weight, bias)

    def backward_product(self, shape: torch.Size, weight: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG002
        """Return the gradient with respect to x."""
        return gradient @ weight


class StoredConv2d(_StoredWeight, nn.Conv2d):
    """A convolution; libraries know it for one."""

    def __new__(cls, *given: Any, **named: Any) -> Any:
        """Make one of a layer; of numbers, a plain one: peft makes a LoRA's convolutions of their base's type."""
        return object.__new__(cls) if not given or isinstance(given[0], nn.Module) else nn.Conv2d(*given, **named)

    def product(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return the convolution of x."""
        return functional.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def backward_product(self, shape: torch.Size, weight: Tensor, gradient: Tensor) -> Tensor:
        """Return the gradient with respect to x, which is of this shape."""
        how = (self.stride, self.padding, self.dilation, self.groups)
        return conv2d_input(shape, weight, gradient, *how)


class _Frozen(torch.autograd.Function):
    """The product with weights that are not learned: only x gets a gradient, and the weights are not kept for it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: Any) -> Tensor:
        ctx.layer, ctx.shape, ctx.dtype = layer, x.shape, x.dtype
        bias = None if layer.bias is None else layer.bias.to(x.dtype)
        with torch.autocast(x.device.type, enabled=False):
            return layer.product(x, layer.decoded(x.dtype), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        with torch.autocast(gradient.device.type, enabled=False):
            return ctx.layer.backward_product(ctx.shape, ctx.layer.decoded(ctx.dtype), gradient.to(ctx.dtype)), None


def _encode(weight: Tensor, how: Stored) -> tuple[Tensor, Tensor]:
    """Turn fp32 weights into bytes and their scales; bytes, so that no change of number format touches them."""
    if how == "4bit":
        from bitsandbytes.functional import quantize_4bit

        # One block a row: bitsandbytes 0.50 mixes the scales up on a CPU where blocks cross rows.
        blocks = functional.pad(weight.flatten(), (0, -weight.numel() % BLOCK)).view(-1, BLOCK)
        bits, state = quantize_4bit(blocks, blocksize=BLOCK, quant_type="nf4")
        return bits, state.absmax
    most = _INT8 if how == "8bit" else _FP8
    scale = weight.abs().amax(dim=tuple(range(1, weight.dim())), keepdim=True).clamp(min=1e-12) / most
    scaled = weight / scale
    coded = scaled.round().to(torch.int8) if how == "8bit" else scaled.to(torch.float8_e4m3fn)
    return coded.view(torch.uint8), scale


def _decode(bits: Tensor, scale: Tensor, shape: torch.Size, how: Stored, dtype: torch.dtype) -> Tensor:
    """Turn bytes back into weights; they are computed in fp32, and rounded once."""
    if how == "4bit":
        from bitsandbytes.functional import QuantState, dequantize_4bit

        blocks = torch.Size((scale.numel(), BLOCK))
        state = QuantState(scale, shape=blocks, blocksize=BLOCK, quant_type="nf4", dtype=dtype)
        return dequantize_4bit(bits, state).flatten()[: shape.numel()].view(shape)
    coded = bits.view(torch.int8 if how == "8bit" else torch.float8_e4m3fn)
    return (coded.to(scale.dtype) * scale).to(dtype)
