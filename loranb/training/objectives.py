"""What a denoiser is trained to predict, and how its error is weighed.

The recipe knows one contract: ``sample_timesteps``, ``add_noise``, ``target``, ``weight``. Noise
prediction (SD 1.x, SDXL) and v-prediction (SD 2.x at 768) are two ways of filling it in.

Notation: x0 clean latents, eps noise, both (B, C, H, W); t timesteps, (B,).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from loranb.errors import ModelError

Predicts = Literal["epsilon", "v_prediction"]


@dataclass(frozen=True)
class Objective:
    """Denoising with a discrete noise schedule (Ho et al., arXiv:2006.11239).

    Args:
        alphas_cumprod: signal power at each timestep; shape (T,).
        predicts: what the denoiser gives back.
        min_snr_gamma: see `min_snr_weight`; None weighs all steps alike.
    """

    alphas_cumprod: Tensor
    predicts: Predicts
    min_snr_gamma: float | None = None

    def sample_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw timesteps evenly; (count,) on the CPU."""
        return torch.randint(len(self.alphas_cumprod), (count,), generator=generator)

    def add_noise(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Mix latents and noise as they are at timesteps t."""
        signal, noise = self._scales(t, x0)
        return signal * x0 + noise * eps

    def target(self, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """Return what a perfect denoiser would predict."""
        if self.predicts == "epsilon":
            return eps
        signal, noise = self._scales(t, x0)
        return signal * eps - noise * x0

    def weight(self, t: Tensor) -> Tensor:
        """Weigh each sample's error; (B,)."""
        if self.min_snr_gamma is None:
            return torch.ones(len(t), device=t.device)
        return min_snr_weight(self.alphas_cumprod.to(t.device)[t], self.min_snr_gamma, self.predicts)

    def _scales(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        power = self.alphas_cumprod.to(like.device)[t].to(like.dtype).view(-1, 1, 1, 1)
        return power.sqrt(), (1 - power).sqrt()


def objective_for(schedule: DDPMScheduler, min_snr_gamma: float | None) -> Objective:
    """Make the objective a base model was trained with.

    Raises:
        ModelError: it predicts something that is not known here.
    """
    predicts = schedule.config.prediction_type
    if predicts not in ("epsilon", "v_prediction"):
        raise ModelError(f"The base model predicts {predicts!r}; epsilon and v_prediction can be trained.")
    return Objective(schedule.alphas_cumprod, predicts, min_snr_gamma)


def min_snr_weight(alphas_cumprod: Tensor, gamma: float, predicts: Predicts) -> Tensor:
    """Weight each sample's loss so that easy, low-noise steps do not dominate.

    The weight is ``min(snr, gamma)`` divided by ``snr`` for noise prediction and by ``snr + 1`` for
    v-prediction, where ``snr = a / (1 - a)``.

    Args:
        alphas_cumprod: signal power a at each sample's timestep, in (0, 1); shape (B,).
        gamma: signal-to-noise ratio above which a step counts no more; 5 in the paper.
        predicts: what the denoiser is trained to predict.

    Returns:
        Weights in (0, 1]; shape (B,).

    Raises:
        ValueError: gamma is not above 0.

    Source: Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy"
    (arXiv:2303.09556), section 3.4.
    """
    if gamma <= 0:
        raise ValueError(f"gamma = {gamma}; it must be above 0 (5 is usual).")
    snr = alphas_cumprod / (1 - alphas_cumprod)
    return snr.clamp(max=gamma) / (snr if predicts == "epsilon" else snr + 1)
