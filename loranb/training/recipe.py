"""The training recipe: one readable loop for all model families.

`train` is a generator of events. Closing it, or an error in whoever reads it, ends the run cleanly:
what was learned is saved on the way out. Nothing is drawn, printed or asked here.
"""

import itertools
import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed
from torch import Tensor

from loranb import families
from loranb.device import pick_device, pick_dtype, precision_name
from loranb.errors import GenerationError, TrainingError
from loranb.events import Ended, EpochEnded, Event, Preparing, Sampled, Saved, Started, Step, Warned
from loranb.families import BaseModel
from loranb.lora.adapter import attach
from loranb.plan import Plan, plan
from loranb.settings import Settings
from loranb.training.batches import Batch, epoch_steps
from loranb.training.checkpoint import Checkpoint
from loranb.training.latents import LatentCache, Moments, draw_latents
from loranb.training.noise import perturb, shape_noise
from loranb.training.objectives import noise_schedule, objective_for
from loranb.training.optimizers import averaged, choose, learning_rates, make_optimizer, set_learning_rates
from loranb.training.prompts import prepare_prompts
from loranb.training.run import Run
from loranb.training.sampling import draw_samples
from loranb.training.schedules import schedule_for


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
    with closing(_train(run)) as events:
        for event in events:
            yield run.record(event)


def _train(run: Run) -> Iterator[Event]:
    settings = run.settings()
    if said := run.leave_out():
        yield Warned(said)
    horizon = plan(settings, run.images())
    device = pick_device()
    dtype = pick_dtype(settings.memory.precision, device)
    settings = settings.assign("memory.precision", precision_name(dtype))  # what "auto" came to

    schedule = schedule_for(settings.optimizer, horizon.steps)
    choice = choose(settings.optimizer, device, schedule.warmup)
    for said in choice.notices:
        yield Warned(said)

    yield Preparing("base model", 0, 1)
    mixed = precision_name(dtype).replace("fp32", "no")
    AcceleratorState._reset_state()  # it is global; an earlier run in this process may have used another precision
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision=mixed)
    model = families.load(settings.model.base, dtype)
    model.noise_schedule = noise_schedule(model.noise_schedule, settings.objective)
    objective = objective_for(model.noise_schedule, settings.objective)
    yield Preparing("base model", 1, 1)
    for said in objective.remarks():
        yield Warned(said)

    # Pictures first: the VAE is the only part on the GPU while they are encoded.
    moments = yield from _encoded_pictures(run, horizon, settings, model, device)
    # The seed is set right before the LoRA is made: its first weights depend on nothing else.
    set_seed(settings.length.seed)
    adapter = attach(model, settings.lora.rank, settings.lora.alpha, settings.lora.text_encoder)
    encode = prepare_prompts(model, settings, horizon, run.project.cache / "prompts", device)
    model.unet.to(device)
    if settings.memory.gradient_checkpointing:
        model.unet.enable_gradient_checkpointing()
    optimizer = make_optimizer(adapter, settings.optimizer, choice)
    trainable = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    unet, optimizer = accelerator.prepare(model.unet, optimizer)
    unet.train()

    def loss_of(batch: Batch) -> Tensor:
        generator = torch.Generator().manual_seed(batch.seed)
        x0 = draw_latents([moments[i] for i in batch.images], batch.mirrored, generator)
        x0 = x0 * model.vae.config.scaling_factor
        eps = torch.randn(x0.shape, generator=generator)
        t = objective.sample_timesteps(len(x0), generator)
        eps = shape_noise(eps, x0, settings.noise, generator)
        mixed_in = perturb(eps, settings.noise, generator)
        x0, eps, mixed_in, t = (tensor.to(device) for tensor in (x0, eps, mixed_in, t))
        with accelerator.autocast():
            noisy = objective.add_noise(x0, mixed_in, t)
            prediction = model.family.denoise(unet, noisy, t, encode(list(batch.captions)))
        error = objective.error(prediction.float(), objective.target(x0, eps, t), t).flatten(1).mean(1)  # (B,)
        return (objective.weight(t) * error).mean()

    checkpoint = Checkpoint(run, settings, horizon, model, adapter, optimizer, accelerator.scaler)
    first = checkpoint.load()
    step, started = first, time.monotonic()
    epoch, epoch_losses = step // horizon.steps_per_epoch + 1, []
    yield Started(
        steps=horizon.steps,
        epochs=horizon.epochs,
        images=len(horizon.images),
        base_model=model.name,
        device=device.type,
        precision=precision_name(dtype),
        trainable=sum(parameter.numel() for parameter in trainable),
        first_step=first,
    )
    try:
        steps = epoch_steps(horizon, settings.dataset, settings.length.seed, first)
        for epoch, batches, closes_epoch in itertools.islice(steps, horizon.steps - first):
            set_learning_rates(optimizer, settings.optimizer, schedule.factor(step))
            losses = []
            for batch in batches:
                loss = loss_of(batch)
                accelerator.backward(loss / len(batches))
                losses.append(loss.item())
            mean = sum(losses) / len(losses)
            if not math.isfinite(mean):
                raise TrainingError(
                    f"The loss became {mean} at step {step + 1}. What was learned before is kept in the files of "
                    f"earlier epochs. Try a learning rate lower than {settings.optimizer.learning_rate:g}."
                )
            if settings.optimizer.max_grad_norm:
                accelerator.clip_grad_norm_(trainable, settings.optimizer.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            epoch_losses.append(mean)
            yield Step(step, epoch, mean, learning_rates(optimizer), time.monotonic() - started)

            if closes_epoch or step == horizon.steps:
                yield EpochEnded(epoch, step, sum(epoch_losses) / len(epoch_losses))
                epoch_losses = []
                if epoch % settings.saving.every_epochs == 0 and step < horizon.steps:
                    yield Saved(epoch, step, checkpoint.save_epoch(epoch, step))
                every = settings.samples.every_epochs
                if every and (epoch % every == 0 or step == horizon.steps):
                    with averaged(optimizer):
                        yield from _samples(run, model, settings, epoch, step, device)
            if run.stop_file.exists():
                run.stop_file.unlink()
                break
    finally:  # the last step, a stop, an interrupt or an error: what was learned is kept
        if step > first and math.isfinite(mean):
            path = checkpoint.save_last(epoch, step)
            run.record(Saved(epoch, step, path))
    yield Ended("finished" if step >= horizon.steps else "stopped", step)


def _encoded_pictures(
    run: Run, horizon: Plan, settings: Settings, model: BaseModel, device: torch.device
) -> Generator[Event, None, list[Moments]]:
    """Encode the plan's pictures, or read them from the cache; leaves the VAE on the CPU."""
    folder, dataset = run.project.cache / "latents", settings.dataset
    cache = LatentCache(folder, model.vae.float().to(device), dataset.flip, dataset.background)
    moments = []
    for moment in cache.encode(horizon.images, run.content_hashes()):
        moments.append(moment)
        yield Preparing("pictures", len(moments), len(horizon.images))
    model.vae.to("cpu")
    return moments


def _samples(
    run: Run, model: BaseModel, settings: Settings, epoch: int, step: int, device: torch.device
) -> Iterator[Event]:
    """Draw the sample pictures; one that cannot be drawn ends no training."""
    try:
        for path, prompt in draw_samples(run, model, settings, step, device):
            yield Sampled(epoch, step, path, prompt)
    except (GenerationError, torch.OutOfMemoryError) as error:
        yield Warned(f"Sample pictures: {error}")
