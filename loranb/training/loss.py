"""The loss of a batch: what is shown of its pictures, and how far the denoiser is off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor

from loranb.families import BaseModel
from loranb.plan import PlannedImage
from loranb.settings import NoiseSettings
from loranb.training.batches import Batch
from loranb.training.latents import MomentsOf, draw_latents
from loranb.training.masks import Masks, masked_mean
from loranb.training.noise import perturb, shape_noise
from loranb.training.objectives import Objective
from loranb.training.placement import Placements
from loranb.training.prompts import Conditioning, Encode


class Losses(NamedTuple):
    """What a batch's pictures cost, and at which timesteps they were shown."""

    weighted: Tensor  # (B,), with gradients
    timesteps: Tensor  # (B,)


@dataclass(frozen=True)
class Shown:
    """The pictures that a run shows, as they go into the loss.

    Args:
        images: those of the plan.
        moments: what the VAE says of those of a batch.
        prior_loss_weight: how much regularisation pictures count.
        masks: which parts of them count; None where all of each does.
    """

    images: Sequence[PlannedImage]
    moments: MomentsOf
    prior_loss_weight: float = 1.0
    masks: Masks | None = None

    def weights(self, places: Sequence[int]) -> Tensor:
        """Return how much pictures count; (B,)."""
        prior = [self.images[place].image.regularisation for place in places]
        return torch.where(torch.tensor(prior), self.prior_loss_weight, 1.0)

    def mean(self, error: Tensor, batch: Batch) -> Tensor:
        """Return the mean error (B,) of what counts of a batch's pictures; `error` is (B, C, H, W)."""
        return error.flatten(1).mean(1) if self.masks is None else masked_mean(error, self.masks(batch).to(error))


@dataclass(frozen=True)
class BatchLoss:
    """Computes the loss of batches; every draw comes from the batch's own seed.

    Args:
        model: the base model, with the LoRA on it.
        unet: its U-Net as accelerate has prepared it.
        objective: what is predicted, and how errors count.
        noise: how the noise is made.
        shown: the pictures.
        encode: turns captions into conditioning.
        placements: says how the pictures of a batch were cut.
        accelerator: says where and in which precision.
    """

    model: BaseModel
    unet: Any
    objective: Objective
    noise: NoiseSettings
    shown: Shown
    encode: Encode
    placements: Placements
    accelerator: Accelerator

    def __call__(self, batch: Batch) -> Losses:
        """Return the weighted loss of each picture, with gradients."""
        x0, eps, mixed_in, t = (tensor.to(self.accelerator.device) for tensor in self._drawn(batch))
        prediction = self.predict(self.objective.add_noise(x0, mixed_in, t), t, batch)
        error = self.objective.error(prediction, self.objective.target(x0, eps, t), t)
        weights = self.objective.weight(t) * self.shown.weights(batch.images).to(t.device)
        return Losses(weights * self.shown.mean(error, batch), t)

    def predict(self, noisy: Tensor, t: Tensor, batch: Batch) -> Tensor:
        """Run the denoiser on noisy latents (B, C, H, W), under a batch's captions; same shape, in fp32 at least."""
        with self.accelerator.autocast():
            prediction = self.model.family.denoise(self.unet, noisy, t, self._conditioning(batch))
        return prediction.to(torch.promote_types(prediction.dtype, torch.float32))

    def _conditioning(self, batch: Batch) -> Conditioning:
        """Encode the captions, and say how the pictures were cut to a model that wants to know."""
        placement = self.model.family.placement(self.placements(batch))
        told = {name: tensor.to(self.accelerator.device) for name, tensor in placement.items()}
        return self.encode(list(batch.captions)) | told

    def _drawn(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw latents, noise, the noise that is mixed in, and timesteps; on the CPU, so that a GPU sees the same."""
        generator = torch.Generator().manual_seed(batch.seed)
        x0 = draw_latents(self.shown.moments(batch), batch.mirrored, generator)
        x0 = x0 * self.model.vae.config.scaling_factor
        eps = torch.randn(x0.shape, generator=generator).to(x0.dtype)
        t = self.objective.sample_timesteps(len(x0), generator)
        eps = shape_noise(eps, x0, self.noise, generator)
        return x0, eps, perturb(eps, self.noise, generator), t
