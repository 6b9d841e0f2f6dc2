"""One step is what the formulas say: loss and gradients against an independent implementation.

The other side is plain diffusers, transformers and torch in float64. It puts the LoRA on as changed weights,
``W + alpha / rank * up @ down``, and spells the formulas out (Ho et al., arXiv:2006.11239; Salimans & Ho,
arXiv:2202.00512; Hang et al., arXiv:2303.09556; Lin et al., arXiv:2305.08891; kohya's sd-scripts for the rest).
Given to both are the weights, what the VAE says of the pictures, the captions, and the seed of what is drawn.
"""

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from diffusers import DDPMScheduler, DiffusionPipeline
from diffusers.optimization import get_scheduler
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict
from torch.func import functional_call
from torch.nn import functional

from loranb.demo import BASE
from loranb.demo import project as demo
from loranb.events import Step
from loranb.project import Project
from loranb.settings import NoiseSettings, ObjectiveSettings, Settings
from loranb.training.batches import epoch_steps
from loranb.training.objectives import Objective
from loranb.training.preparation import prepare
from loranb.training.recipe import train
from loranb.training.run import Run
from loranb.training.timesteps import sample_timesteps

# (options of the objective, options of the noise, what the model predicts or None for both)
OPTIONS = {
    "plain": ({}, {}, None),
    "min-SNR": ({"min_snr_gamma": 5.0}, {}, None),
    "debiased": ({"debiased": True}, {}, None),
    "scaled v": ({"scale_v_pred": True}, {}, "v_prediction"),
    "v-like": ({"v_pred_like": 0.5}, {}, "epsilon"),
    "all weights of epsilon": ({"min_snr_gamma": 3.0, "v_pred_like": 0.2, "debiased": True}, {}, "epsilon"),
    "all weights of v": ({"min_snr_gamma": 3.0, "scale_v_pred": True, "debiased": True}, {}, "v_prediction"),
    "huber by snr": ({"loss": "huber", "huber_c": 0.1}, {}, None),
    "huber constant": ({"loss": "huber", "huber_schedule": "constant", "huber_c": 0.2, "huber_scale": 2.0}, {}, None),
    "huber exponential": ({"loss": "huber", "huber_schedule": "exponential", "huber_scale": 1.5}, {}, None),
    "smooth L1": ({"loss": "smooth_l1", "huber_schedule": "constant"}, {}, None),
    "zero terminal SNR": ({"zero_terminal_snr": True, "min_snr_gamma": 5.0}, {}, "v_prediction"),
    "late timesteps": ({"timestep_min": 600, "timestep_max": 900}, {}, None),
    "noise offset": ({}, {"offset": 0.1}, None),
    "adaptive random offset": ({}, {"offset": 0.1, "offset_adaptive": 0.5, "offset_random": True}, None),
    "multi-resolution": ({}, {"multires_iterations": 6, "multires_discount": 0.4}, None),
    "perturbed input": ({}, {"perturbation": 0.1}, None),
    "randomly perturbed": ({}, {"perturbation": 0.2, "perturbation_random": True, "offset": 0.05}, None),
}
SCALES = {"tiny_sdxl": 0.13025, "demo": 1.0}  # of latents; 0.18215 elsewhere
UNUSED = "lora_te1_text_model_encoder_layers_2_"
QUICK = {
    "sd1": (
        "plain",
        "all weights of epsilon",
        "all weights of v",
        "huber by snr",
        "smooth L1",
        "zero terminal SNR",
        "adaptive random offset",
        "multi-resolution",
        "randomly perturbed",
    ),
    "sd2": ("plain",),
    "sdxl": ("plain",),
}
CASES = [
    pytest.param(
        family,
        name,
        predicts,
        id=f"{family}, {name}, {predicts}",
        marks=() if name in QUICK[family] else pytest.mark.slow,
    )
    for family in ("sd1", "sd2", "sdxl")
    for name, (_, _, only) in OPTIONS.items()
    for predicts in ("epsilon", "v_prediction")
    if only in (None, predicts)
]


