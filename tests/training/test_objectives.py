import pytest
import torch
from diffusers import DDPMScheduler

from loranb.errors import ModelError
from loranb.training.objectives import Objective, min_snr_weight, objective_for

SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def schedule(predicts):
    return DDPMScheduler(**SCHEDULE, prediction_type=predicts)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_a_perfect_prediction_gives_back_the_clean_latents(predicts):
    """Salimans and Ho, arXiv:2202.00512: x0 = (x - s eps) / a, and x0 = a x - s v."""
    objective = objective_for(schedule(predicts), None)
    x0, eps, t = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8), torch.tensor([1, 500, 999])
    noisy, target = objective.add_noise(x0, eps, t), objective.target(x0, eps, t)
    power = objective.alphas_cumprod[t].view(-1, 1, 1, 1)
    signal, noise = power.sqrt(), (1 - power).sqrt()
    back = (noisy - noise * target) / signal if predicts == "epsilon" else signal * noisy - noise * target
    assert torch.allclose(back, x0, atol=1e-3)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_noise_and_targets_are_those_of_diffusers(predicts):
    theirs = schedule(predicts)
    objective = objective_for(theirs, None)
    x0, eps, t = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8), torch.tensor([1, 500, 999])
    assert torch.allclose(objective.add_noise(x0, eps, t), theirs.add_noise(x0, eps, t), atol=1e-6)
    if predicts == "v_prediction":
        assert torch.allclose(objective.target(x0, eps, t), theirs.get_velocity(x0, eps, t), atol=1e-6)


@pytest.mark.parametrize(("snr", "epsilon", "v"), [(1.0, 1.0, 0.5), (5.0, 1.0, 5 / 6), (20.0, 0.25, 5 / 21)])
def test_min_snr_weights_are_those_of_the_paper(snr, epsilon, v):
    power = torch.tensor([snr / (1 + snr)])
    assert min_snr_weight(power, 5.0, "epsilon").item() == pytest.approx(epsilon, rel=1e-4)
    assert min_snr_weight(power, 5.0, "v_prediction").item() == pytest.approx(v, rel=1e-4)


def test_min_snr_needs_a_gamma_above_nought():
    with pytest.raises(ValueError, match="above 0"):
        min_snr_weight(torch.tensor([0.5]), 0.0, "epsilon")


def test_without_min_snr_all_steps_weigh_alike():
    objective = Objective(torch.linspace(0.9, 0.1, 10), "epsilon")
    assert torch.equal(objective.weight(torch.tensor([0, 9])), torch.ones(2))


def test_a_model_that_predicts_something_else_is_told():
    with pytest.raises(ModelError, match="'sample'"):
        objective_for(schedule("sample"), None)
