"""All that has to be there before the first step: the base model, its pictures encoded, the LoRA, the optimizer."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed

from loranb import families
from loranb.base_models import fetch, is_on_hub
from loranb.dataset.reader import Pictures
from loranb.device import pick_device, pick_dtype, precision_name
from loranb.events import Event, Preparing, Warned
from loranb.families import BaseModel
from loranb.lora.adapter import Adapter, attach
from loranb.plan import Plan, plan
from loranb.settings import Settings
from loranb.training.caption_treatment import settled
from loranb.training.checkpoint import DTYPES
from loranb.training.ema import Ema
from loranb.training.latents import MomentsOf
from loranb.training.loss import BatchLoss, Shown
from loranb.training.masks import Masks
from loranb.training.objectives import noise_schedule, objective_for
from loranb.training.optimizers import Choice, choose, make_optimizer
from loranb.training.pictures import prepare_pictures
from loranb.training.placement import Placements
from loranb.training.prepared import Prepared
from loranb.training.prompts import prepare_prompts
from loranb.training.recompute import recompute
from loranb.training.run import Run
from loranb.training.schedules import schedule_for
from loranb.training.stored import store_base
from loranb.training.validation import Validation


def prepare(run: Run) -> Generator[Event, None, Prepared]:
    """Make everything ready that a run needs, telling how far it is.

    Raises:
        ModelError: the base model cannot be loaded.
        SettingsError: an option that it does not have.
    """
    settings = run.settings()
    if said := run.leave_out():
        yield Warned(said)
    horizon = plan(settings, run.images())
    masks = Masks(horizon.shown, Pictures(run.project)) if settings.dataset.masked_loss else None
    device = pick_device()
    dtype = pick_dtype(settings.memory.precision, device)
    settings = settings.assign("memory.precision", precision_name(dtype))

    schedule = schedule_for(settings.optimizer, horizon.steps)
    choice = choose(settings.optimizer, device, schedule.warmup)
    yield from map(Warned, choice.notices)
    model = yield from _base_model(settings, dtype)
    objective = objective_for(model.noise_schedule, settings.objective)
    yield from map(Warned, objective.remarks())
    # Pictures first: the VAE is the only part on the GPU while they are encoded.
    kept = run.project.cache / "latents"
    held = yield from _held_out_pictures(horizon, settings, model, kept, device)
    moments = yield from prepare_pictures(horizon.shown, settings.dataset, model.vae, kept, device)
    accelerator = _accelerator(device, dtype)
    adapter, optimizer = _lora(model, settings, choice, device)
    yield from map(Warned, adapter.remarks)
    encode = prepare_prompts(model, settings, horizon, run.project.cache / "prompts", device)
    _made_thrifty(model, settings)
    unet, optimizer = accelerator.prepare(model.unet.to(device), optimizer)
    unet.train()
    shown = Shown(horizon.shown, moments, settings.dataset.prior_loss_weight, masks)
    placements = Placements(horizon.shown, settings.model.size_conditioning)
    loss = BatchLoss(model, unet, objective, settings.noise, shown, encode, placements, accelerator)
    validation = _validation(horizon, settings, held, loss) if held else None
    return _with_average(
        Prepared(settings, horizon, schedule, accelerator, model, adapter, optimizer, loss, None, validation)
    )


def _with_average(ready: Prepared) -> Prepared:
    """Keep a running average of the weights, where the settings ask for one."""
    decay = ready.settings.optimizer.ema
    return replace(ready, ema=Ema(ready.trainable, decay)) if decay else ready


def _accelerator(device: torch.device, dtype: torch.dtype) -> Accelerator:
    AcceleratorState._reset_state()  # it is global; an earlier run in this process may have used another precision
    return Accelerator(cpu=device.type == "cpu", mixed_precision=precision_name(dtype).replace("fp32", "no"))


def _base_model(settings: Settings, dtype: torch.dtype) -> Generator[Event, None, BaseModel]:
    if is_on_hub(settings.model.base):
        for done, total in fetch(settings.model.base):
            yield Preparing("download of the base model, in MiB", done >> 20, total >> 20)
    yield Preparing("base model", 0, 1)
    model = families.load(settings.model.base, dtype, settings.model.family, settings.model.vae)
    model.noise_schedule = noise_schedule(model.noise_schedule, settings.objective)
    if settings.model.clip_skip != 1 and not model.family.reads_clip_skip:
        model.notices.append(
            f"model.clip_skip = {settings.model.clip_skip} changes nothing: {model.family.title} always reads the last "
            "layer but one of its text encoders."
        )
    if settings.memory.vae_tiling:
        model.vae.enable_tiling()
    yield Preparing("base model", 1, 1)
    yield from map(Warned, model.notices)
    return model


def _made_thrifty(model: BaseModel, settings: Settings) -> None:
    """Let the model compute parts again, or in compiled blocks, as the settings ask; the LoRA is on it already."""
    trained = model.text_encoders.values() if settings.lora.text_encoder else ()
    recompute(model.unet, trained, settings.memory.gradient_checkpointing)
    if settings.memory.compile != "no":
        model.unet.compile_repeated_blocks(backend=settings.memory.compile)


def _lora(model: BaseModel, settings: Settings, choice: Choice, device: torch.device) -> tuple[Adapter, Any]:
    """Put a fresh LoRA on the model, whose weights are stored as the settings ask, and make its optimizer."""
    store_base(model.unet, settings.memory.base, device)
    set_seed(settings.length.seed)  # right before: the LoRA's first weights depend on nothing else
    adapter = attach(model, settings.lora, settings.optimizer)
    optimizer = make_optimizer(adapter, settings.optimizer, choice)
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.data = parameter.data.to(DTYPES[settings.memory.lora_precision])
    return adapter, optimizer


def _held_out_pictures(
    horizon: Plan, settings: Settings, model: BaseModel, kept: Path, device: torch.device
) -> Generator[Event, None, MomentsOf | None]:
    """Encode the pictures that are kept back, which are always shown alike."""
    if not horizon.held_out:
        return None
    alike = settings.dataset.model_copy(update={"flip": False, "random_crop": False, "colour": False})
    alike = alike.model_copy(update={"cache_latents": True})
    return (yield from prepare_pictures(horizon.held_out, alike, model.vae, kept, device))


def _validation(horizon: Plan, settings: Settings, moments: MomentsOf, loss: BatchLoss) -> Validation:
    placements = Placements(horizon.held_out, settings.model.size_conditioning)
    captions = [settled(planned.image.wording, settings.captions) for planned in horizon.held_out]
    loss = replace(loss, shown=Shown(horizon.held_out, moments), placements=placements)
    return Validation(captions, loss, settings.validation, horizon.batch_size)
