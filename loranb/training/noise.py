"""The noise that is mixed into latents, and what may be done to it.

Every number is drawn from the generator that is given, on the CPU; so the noise of a batch depends on
the batch's seed alone. The formulas are those of kohya's trainer.

Notation: x0 clean latents, eps noise, both (B, C, H, W).
"""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from loranb.settings import NoiseSettings


def shape_noise(eps: Tensor, x0: Tensor, noise: NoiseSettings, generator: Generator) -> Tensor:
    """Give plain noise an offset and coarser layers, as the settings ask; the denoiser is to predict the result."""
    if noise.offset is not None:
        strength = noise.offset * (_share(generator) if noise.offset_random else 1.0)
        eps = offset_noise(eps, x0, strength, noise.offset_adaptive or 0.0, generator)
    if noise.multires_iterations is not None:
        eps = multires_noise(eps, noise.multires_iterations, noise.multires_discount, generator)
    return eps


def perturb(eps: Tensor, noise: NoiseSettings, generator: Generator) -> Tensor:
    """Return the noise that is mixed in: more than the denoiser is to predict, where the settings ask for it.

    Source: Ning et al., "Input Perturbation Reduces Exposure Bias in Diffusion Models" (arXiv:2301.11706).
    """
    if noise.perturbation is None:
        return eps
    strength = noise.perturbation * (_share(generator) if noise.perturbation_random else 1.0)
    return eps + strength * _normal(eps.shape, eps, generator)


def offset_noise(eps: Tensor, x0: Tensor, strength: float, adaptive: float, generator: Generator) -> Tensor:
    """Add to each channel of each sample one number all over, so that its mean can be learnt.

    Args:
        eps: plain noise.
        x0: clean latents; how far their channels' means are from 0 counts with `adaptive`.
        strength: of what is added.
        adaptive: what is added to the strength for each unit of such a mean; the sum is not below 0.
        generator: what is drawn from.
    """
    strengths = (strength + adaptive * x0.mean((2, 3), keepdim=True).abs()).clamp(min=0)
    return eps + strengths * _normal((*eps.shape[:2], 1, 1), eps, generator)


def multires_noise(eps: Tensor, iterations: int, discount: float, generator: Generator) -> Tensor:
    """Add ever coarser noise, each layer weaker by `discount`, and scale the sum to a deviation of 1.

    A layer's sides are those of the latents divided by a random number between 2 and 4, to the power
    of the layer; there is none below a side of 1.
    """
    height, width = eps.shape[2:]
    for layer in range(iterations):
        divisor = (2 + 2 * _share(generator)) ** layer
        size = (max(1, int(height / divisor)), max(1, int(width / divisor)))
        coarse = _normal((*eps.shape[:2], *size), eps, generator)
        eps = eps + functional.interpolate(coarse, (height, width), mode="bilinear") * discount**layer
        if 1 in size:
            break
    return eps / eps.std()


def _share(generator: Generator) -> float:
    """Draw evenly from 0 to 1."""
    return torch.rand(1, generator=generator).item()


def _normal(shape: tuple[int, ...], like: Tensor, generator: Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=like.dtype)