@pytest.fixture(scope="module")
def prepared(family, request, tmp_path_factory):
    """A family's tiny model with a LoRA that has an effect, prepared as for a run, and plain diffusers beside it."""
    base = request.getfixturevalue(f"tiny_{family}")
    settings = Settings.preset("demo").assign_all(
        {
            "model.base": str(base),
            "dataset.resolution": 64,
            "dataset.bucket_step": 16,
            "dataset.bucket_min": 32,
            "dataset.flip": True,
            "lora.rank": 3,
            "lora.alpha": 2,
            "length.batch_size": 2,
            "samples.every_epochs": 0,
        }
    )
    from tests.conftest import draw_subjects

    project = Project.create(tmp_path_factory.mktemp(family) / "project", settings)
    draw_subjects(project)
    run = Run.create(project, settings)
    ready = finish(prepare(run))
    torch.manual_seed(0)
    for layer in ready.adapter.layers:
        torch.nn.init.normal_(layer.weights["lora_up.weight"], std=0.05)
    pipe = DiffusionPipeline.from_pretrained(base, safety_checker=None, requires_safety_checker=False)
    batch = next(b for _, steps, _ in epoch_steps(ready.horizon, settings, 0) for b in steps if len(b.images) == 2)
    return SimpleNamespace(family=family, ready=ready, pipe=pipe, batch=batch)


def finish(generator):
    while True:
        try:
            next(generator)
        except StopIteration as done:
            return done.value


# Plain diffusers, transformers and torch -------------------------------------------------------------------------


def reference(prepared, objective, noise, predicts, dtype):
    """Return the loss and the gradients by the LoRA's keys, all in float64; the other noise is drawn in `dtype`."""
    ready, pipe, batch = prepared.ready, prepared.pipe, prepared.batch
    leaves, weights = lora_as_weights(ready, pipe)
    schedule = DDPMScheduler.from_config(pipe.scheduler.config, rescale_betas_zero_snr=objective.zero_terminal_snr)
    a = schedule.alphas_cumprod.double()
    x0, eps, mixed_in, t = drawn(ready, batch, objective, noise, dtype)
    a_t = a[t].view(-1, 1, 1, 1)
    noisy = a_t.sqrt() * x0 + (1 - a_t).sqrt() * mixed_in
    target = eps if predicts == "epsilon" else a_t.sqrt() * eps - (1 - a_t).sqrt() * x0
    told = conditioning(prepared, batch, weights)
    prediction = functional_call(pipe.unet, weights["unet"], (noisy, t), told).sample
    losses = errors(prediction - target, a[t], t, objective).mean((1, 2, 3)) * weight(a, a[t], objective, predicts)
    loss = losses.mean()
    loss.backward()
    return loss.item(), without_unused({key: leaf.grad for key, leaf in leaves.items()})


def lora_as_weights(ready, pipe):
    """Return the LoRA's matrices as leaves, and for each part of the pipeline its weights with the LoRA in them."""
    ours = {"unet": ready.model.unet}
    names = ("text_encoder", "text_encoder_2")
    ours |= dict(zip(names, ready.model.text_encoders.values(), strict=False))
    leaves, weights = {}, {}
    for part, module in ours.items():
        plain = getattr(pipe, part).double().eval()
        paths = {id(inner): path for path, inner in module.named_modules()}
        weights[part] = {}
        for layer in ready.adapter.layers:
            if (path := paths.get(id(layer.layer))) is None:
                continue
            down, up = (layer.weights[f"lora_{side}.weight"].detach().double() for side in ("down", "up"))
            down, up = down.clone().requires_grad_(), up.clone().requires_grad_()
            leaves[f"{layer.key}.lora_down.weight"], leaves[f"{layer.key}.lora_up.weight"] = down, up
            base = plain.get_parameter(f"{path}.weight").detach()
            change = (2 / 3) * up.flatten(1) @ down.flatten(1)  # alpha 2, rank 3
            weights[part][f"{path}.weight"] = base + change.view(base.shape)
    return leaves, weights


def drawn(ready, batch, objective, noise, dtype):
    """Draw from the batch's seed, in the recipe's order: posterior, noise, timesteps, what is done to the noise."""
    generator = torch.Generator().manual_seed(batch.seed)
    latents = []
    for moments, mirrored in zip(ready.loss.shown.moments(batch), batch.mirrored, strict=True):
        mean, logvar = (moments[("mirrored_" if mirrored else "") + name].double() for name in ("mean", "logvar"))
        latents.append(mean + (logvar / 2).exp() * torch.randn(mean.shape, generator=generator).double())
    x0 = torch.stack(latents) * SCALES.get(ready.model.name, 0.18215)
    eps = torch.randn(x0.shape, generator=generator).double()
    t = sample_timesteps(objective, 1000, len(x0), generator)

    def share():
        return torch.rand(1, generator=generator).double()

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=dtype).double()

    if noise.offset is not None:
        strength = noise.offset * (share() if noise.offset_random else 1)
        strength = strength + (noise.offset_adaptive or 0) * x0.mean((2, 3), keepdim=True).abs()
        eps = eps + strength.clamp(min=0) * normal(*x0.shape[:2], 1, 1)
    if noise.multires_iterations is not None:
        eps = pyramid(eps, noise, normal, share)
    mixed_in = eps
    if noise.perturbation is not None:
        gamma = noise.perturbation * (share() if noise.perturbation_random else 1)
        mixed_in = eps + gamma * normal(*eps.shape)
    return x0, eps, mixed_in, t


