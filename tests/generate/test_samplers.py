"""The laws of samplers."""

import inspect

import pytest
import torch
from diffusers import DDPMScheduler

from loranb.errors import GenerationError
from loranb.generate import samplers


@pytest.fixture(scope="module")
def noise_schedule() -> DDPMScheduler:
    return DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False)


def draw(name: str, steps: int, x0: torch.Tensor, noise_schedule: DDPMScheduler) -> torch.Tensor:
    """Sample with a denoiser that always predicts the noise of `x0`."""
    sampler, noise = samplers.scheduler(name, noise_schedule), torch.Generator().manual_seed(0)
    sampler.set_timesteps(steps)
    x = torch.randn(x0.shape, generator=noise) * sampler.init_noise_sigma
    options = {"generator": noise} if "generator" in inspect.signature(sampler.step).parameters else {}
    for t in sampler.timesteps:
        a = noise_schedule.alphas_cumprod[int(t)]
        eps = (sampler.scale_model_input(x, t) - a.sqrt() * x0) / (1 - a).sqrt()
        x = sampler.step(eps, t, x, **options).prev_sample
    return x


@pytest.mark.parametrize("name", samplers.NAMES)
def test_a_perfect_prediction_of_the_noise_gives_the_picture(name: str, noise_schedule: DDPMScheduler):
    x0 = torch.linspace(-1, 1, 64).reshape(1, 4, 4, 4)
    assert (draw(name, 20, x0, noise_schedule) - x0).abs().max() < 0.1


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("name", samplers.NAMES)
def test_no_number_of_steps_breaks_a_sampler(name: str, steps: int, noise_schedule: DDPMScheduler):
    assert draw(name, steps, torch.zeros(1, 4, 4, 4), noise_schedule).isfinite().all()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("euler_a", "Euler a"),
        ("k_euler_a", "Euler a"),
        ("EULER A", "Euler a"),
        ("ddim", "DDIM"),
        ("pndm", "PLMS"),
        ("lms", "LMS"),
        ("dpm_2", "DPM2"),
        ("k_dpm_2_a", "DPM2 a"),
        ("dpmsolver++", "DPM++ 2M"),
        ("dpmsolver", "DPM++ 2M"),
        ("dpmsingle", "DPM++ 2S"),
        ("dpm++ 2m karras", "DPM++ 2M Karras"),
        (None, samplers.DEFAULT),
    ],
)
def test_web_uis_and_kohyas_names_are_understood(written: str | None, meant: str):
    assert samplers.resolve(written) == meant


def test_every_name_is_its_own():
    assert [samplers.resolve(name) for name in samplers.NAMES] == list(samplers.NAMES)


@pytest.mark.parametrize(("written", "near"), [("Eulre a", "Euler a"), ("DPM++ 2M Karas", "DPM++ 2M Karras"), ("", "")])
def test_an_unknown_sampler_is_refused_with_the_nearest(written: str, near: str):
    with pytest.raises(GenerationError, match="did you mean ") as caught:
        samplers.resolve(written)
    assert f"did you mean {near}" in str(caught.value)


@pytest.mark.parametrize("name", ["DPM++ 2M Karras", "Euler a", "DDIM"])
def test_a_model_of_noise_is_never_drawn_from_where_there_is_no_signal(name, noise_schedule):
    # x0 = (x - sqrt(1 - a) eps) / sqrt(a), and a is 0 there
    ended = DDPMScheduler.from_config(
        noise_schedule.config, rescale_betas_zero_snr=True, timestep_spacing="trailing", prediction_type="epsilon"
    )
    sampler, plain = samplers.scheduler(name, ended), samplers.scheduler(name, noise_schedule)
    assert torch.equal(sampler.alphas_cumprod, plain.alphas_cumprod)
    sampler.set_timesteps(7), plain.set_timesteps(7)
    assert torch.equal(sampler.timesteps, plain.timesteps)


def test_the_base_models_schedule_is_kept():
    schedule = DDPMScheduler(beta_start=0.001, beta_end=0.02, prediction_type="v_prediction")
    for name in samplers.NAMES:
        config = samplers.scheduler(name, schedule).config
        assert (config.beta_start, config.beta_end, config.prediction_type) == (0.001, 0.02, "v_prediction")
