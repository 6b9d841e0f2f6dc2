import math

import pytest
import torch
from diffusers import DDPMScheduler

from loranb.errors import ModelError, SettingsError
from loranb.settings import ObjectiveSettings, Settings
from loranb.settings.advice import advice
from loranb.settings.conflicts import conflicts
from loranb.training.objectives import Objective, min_snr_weight, noise_schedule, objective_for

SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def schedule(predicts):
    return DDPMScheduler(**SCHEDULE, prediction_type=predicts)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_a_perfect_prediction_gives_back_the_clean_latents(predicts):
    """Salimans and Ho, arXiv:2202.00512: x0 = (x - s eps) / a, and x0 = a x - s v."""
    objective = objective_for(schedule(predicts), ObjectiveSettings())
    x0, eps, t = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8), torch.tensor([1, 500, 999])
    noisy, target = objective.add_noise(x0, eps, t), objective.target(x0, eps, t)
    power = objective.alphas_cumprod[t].view(-1, 1, 1, 1)
    signal, noise = power.sqrt(), (1 - power).sqrt()
    back = (noisy - noise * target) / signal if predicts == "epsilon" else signal * noisy - noise * target
    assert torch.allclose(back, x0, atol=1e-3)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_noise_and_targets_are_those_of_diffusers(predicts):
    theirs = schedule(predicts)
    objective = objective_for(theirs, ObjectiveSettings())
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
        objective_for(schedule("sample"), ObjectiveSettings())


# The formulas of kohya's trainer (kohya.md 4.9), written out again for one number at a time, in Python's float64.


def terminal_at_nought(abar):
    """Lin et al., arXiv:2305.08891, algorithm 1: shift and scale sqrt(abar) so that the last is 0."""
    roots = [math.sqrt(a) for a in abar]
    first, last = roots[0], roots[-1]
    return [((r - last) * first / (first - last)) ** 2 for r in roots]


def plain_abar():
    betas = [(math.sqrt(0.00085) + i / 999 * (math.sqrt(0.012) - math.sqrt(0.00085))) ** 2 for i in range(1000)]
    abar, product = [], 1.0
    for beta in betas:
        product *= 1 - beta
        abar.append(product)
    return abar


ABAR = {False: plain_abar(), True: terminal_at_nought(plain_abar())}
TIMES = [0, 1, 20, 300, 641, 998]


def wanted_weight(snr, v, changes):
    weight = 1.0
    if gamma := changes.get("min_snr_gamma"):
        weight *= min(snr, gamma) / (snr + 1 if v else snr)
    capped = min(snr, 1000)
    if changes.get("scale_v_pred"):
        weight *= capped / (capped + 1)
    if k := changes.get("v_pred_like"):
        weight += weight * (capped + 1) / capped * k
    if changes.get("debiased"):
        weight *= 1 / (capped + 1) if v else 1 / math.sqrt(capped)
    return weight


OTHER = {"epsilon": "scale_v_pred", "v_prediction": "v_pred_like"}  # an option that is refused
WEIGHTS = [
    {},
    {"min_snr_gamma": 5.0},
    {"debiased": True},
    {"scale_v_pred": True},
    {"v_pred_like": 0.5},
    {"min_snr_gamma": 1.5, "debiased": True},
    {"min_snr_gamma": 5.0, "scale_v_pred": True},
    {"min_snr_gamma": 5.0, "v_pred_like": 0.3, "debiased": True},
]


@pytest.mark.parametrize(("predicts", "changes"), [(p, c) for p in OTHER for c in WEIGHTS if OTHER[p] not in c])
@pytest.mark.parametrize("terminal", [False, True])
def test_weights_are_those_of_kohyas_formulas(predicts, terminal, changes):
    """With a terminal SNR of nought they are computed from the mended schedule, unlike kohya's (sd-scripts#1263)."""
    v, abar = predicts == "v_prediction", ABAR[terminal]
    objective = Objective(torch.tensor(abar, dtype=torch.float64), predicts, ObjectiveSettings(**changes))
    got = objective.weight(torch.tensor(TIMES))
    wanted = [wanted_weight(abar[t] / (1 - abar[t]), v, changes) for t in TIMES]
    assert got.tolist() == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("loss", ["l2", "huber", "smooth_l1"])