def pyramid(eps, noise, normal, share):
    height, width = eps.shape[2:]
    for i in range(noise.multires_iterations):
        r = (share() * 2 + 2).item()
        size = max(1, int(height / r**i)), max(1, int(width / r**i))
        layer = functional.interpolate(normal(*eps.shape[:2], *size), (height, width), mode="bilinear")
        eps = eps + layer * noise.multires_discount**i
        if min(size) == 1:
            break
    return eps / eps.std()


def conditioning(prepared, batch, weights):
    """Encode the captions and say how the pictures were cut, as each family is told."""
    pipe = prepared.pipe
    first = words(pipe.text_encoder, pipe.tokenizer, batch, weights["text_encoder"])
    if prepared.family != "sdxl":
        return {"encoder_hidden_states": first.last_hidden_state}
    second = words(pipe.text_encoder_2, pipe.tokenizer_2, batch, weights["text_encoder_2"])
    hidden = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
    ids = []
    for i, mirrored in zip(batch.images, batch.mirrored, strict=True):
        planned = prepared.ready.horizon.images[i]
        (width, height), (wide, high) = planned.image.size, planned.fit.bucket
        left, top = (planned.fit.resized[0] - wide) // 2, (planned.fit.resized[1] - high) // 2
        left = planned.fit.resized[0] - wide - left if mirrored else left
        ids.append([height, width, top, left, high, wide])
    added = {"text_embeds": second.text_embeds, "time_ids": torch.tensor(ids).double()}
    return {"encoder_hidden_states": hidden, "added_cond_kwargs": added}


