"""What comes of a run on its way, besides its steps: validation, files, sample pictures."""

from collections.abc import Iterator
from typing import NamedTuple

import torch

from loranb.errors import GenerationError
from loranb.events import Event, Sampled, Saved, Warned
from loranb.training.checkpoint import Checkpoint
from loranb.training.prepared import Prepared
from loranb.training.run import Run
from loranb.training.sampling import draw_samples


class Moment(NamedTuple):
    """A point of a run: after a step, in an epoch."""

    epoch: int
    step: int
    closes_epoch: bool
    last: bool  # of the run


def at_start(run: Run, ready: Prepared) -> Iterator[Event]:
    """Yield what comes before the first step, to compare with."""
    with ready.averaged():
        if ready.validation:
            yield ready.validation.measure(0, 0)
        if ready.settings.samples.at_start:
            yield from _samples(run, ready, 0, 0)


def outcomes(run: Run, ready: Prepared, checkpoint: Checkpoint, moment: Moment) -> Iterator[Event]:
    """Yield what is due after a step, in the order in which it is done."""
    epoch, step, closes_epoch, last = moment
    if ready.validation and (last or ready.validation.due(epoch, step, closes_epoch)):
        with ready.averaged():
            yield ready.validation.measure(epoch, step)
    saving, samples = ready.settings.saving, ready.settings.samples
    if not last:  # the last step's file is written when the run ends
        if closes_epoch and epoch % saving.every_epochs == 0:
            yield Saved(epoch, step, checkpoint.save_epoch(epoch, step))
        elif saving.every_steps and step % saving.every_steps == 0:
            yield Saved(epoch, step, checkpoint.save_step(epoch, step))
    by_epoch = (closes_epoch or last) and samples.every_epochs and (last or epoch % samples.every_epochs == 0)
    if by_epoch or (samples.every_steps and (last or step % samples.every_steps == 0)):
        with ready.averaged():
            yield from _samples(run, ready, epoch, step)


def _samples(run: Run, ready: Prepared, epoch: int, step: int) -> Iterator[Event]:
    """Draw the sample pictures; one that cannot be drawn ends no training."""
    try:
        for path, prompt in draw_samples(run, ready.model, ready.settings, step, ready.device):
            yield Sampled(epoch, step, path, prompt)
    except (GenerationError, torch.OutOfMemoryError) as error:
        yield Warned(f"Sample pictures: {error}")
