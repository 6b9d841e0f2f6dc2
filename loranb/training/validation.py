"""How well the LoRA predicts pictures that it has not learned: always at the same timesteps, with the same noise.

What is measured is the plain mean squared error, whatever the loss that is trained with, so that runs with
different options can be compared. Nothing is drawn from a random state that training uses.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from loranb.events import Validated
from loranb.settings import ValidationSettings
from loranb.training.batches import Batch
from loranb.training.loss import BatchLoss


@dataclass(frozen=True)
class Validation:
    """The pictures that are kept back, and how they are looked at.

    Args:
        captions: what is said of each picture; nothing of it is left to chance.
        loss: over the pictures; its denoiser, objective and conditioning are used.
        options: the settings.
        most: how many timesteps are looked at together; as many as pictures are trained on, so that it fits.
    """

    captions: Sequence[str]
    loss: BatchLoss
    options: ValidationSettings
    most: int

    def due(self, epoch: int, step: int, closes_epoch: bool) -> bool:
        """Whether it is time to look, after `step` steps."""
        by_epoch = closes_epoch and self.options.every_epochs and epoch % self.options.every_epochs == 0
        return bool(by_epoch or (self.options.every_steps and step % self.options.every_steps == 0))

    def measure(self, epoch: int, step: int) -> Validated:
        """Look at every picture at every timestep."""
        by_timestep, by_subject = defaultdict(list), defaultdict(list)
        with torch.no_grad(), _still(self.loss):
            for i, planned in enumerate(self.loss.shown.images):
                for t, error in zip(self.timesteps(), self._errors(i), strict=True):
                    by_timestep[str(t)].append(error)
                    by_subject[planned.image.folder].append(error)
        timesteps = {t: fmean(errors) for t, errors in by_timestep.items()}
        subjects = {name: fmean(errors) for name, errors in sorted(by_subject.items())}
        return Validated(epoch, step, fmean(timesteps.values()), timesteps, subjects)

    def timesteps(self) -> list[int]:
        """List the timesteps, spread evenly over those of the schedule; 4 of 1000 are 200, 400, 600 and 800."""
        count, total = self.options.timesteps, len(self.loss.objective.alphas_cumprod)
        return [(number + 1) * total // (count + 1) for number in range(count)]

    def _errors(self, i: int) -> list[float]:
        """Measure one picture at every timestep; the middle of its posterior stands for it."""
        x0 = self.loss.shown.moments(self._batch(i, 1))[0]["mean"] * self.loss.model.vae.config.scaling_factor
        image = self.loss.shown.images[i].image
        name = image.content or image.path.name
        generator = torch.Generator().manual_seed(Random(f"{self.options.seed} {name}").getrandbits(62))
        timesteps = torch.tensor(self.timesteps())
        eps = torch.randn((len(timesteps), *x0.shape), generator=generator)
        found: list[float] = []
        for t, noise in zip(timesteps.split(self.most), eps.split(self.most), strict=True):
            found += self._error(x0.expand_as(noise), noise, t, self._batch(i, len(t))).tolist()
        return found

    def _batch(self, i: int, count: int) -> Batch:
        """Show one picture several times at once."""
        return Batch((i,) * count, (self.captions[i],) * count, (False,) * count, seed=0)

    def _error(self, x0: Tensor, eps: Tensor, t: Tensor, batch: Batch) -> Tensor:
        device = self.loss.accelerator.device
        x0, eps, t = x0.to(device), eps.to(device), t.to(device)
        objective = self.loss.objective
        prediction = self.loss.predict(objective.add_noise(x0, eps, t), t, batch)
        return (prediction - objective.target(x0, eps, t)).square().flatten(1).mean(1)


@contextmanager
def _still(loss: BatchLoss) -> Iterator[None]:
    """Put what is trained out of training mode, so that nothing is dropped, and back."""
    parts: list[Any] = [loss.unet, *loss.model.text_encoders.values()]
    before = [(part, part.training) for part in parts]
    try:
        for part, _ in before:
            part.eval()
        yield
    finally:
        for part, training in before:
            part.train(training)
