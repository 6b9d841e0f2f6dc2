import io
import subprocess
import sys

import pytest
import torch
from torch.nn import functional

from loranb.errors import SettingsError
from loranb.settings import OptimizerSettings, Settings
from loranb.settings.advice import advice
from loranb.settings.optimizers import KNOWN, OF_TORCH, known_name, parse_arguments
from loranb.training.optimizers import averaged, choose, class_name, describe, learning_rates, restore

CPU = torch.device("cpu")
RATES = {"Prodigy": 1.0, "SGDScheduleFree": 0.5}


def settings(name, *args, **changes):
    return OptimizerSettings(name=name, args=args, **changes)


def made(name, *args, parameters=None, **changes):
    """Return a small optimizer of this name, and its parameters in one group."""
    rate = 1.0 if KNOWN.get(name) and KNOWN[name].finds_rate else 0.05
    asked = settings(name, *args, **{"learning_rate": rate, **changes})
    parameters = parameters or model()
    optimizer = choose(asked, CPU).on([{"name": "unet", "params": parameters, **own_rate(asked)}])
    return optimizer, parameters


def own_rate(asked):
    from loranb.settings.optimizers import sets_rate

    return {} if sets_rate(asked.name, asked.args) else {"lr": asked.learning_rate}


def model():
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator) / 3) for shape in ((8, 6), (6, 8))]


def step(optimizer, parameters, number):
    generator = torch.Generator().manual_seed(number)
    x = torch.randn(16, 8, generator=generator)
    y = x.sum(1, keepdim=True).expand(16, 8)
    loss = functional.mse_loss(x @ parameters[0] @ parameters[1], y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_optimizer_learns_and_goes_on_exactly_where_it_was_saved(name):
    whole, parameters = made(name)
    losses = [step(whole, parameters, i) for i in range(12)]
    first, begun = made(name)
    for i in range(5):
        step(first, begun, i)
    out = io.BytesIO()
    torch.save({"optimizer": first.state_dict(), "weights": [p.detach() for p in begun]}, out)
    out.seek(0)
    state = torch.load(out, weights_only=True)
    again, gone_on = made(name)
    with torch.no_grad():
        for parameter, value in zip(gone_on, state["weights"], strict=True):
            parameter.copy_(value)
    restore(again, state["optimizer"])
    assert [step(again, gone_on, i) for i in range(5, 12)] == losses[5:]
    assert all(torch.equal(a, b) for a, b in zip(parameters, gone_on, strict=True))
    assert losses[-1] != losses[0]


def wanted_steps(rule, count=4):
    """Take steps of a rule written out in float64 on f(w) = |w|^2 / 2, whose gradient is w."""
    w, state = torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64), {}
    for t in range(1, count + 1):
        w = rule(w, w.clone(), state, t)
    return w


def taken_steps(name, *args, count=4, **changes):
    parameter = torch.nn.Parameter(torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64))
    optimizer, _ = made(name, *args, parameters=[parameter], **changes)
    for _ in range(count):
        parameter.grad = parameter.detach().clone()
        optimizer.step()
    return optimizer, parameter


def lion(w, g, state, t):
    """Chen et al., arXiv:2302.06675, algorithm 2; beta 0.9 and 0.99."""
    m = state.get("m", torch.zeros_like(w))
    state["m"] = 0.99 * m + 0.01 * g
    return w - 0.05 * ((0.9 * m + 0.1 * g).sign() + 0.3 * w)


def nesterov(w, g, state, t):
    """Sutskever's form, as torch documents it; the first velocity is the first gradient."""
    state["v"] = g if t == 1 else 0.9 * state["v"] + g
    return w - 0.05 * (g + 0.9 * state["v"])


def adamw(w, g, state, t):
    """Loshchilov and Hutter, arXiv:1711.05101, algorithm 2."""
    m = state["m"] = 0.9 * state.get("m", 0) + 0.1 * g
    v = state["v"] = 0.999 * state.get("v", 0) + 0.001 * g * g
    w = w - 0.05 * 0.01 * w
    return w - 0.05 * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)


@pytest.mark.parametrize(
    ("name", "rule", "changes"),
    [("Lion", lion, {"weight_decay": 0.3}), ("SGDNesterov", nesterov, {}), ("AdamW", adamw, {})],
)
def test_steps_are_those_of_the_papers(name, rule, changes):
    _, got = taken_steps(name, **changes)
    assert torch.allclose(got, wanted_steps(rule), rtol=1e-9)


