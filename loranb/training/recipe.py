"""The training recipe: one readable loop for all model families.

`train` is a generator of events. Closing it, or an error in whoever reads it, ends the run cleanly:
what was learned is saved on the way out. Nothing is drawn, printed or asked here.
"""

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import torch
from torch import nn

from loranb.device import gpu_name
from loranb.errors import TrainingError
from loranb.events import Ended, Event, Saved, Started, Step
from loranb.training.batches import Batch, epoch_steps
from loranb.training.checkpoint import Checkpoint
from loranb.training.epoch_losses import EpochLosses
from loranb.training.narrow import widened
from loranb.training.optimizers import set_learning_rates
from loranb.training.outcomes import Moment, at_start, outcomes
from loranb.training.preparation import prepare
from loranb.training.prepared import Prepared
from loranb.training.run import Run


def train(run: Run) -> Iterator[Event]:
    """Train a LoRA as a run's folder says; go on where an earlier part of the run stopped.

    Every event is written to the run before it is given to the reader.

    Args:
        run: the run's folder.

    Yields:
        What happens, in order; the last event is `Ended`.

    Raises:
        ModelError: the base model cannot be loaded.
        TrainingError: the loss is not a number any more.
    """
    with closing(_train(run)) as events, processor_threads(run.settings().memory.cpu_threads):
        for event in events:
            yield run.record(event)


@contextmanager
def processor_threads(count: int) -> Iterator[None]:
    """Compute with so many threads inside; 0 leaves it as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train(run: Run) -> Iterator[Event]:
    ready = yield from prepare(run)
    settings, horizon, optimizer = ready.settings, ready.horizon, ready.optimizer
    checkpoint = Checkpoint(run, ready)
    first = checkpoint.load()
    yield _started(ready, first)
    if not first:
        yield from at_start(run, ready)

    step, started = first, time.monotonic()
    epoch, epoch_losses = step // horizon.steps_per_epoch + 1, EpochLosses()
    try:
        steps = epoch_steps(horizon, settings, first)
        for epoch, batches, closes_epoch in itertools.islice(steps, horizon.steps - first):
            set_learning_rates(optimizer, ready.schedule.factor(step))
            ready.stop_text_encoders(step)
            loss = _gradients(ready, batches, epoch_losses)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"The loss became {loss} at step {step + 1}. Files that were saved before are kept. Try a "
                    f"learning rate lower than {settings.optimizer.learning_rate:g}."
                )
            grad_norm = _update(ready, step)
            step += 1
            if ready.ema:
                ready.ema.update(step)
            epoch_losses.add_step(loss)
            yield Step(step, epoch, loss, ready.learning_rates(), time.monotonic() - started, grad_norm)

            last = step == horizon.steps
            if closes_epoch or last:
                yield epoch_losses.end(epoch, step)
            yield from outcomes(run, ready, checkpoint, Moment(epoch, step, closes_epoch, last))
            if run.stop_file.exists():
                run.stop_file.unlink()
                break
    finally:  # the last step, a stop, an interrupt or an error: what was learned is kept
        if step > first and math.isfinite(loss):
            path = checkpoint.save_last(epoch, step)
            run.record(Saved(epoch, step, path))
    yield Ended("finished" if step >= horizon.steps else "stopped", step)


def _started(ready: Prepared, first: int) -> Started:
    return Started(
        steps=ready.horizon.steps,
        epochs=ready.horizon.epochs,
        images=len(ready.horizon.images),
        base_model=ready.model.name,
        device=ready.device.type,
        precision=ready.settings.memory.precision,
        trainable=sum(parameter.numel() for parameter in ready.trainable),
        first_step=first,
        gpu=gpu_name(ready.device),
    )


def _gradients(ready: Prepared, batches: list[Batch], told: EpochLosses) -> float:
    """Add up the gradients of a step's batches; returns their mean loss."""
    losses = []
    for batch in batches:
        ready.adapter.dropout.begin(batch.seed)
        weighted, timesteps = ready.loss(batch)
        loss = weighted.mean()
        ready.accelerator.backward(loss / len(batches))
        losses.append(loss.item())
        told.add(weighted, timesteps, [ready.horizon.shown[i].image.folder for i in batch.images])
    ready.adapter.dropout.begin(None)
    return sum(losses) / len(losses)


def _update(ready: Prepared, step: int) -> float:
    """Take a step along the gradients; returns their length."""
    with widened(ready.trainable, ready.settings.length.seed, step):
        grad_norm = _clipped(ready)
        ready.optimizer.step()
        ready.adapter.limit()
        ready.optimizer.zero_grad()
    return grad_norm


def _clipped(ready: Prepared) -> float:
    """Shorten the gradients to the length that is allowed; returns what it was before."""
    allowed = ready.settings.optimizer.max_grad_norm
    if allowed:
        return float(ready.accelerator.clip_grad_norm_(ready.trainable, allowed))
    ready.accelerator.unscale_gradients(ready.optimizer)
    gradients = [parameter.grad for parameter in ready.trainable if parameter.grad is not None]
    return float(nn.utils.get_total_norm(gradients))