@pytest.mark.parametrize("rule", ["snr", "constant", "exponential"])
@pytest.mark.parametrize(("c", "scale"), [(0.1, 1.0), (0.4, 2.5)])
def test_errors_are_those_of_kohyas_formulas(loss, rule, c, scale):
    abar = ABAR[False]
    options = ObjectiveSettings(loss=loss, huber_schedule=rule, huber_c=c, huber_scale=scale)
    objective = Objective(torch.tensor(abar, dtype=torch.float64), "epsilon", options)
    generator = torch.Generator().manual_seed(3)
    differences = torch.randn(len(TIMES), 1, 1, 4, generator=generator, dtype=torch.float64)
    got = objective.error(differences + 0.25, torch.full_like(differences, 0.25), torch.tensor(TIMES))
    for row, t in zip(got.reshape(len(TIMES), 4), TIMES, strict=True):
        sigma = math.sqrt((1 - abar[t]) / abar[t])
        bound = {
            "snr": (1 - c) / (1 + sigma) ** 2 + c,
            "constant": c * scale,
            "exponential": math.exp(math.log(c) * t / 1000) * scale,
        }[rule]
        for value, d in zip(row.tolist(), differences[TIMES.index(t)].flatten().tolist(), strict=True):
            pseudo = math.sqrt(d * d + bound * bound) - bound
            wanted = {"l2": d * d, "huber": 2 * bound * pseudo, "smooth_l1": 2 * pseudo}[loss]
            assert value == pytest.approx(wanted, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_with_a_terminal_snr_of_nought_the_schedule_is_that_of_its_paper_and_ends_in_pure_noise(predicts):
    model = noise_schedule(schedule(predicts), ObjectiveSettings(zero_terminal_snr=True))
    assert model.alphas_cumprod.double().tolist() == pytest.approx(ABAR[True], abs=2e-6)
    assert model.config.timestep_spacing == "trailing"  # as its paper asks: drawing begins at the last timestep
    objective = objective_for(model, ObjectiveSettings(zero_terminal_snr=True))
    x0, eps, last = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8), torch.tensor([999, 999])
    assert torch.allclose(objective.add_noise(x0, eps, last), eps, atol=1e-6)
    target = -x0 if predicts == "v_prediction" else eps
    assert torch.allclose(objective.target(x0, eps, last), target, atol=1e-6)


@pytest.mark.parametrize(("predicts", "changes"), [(p, c) for p in OTHER for c in WEIGHTS if OTHER[p] not in c])
def test_weights_are_finite_where_there_is_no_signal(predicts, changes):
    objective = Objective(torch.tensor([0.9, 0.1, 0.0]), predicts, ObjectiveSettings(**changes))
    assert objective.weight(torch.tensor([0, 1, 2])).isfinite().all()


def test_what_the_model_predicts_can_be_overruled():
    options = ObjectiveSettings(predicts="v_prediction")
    assert objective_for(noise_schedule(schedule("epsilon"), options), options).predicts == "v_prediction"
    unchanged = schedule("epsilon")
    assert noise_schedule(unchanged, ObjectiveSettings()) is unchanged


@pytest.mark.parametrize(
    ("predicts", "changes"), [("epsilon", {"scale_v_pred": True}), ("v_prediction", {"v_pred_like": 0.5})]
)
def test_an_option_of_the_other_prediction_is_refused(predicts, changes):
    with pytest.raises(SettingsError, match=next(iter(changes))):
        objective_for(schedule(predicts), ObjectiveSettings(**changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective.predicts": "epsilon", "objective.scale_v_pred": True}, "scale_v_pred"),
        ({"objective.scale_v_pred": True, "objective.v_pred_like": 1}, "no model does both"),
        ({"objective.timestep_min": 500, "objective.timestep_max": 500}, "leave no timestep"),
        ({"noise.offset_adaptive": 0.1}, "noise.offset"),
    ],
)
def test_settings_that_exclude_each_other_are_told_before_anything_is_loaded(changes, said):
    assert conflicts(Settings()) == []
    assert any(said in line for line in conflicts(Settings().assign_all(changes)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"objective.min_snr_gamma": 5, "objective.debiased": True}, "Use one of them"),
        ({"objective.predicts": "epsilon", "objective.zero_terminal_snr": True}, "predict v"),
        ({"objective.stratified": True}, "batch_size = 1"),
        ({"noise.offset": 0.05, "noise.multires_iterations": 6}, "use one of them"),
    ],
)
def test_what_is_unwise_together_is_advice(changes, said):
    assert any(said in line.words for line in advice(Settings().assign_all(changes)))


def test_settings_of_an_earlier_version_are_read():
    assert Settings.from_values({"optimizer": {"min_snr_gamma": 5}}).objective.min_snr_gamma == 5
    assert Settings().assign_text(["optimizer.min_snr_gamma=3"]).objective.min_snr_gamma == 3