def test_prodigy_finds_the_rate_of_its_paper():
    """Mishchenko and Defazio, arXiv:2306.06101, algorithm 4, with beta3 = sqrt(beta2) and d0 = 1e-6."""
    w0 = w = torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64)
    d, r, b3 = 1e-6, 0.0, 0.999**0.5
    m = v = s = torch.zeros_like(w)
    for _ in range(8):
        g = w.clone()
        r, s = b3 * r + d * d * torch.dot(g, w0 - w).item(), b3 * s + d * d * g
        m, v = 0.9 * m + 0.1 * d * g, 0.999 * v + 0.001 * d * d * g * g
        w = w - d * m / (v.sqrt() + d * 1e-8)
        d = max(d, r / s.abs().sum().item())
    optimizer, got = taken_steps("Prodigy", count=8)
    assert float(optimizer.param_groups[0]["d"]) == pytest.approx(d, rel=1e-5)
    assert d > 1.5e-6
    assert torch.allclose(got - w0, w - w0, rtol=1e-5)


def test_schedule_free_weights_are_the_average_of_its_paper():
    """Defazio et al., arXiv:2405.15682, equations 3 to 5, at a constant rate: c = 1 / t."""
    rate, beta = 0.05, 0.9
    x = z = torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64)
    for t in range(1, 5):
        y = (1 - beta) * z + beta * x
        z = z - rate * y
        x = (1 - 1 / t) * x + z / t
    optimizer, parameter = taken_steps("SGDScheduleFree")
    trained_on = parameter.detach().clone()
    with averaged(optimizer):
        assert torch.allclose(parameter, x, rtol=1e-9)
    assert torch.equal(parameter, trained_on)  # to the last bit
    assert torch.allclose(parameter, (1 - beta) * z + beta * x, rtol=1e-9)


def test_looking_at_averaged_weights_changes_no_later_step():
    plain, first = made("AdamWScheduleFree")
    looked, second = made("AdamWScheduleFree")
    for i in range(6):
        with averaged(looked):
            pass
        assert step(plain, first, i) == step(looked, second, i)


def test_other_optimizers_are_left_alone_by_averaging():
    optimizer, parameters = made("AdamW")
    step(optimizer, parameters, 0)
    before = [p.detach().clone() for p in parameters]
    with averaged(optimizer):
        assert all(torch.equal(a, b) for a, b in zip(parameters, before, strict=True))


def test_adafactor_sets_its_own_rates_unless_that_is_switched_off():
    """Shazeer and Stern, arXiv:1804.04235, section 8: the rate is max(1e-3, RMS of the weights) times rho_t."""
    optimizer, parameters = made("Adafactor")
    before = [p.detach().clone() for p in parameters]
    step(optimizer, parameters, 0)
    size = before[0].square().mean().sqrt().item()
    assert learning_rates(optimizer)["unet"] == pytest.approx(max(1e-3, size) * min(1e-2, 1 / 1), rel=1e-5)
    assert Settings().assign("optimizer.name", "adafactor").optimizer.name == "Adafactor"
    own, _ = made("Adafactor", "relative_step=False scale_parameter=False", learning_rate=2e-4)
    step(own, model(), 0)
    assert learning_rates(own) == {"unet": 2e-4}


def test_the_rate_that_is_told_is_what_the_optimizer_found():
    optimizer, parameters = made("Prodigy")
    for i in range(20):
        step(optimizer, parameters, i)
    assert learning_rates(optimizer)["unet"] == pytest.approx(float(optimizer.param_groups[0]["d"]))
    assert learning_rates(optimizer)["unet"] > 1e-5


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("betas=0.9,0.99", {"betas": (0.9, 0.99)}),
        ("betas=[0.9, 0.99] weight_decay=1e-2", {"betas": (0.9, 0.99), "weight_decay": 0.01}),
        ('"d0=1e-5" "d_coef=1.0"', {"d0": 1e-5, "d_coef": 1.0}),
        ("decouple=True use_bias_correction=False", {"decouple": True, "use_bias_correction": False}),
        ("clip = None", {"clip": None}),
        ("  ", {}),
    ],
)
def test_arguments_are_read_as_kohyas_presets_write_them(line, values):
    assert parse_arguments([line]) == (values, [])


@pytest.mark.parametrize("line", ["weight_decay=heavy", "betas", "a b=3", "lr=__import__('os').getcwd()", "x=(1,"])
def test_arguments_that_are_no_values_are_told_and_never_evaluated(line):
    values, problems = parse_arguments([line])
    assert problems
    assert values in ({}, {"b": 3})