def words(encoder, tokenizer, batch, weights):
    said = tokenizer(list(batch.captions), padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    return functional_call(encoder, weights, (said.input_ids,), {"output_hidden_states": True})


def errors(difference, a, t, objective):
    """Return each value's error: squared, or Huber's, or smooth L1, with the bound of its schedule."""
    if objective.loss == "l2":
        return difference**2
    c, scale = objective.huber_c, objective.huber_scale
    sigma = ((1 - a) / a) ** 0.5
    bound = {
        "constant": torch.full_like(a, c * scale),
        "exponential": torch.exp(math.log(c) * t.double() / 1000) * scale,
        "snr": (1 - c) / (1 + sigma) ** 2 + c,
    }[objective.huber_schedule].view(-1, 1, 1, 1)
    return 2 * (bound if objective.loss == "huber" else 1) * ((difference**2 + bound**2) ** 0.5 - bound)


def weight(everywhere, a, objective, predicts):
    """Return each picture's weight; the options multiply, in the order of kohya's trainer."""
    snr, found = a / (1 - a), torch.ones_like(a)
    capped = snr.clamp(max=1000)
    v = predicts == "v_prediction"
    if objective.min_snr_gamma is not None:
        found = found * snr.clamp(max=objective.min_snr_gamma) / (snr + 1 if v else snr)
    if objective.scale_v_pred:
        found = found * capped / (capped + 1)
    if objective.v_pred_like is not None:
        found = found + found * (capped + 1) / capped * objective.v_pred_like
    if objective.debiased:
        found = found / (capped + 1 if v else capped**0.5)
    return found


# The laws -----------------------------------------------------------------------------------------------------


def ours(prepared, objective, noise, predicts, dtype):
    """Return our loss and gradients, with everything in `dtype`."""
    ready, batch = prepared.ready, prepared.batch
    zero = {"rescale_betas_zero_snr": objective.zero_terminal_snr}
    schedule = DDPMScheduler.from_config(prepared.pipe.scheduler.config, **zero)
    for part in (ready.model.unet, *ready.model.text_encoders.values()):
        part.to(dtype)

    def moments(batch):
        return [{name: tensor.to(dtype) for name, tensor in one.items()} for one in ready.loss.shown.moments(batch)]

    loss = replace(
        ready.loss,
        shown=replace(ready.loss.shown, moments=moments),
        noise=noise,
        objective=Objective(schedule.alphas_cumprod.to(dtype), predicts, objective),
    )
    total = loss(batch).weighted.mean()
    total.backward()
    gradients = {}
    for layer in ready.adapter.layers:
        for name, parameter in layer.weights.items():
            gradients[f"{layer.key}.{name}"], parameter.grad = parameter.grad, None
    return total.item(), without_unused(gradients)


def largest_error(got, wanted):
    """Return the largest error of a tensor, as a share of its length."""
    assert got.keys() == wanted.keys()
    return max(((got[key].double() - wanted[key]).norm() / wanted[key].norm()).item() for key in wanted)


def without_unused(gradients):
    """Leave out what SDXL does not use: the last layer of its first text encoder, which is read before that."""
    return {key: gradient for key, gradient in gradients.items() if not key.startswith(UNUSED)}


@pytest.mark.parametrize(("family", "name", "predicts"), CASES, scope="module")
def test_loss_and_gradients_of_a_step_are_those_of_the_formulas(prepared, name, predicts):
    objective, noise = ObjectiveSettings(**OPTIONS[name][0]), NoiseSettings(**OPTIONS[name][1])
    wanted, gradients = reference(prepared, objective, noise, predicts, torch.float64)
    assert min(gradient.norm() for gradient in gradients.values()) > 0
    got, exact = ours(prepared, objective, noise, predicts, torch.float64)
    assert got == pytest.approx(wanted, rel=1e-9)
    assert largest_error(exact, gradients) < 1e-9
    if OPTIONS[name][1]:  # float32 and float64 are other draws
        wanted, gradients = reference(prepared, objective, noise, predicts, torch.float32)
    got, single = ours(prepared, objective, noise, predicts, torch.float32)
    assert got == pytest.approx(wanted, rel=1e-5)
    assert largest_error(single, gradients) < 5e-5


@pytest.mark.slow
def test_fifty_steps_on_the_demo_are_those_of_diffusers_and_pefts_own_loop(tmp_path):
    """Given are the LoRA's first weights, the pictures as the VAE sees them, and what is drawn from the seed."""
    project = demo.make(tmp_path / "demo")
    run = Run.create(project, project.settings().assign_all({"length.steps": 50, "samples.every_epochs": 0}))
    ready = finish(prepare(run))
    unet, text_encoder, tokenizer, schedule = plain_parts(ready)
    groups = [
        {"params": [p for p in part.parameters() if p.requires_grad], "lr": rate}
        for part, rate in ((unet, 3e-3), (text_encoder, 1.5e-3))
    ]
    optimizer = torch.optim.AdamW(groups)
    rates = get_scheduler("cosine", optimizer, num_warmup_steps=round(0.05 * 50), num_training_steps=50)
    a, losses = schedule.alphas_cumprod, []
    for _, (batch,), _ in itertools.islice(epoch_steps(ready.horizon, ready.settings, 0), 50):
        x0, eps, _, t = drawn(ready, batch, ready.settings.objective, ready.settings.noise, torch.float32)
        x0, eps = x0.float(), eps.float()
        said = tokenizer(
            list(batch.captions), padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        )
        prediction = unet(schedule.add_noise(x0, eps, t), t, text_encoder(said.input_ids).last_hidden_state).sample
        snr = a[t] / (1 - a[t])
        loss = ((prediction - eps).square().mean((1, 2, 3)) * snr.clamp(max=5) / snr).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    told = [event.loss for event in train(run) if isinstance(event, Step)]
    assert told == pytest.approx(losses, abs=1e-4)
    assert sum(told[-10:]) < sum(told[:10])


def plain_parts(ready):
    """Return diffusers' U-Net and transformers' text encoder with peft's LoRA, beginning with the weights of ours."""
    checker = {"safety_checker": None, "requires_safety_checker": False}
    pipe = DiffusionPipeline.from_pretrained(BASE, torch_dtype=torch.float32, **checker)
    layers = {
        pipe.unet: ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"],
        pipe.text_encoder: ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"],
    }
    for part, targets in layers.items():
        part.requires_grad_(False).train()
        part.add_adapter(LoraConfig(r=16, lora_alpha=16, target_modules=targets))
    for part, mine in ((pipe.unet, ready.model.unet), (pipe.text_encoder, *ready.model.text_encoders.values())):
        left_over = set_peft_model_state_dict(part, get_peft_model_state_dict(mine))
        assert not left_over.unexpected_keys
    return pipe.unet, pipe.text_encoder, pipe.tokenizer, DDPMScheduler.from_config(pipe.scheduler.config)
