"""What a denoiser is trained to predict, and how its error is weighed.

The recipe knows one contract: ``sample_timesteps``, ``add_noise``, ``target``, ``error``, ``weight``.
Noise prediction (SD 1.x, SDXL) and v-prediction (SD 2.x at 768) are two ways of filling it in.

Notation: x0 clean latents, eps noise, both (B, C, H, W); t timesteps, (B,); a = alphas_cumprod[t] the
power of the signal, 1 - a that of the noise, snr = a / (1 - a).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from loranb.errors import ModelError, SettingsError
from loranb.settings import ObjectiveSettings
from loranb.settings.conflicts import misfits
from loranb.training.timesteps import sample_timesteps

Predicts = Literal["epsilon", "v_prediction"]
SNR_CAP = 1000.0  # as in kohya's trainer: the least noisy timesteps of SD have an SNR above it


@dataclass(frozen=True)
class Objective:
    """Denoising with a discrete noise schedule (Ho et al., arXiv:2006.11239).

    Args:
        alphas_cumprod: signal power at each timestep; shape (T,). Any SNR is computed from it, so a schedule
            that ends without signal has the weights that belong to it.
        predicts: what the denoiser gives back.
        options: how timesteps are drawn, and how the error counts.
    """

    alphas_cumprod: Tensor
    predicts: Predicts
    options: ObjectiveSettings = ObjectiveSettings()

    def sample_timesteps(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw timesteps; (count,) on the CPU."""
        return sample_timesteps(self.options, len(self.alphas_cumprod), count, generator)

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

    def error(self, prediction: Tensor, target: Tensor, t: Tensor) -> Tensor:
        """Return how much each value of a prediction counts as wrong; (B, C, H, W)."""
        difference = prediction - target
        if self.options.loss == "l2":
            return difference.square()
        c = self._huber_bound(t, difference).view(-1, 1, 1, 1)
        pseudo = (difference.square() + c.square()).sqrt() - c
        return 2 * c * pseudo if self.options.loss == "huber" else 2 * pseudo

    def weight(self, t: Tensor) -> Tensor:
        """Weigh each sample's error; (B,). The options multiply, in the order of kohya's trainer."""
        options, a = self.options, self.alphas_cumprod.to(t.device)[t]
        weight = torch.ones_like(a)
        if options.min_snr_gamma is not None:
            weight = weight * min_snr_weight(a, options.min_snr_gamma, self.predicts)
        snr = (a / (1 - a)).clamp(max=SNR_CAP)
        if options.scale_v_pred:
            weight = weight * snr / (snr + 1)
        if self.predicts == "epsilon":
            snr = snr.clamp(min=self._least_snr())  # it is divided by
        if options.v_pred_like is not None:
            weight = weight + weight * (snr + 1) / snr * options.v_pred_like
        if options.debiased:
            weight = weight / (snr.sqrt() if self.predicts == "epsilon" else snr + 1)
        return weight

    def remarks(self) -> list[str]:
        """Say what is unwise, now that it is known what the model predicts."""
        if self.options.zero_terminal_snr and self.predicts == "epsilon":
            return [
                "objective.zero_terminal_snr is on, and the base model predicts its noise: at the last timestep there "
                "is nothing to learn, and pictures are drawn with the plain schedule. It is meant for models that "
                "predict v."
            ]
        return []

    def _huber_bound(self, t: Tensor, like: Tensor) -> Tensor:
        """Return the error from which on larger ones count less; (B,)."""
        c, scale = self.options.huber_c, self.options.huber_scale
        if self.options.huber_schedule == "constant":
            return torch.full_like(t, c * scale, dtype=like.dtype)
        if self.options.huber_schedule == "exponential":
            return torch.exp(math.log(c) * t.to(like.dtype) / len(self.alphas_cumprod)) * scale
        a = self.alphas_cumprod.to(t.device)[t].to(like.dtype)
        sigma = ((1 - a) / a).sqrt()
        return (1 - c) / (1 + sigma).square() + c

    def _least_snr(self) -> float:
        """Return the SNR of the noisiest timestep that has a signal: nought cannot be divided by."""
        snr = self.alphas_cumprod / (1 - self.alphas_cumprod)
        return snr[snr > 0].min().item()

    def _scales(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        power = self.alphas_cumprod.to(like.device)[t].to(like.dtype).view(-1, 1, 1, 1)
        return power.sqrt(), (1 - power).sqrt()


def objective_for(schedule: DDPMScheduler, options: ObjectiveSettings) -> Objective:
    """Make the objective a base model was trained with, or the one that the settings say it was.

    Raises:
        ModelError: it predicts something that is not known here.
        SettingsError: an option that this prediction does not have.
    """
    predicts = schedule.config.prediction_type
    if predicts not in ("epsilon", "v_prediction"):
        raise ModelError(f"The base model predicts {predicts!r}; epsilon and v_prediction can be trained.")
    if found := misfits(options, predicts):
        raise SettingsError(found)
    return Objective(schedule.alphas_cumprod, predicts, options)


def noise_schedule(schedule: DDPMScheduler, options: ObjectiveSettings) -> DDPMScheduler:
    """Return a base model's noise schedule with what the settings overrule; the model's samples need it too."""
    changes: dict[str, object] = {}
    if options.predicts != "auto":
        changes["prediction_type"] = options.predicts
    if options.zero_terminal_snr:  # samplers must begin where there is no signal, or it was trained for nothing
        changes |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return DDPMScheduler.from_config(schedule.config, **changes) if changes else schedule


def min_snr_weight(alphas_cumprod: Tensor, gamma: float, predicts: Predicts) -> Tensor:
    """Weight each sample's loss so that easy, low-noise steps do not dominate.

    The weight is ``min(snr, gamma)`` divided by ``snr`` for noise prediction and by ``snr + 1`` for
    v-prediction, where ``snr = a / (1 - a)``.

    Args:
        alphas_cumprod: signal power a at each sample's timestep, from 0 to below 1; shape (B,).
        gamma: signal-to-noise ratio above which a step counts no more; 5 in the paper.
        predicts: what the denoiser is trained to predict.

    Returns:
        Weights from 0 to 1; shape (B,).

    Raises:
        ValueError: gamma is not above 0.

    Source: Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy"
    (arXiv:2303.09556), section 3.4.
    """
    if gamma <= 0:
        raise ValueError(f"gamma = {gamma}; it must be above 0 (5 is usual).")
    snr = alphas_cumprod / (1 - alphas_cumprod)
    weight = snr.clamp(max=gamma) / (snr if predicts == "epsilon" else snr + 1)
    return weight.where((snr > 0) | (predicts != "epsilon"), torch.ones_like(weight))  # 0 / 0 without a signal