def test_the_names_of_arguments_in_kohyas_presets_are_understood():
    """As kohya-colab writes them for Prodigy (kohya.md 6.2)."""
    line = "decouple=True weight_decay=0.01 betas=[0.9,0.999] d_coef=2 use_bias_correction=True safeguard_warmup=True"
    arguments = choose(settings("Prodigy", line), CPU).arguments
    assert arguments["weight_decouple"] is True
    assert arguments["bias_correction"] is True
    assert arguments["d_coef"] == 2


@pytest.mark.parametrize("name", [name for name, known in KNOWN.items() if known.instead])
def test_without_a_gpu_the_bitsandbytes_ones_fall_back_with_a_notice(name):
    choice = choose(settings(name), CPU)
    assert choice.kind is choose(settings(KNOWN[name].instead), CPU).kind
    assert KNOWN[name].instead in choice.notices[0]
    assert "GPU" in choice.notices[0]


def test_a_known_name_is_known_whatever_its_capitals():
    assert known_name("adamw8BIT") == "AdamW8bit"
    assert OptimizerSettings(name="dadaptlion").name == "DAdaptLion"
    assert OptimizerSettings(name=" torch.optim.RAdam ").name == "torch.optim.RAdam"


@pytest.mark.parametrize("name", ["RAdam", "torch.optim.NAdam", "pytorch_optimizer.AdEMAMix"])
def test_any_class_can_be_named(name):
    optimizer, parameters = made(name)
    assert class_name(optimizer).endswith(name.rpartition(".")[2])
    step(optimizer, parameters, 0)


@pytest.mark.parametrize(
    ("name", "args", "said"),
    [
        ("Adaam", (), "Known names are AdamW"),
        ("nowhere.Adam", (), "nowhere"),
        ("collections.OrderedDict", (), "is no optimizer"),
        ("AdamW", ("momentum=0.9",), "AdamW has no momentum; it has betas"),
        ("Prodigy", ("slice_p=11",), "Prodigy has no slice_p"),
        ("AdamW", ("lr=3",), "has no lr"),
        ("AdamW", ("betas=3,4",), "beta"),
        ("LBFGS", (), "cannot be used"),
        ("CAME", ("weight_decay=-1",), "weight_decay"),
    ],
)
def test_an_optimizer_that_cannot_be_used_is_told_before_a_model_is_loaded(name, args, said):
    with pytest.raises(SettingsError, match=said):
        choose(settings(name, *args), CPU)


def test_an_optimizer_is_described_as_kohyas_trainer_does():
    optimizer, _ = made("AdamW", weight_decay=0.02)
    assert describe(optimizer, settings("AdamW", weight_decay=0.02)) == "torch.optim.adamw.AdamW(weight_decay=0.02)"
    assert describe(optimizer, settings("AdamW", "betas=0.9,0.99")) == "torch.optim.adamw.AdamW(betas=(0.9, 0.99))"
    assert describe(optimizer, settings("AdamW")) == "torch.optim.adamw.AdamW"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer.name": "Prodigy"}, "Set it to 1"),
        (
            {"optimizer.name": "Prodigy", "optimizer.learning_rate": 1, "optimizer.text_encoder_learning_rate": 0.5},
            "rate blank",
        ),
        ({"optimizer.name": "Adafactor"}, "relative_step=False"),
        ({"optimizer.name": "AdamWScheduleFree"}, "needs no schedule"),
        ({"optimizer.name": "Lion", "optimizer.learning_rate": 0.01}, "high for Lion"),
        ({"optimizer.name": "Prodgy"}, "did you mean Prodigy"),
    ],
)
def test_what_an_optimizer_makes_of_the_other_settings_is_advice(changes, said):
    assert any(said in line.words for line in advice(Settings().assign_all(changes)))


@pytest.mark.parametrize("name", ["RAdam", "pytorch_optimizer.AdEMAMix", "Muon"])
def test_names_of_torch_and_dotted_ones_need_no_advice(name):
    assert not [line for line in advice(Settings().assign("optimizer.name", name)) if "did you mean" in line.words]


def test_the_classes_of_torch_are_named_as_they_are():
    assert {name for name in OF_TORCH if not hasattr(torch.optim, name)} <= {"Muon"}  # which torch has since 2.9


def test_prodigy_at_one_needs_no_advice():
    good = {"optimizer.name": "Prodigy", "optimizer.learning_rate": 1, "optimizer.schedule": "constant"}
    assert advice(Settings().assign_all(good)) == []


def test_names_and_arguments_load_no_torch():
    code = (
        "import sys, loranb.settings.optimizers; print([m for m in ('torch', 'pytorch_optimizer') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
