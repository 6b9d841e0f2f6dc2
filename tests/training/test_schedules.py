import math
import subprocess
import sys
from typing import get_args

import pytest
import torch
from diffusers.optimization import get_scheduler as diffusers_scheduler
from hypothesis import given
from hypothesis import strategies as st
from transformers.optimization import get_scheduler as transformers_scheduler

from loranb.plan import whole_steps
from loranb.settings import OptimizerSettings, Settings
from loranb.settings.advice import advice
from loranb.settings.learning import SCHEDULES
from loranb.training.schedules import NAMES, Schedule, schedule_for

STEPS = 40
LIKE_TRANSFORMERS = [
    ("constant", {}, {}),
    ("constant_with_warmup", {}, {}),
    ("linear", {}, {}),
    ("cosine", {}, {}),
    ("cosine_with_restarts", {"cycles": 3}, {"num_cycles": 3}),
    ("polynomial", {"power": 2.5}, {"power": 2.5}),
    ("inverse_sqrt", {}, {}),
    ("inverse_sqrt", {"timescale": 15}, {"timescale": 15}),
    # kohya's trainer gives transformers half of the cycles for the two below (kohya.md 4.8)
    ("cosine_with_min_lr", {"floor": 0.2, "cycles": 3}, {"min_lr_rate": 0.2, "num_cycles": 1.5}),
    ("warmup_stable_decay", {"decay": 11}, {"num_decay_steps": 11}),
    ("warmup_stable_decay", {"decay": 11, "floor": 0.1}, {"num_decay_steps": 11, "min_lr_ratio": 0.1}),
]


def sgd(rate):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


@pytest.mark.parametrize(("name", "ours", "theirs"), LIKE_TRANSFORMERS)
@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("rate", [1.0, 3e-4])
def test_rates_are_those_of_transformers(name, ours, theirs, warmup, rate):
    schedule = Schedule(name, STEPS, warmup, peak=rate, **ours)
    optimizer = sgd(rate)
    kept = transformers_scheduler(
        name, optimizer, num_warmup_steps=warmup, num_training_steps=STEPS, scheduler_specific_kwargs=theirs
    )
    for step in range(STEPS):
        assert rate * schedule.factor(step) == pytest.approx(kept.get_last_lr()[0], abs=1e-9 * rate), step
        optimizer.step()
        kept.step()


@pytest.mark.parametrize(("name", "ours"), [("cosine_with_restarts", {"cycles": 4}), ("polynomial", {"power": 0.5})])
def test_rates_are_those_of_diffusers(name, ours):
    schedule, optimizer = Schedule(name, STEPS, 5, **ours), sgd(1.0)
    options = {"num_cycles": ours.get("cycles", 1), "power": ours.get("power", 1.0)}
    theirs = diffusers_scheduler(name, optimizer, num_warmup_steps=5, num_training_steps=STEPS, **options)
    for step in range(STEPS):
        assert schedule.factor(step) == pytest.approx(theirs.get_last_lr()[0], abs=1e-9), step
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.9])
def test_rex_is_that_of_its_paper(p):
    """Chen et al., arXiv:2107.04197: (1 - p) / (1/2 + 1/2 (1 - p))."""
    assert Schedule("rex", 100, 0).factor(round(100 * p)) == pytest.approx((1 - p) / (1 / 2 + 1 / 2 * (1 - p)))


def test_cosine_is_half_way_down_in_the_middle():
    assert Schedule("cosine", 100).factor(50) == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))


def test_there_is_a_course_for_every_schedule_that_can_be_chosen():
    assert set(NAMES) == set(get_args(SCHEDULES))


@given(
    name=st.sampled_from(NAMES),
    steps=st.integers(1, 300),
    warmup=st.integers(0, 400),
    cycles=st.integers(1, 5),
    floor=st.floats(0, 0.9),
    decay=st.integers(0, 400),
)
def test_a_factor_lies_between_nought_and_one(name, steps, warmup, cycles, floor, decay):
    schedule = Schedule(name, steps, warmup, cycles, floor=floor, decay=decay)
    assert all(-1e-9 <= schedule.factor(step) <= 1 + 1e-9 for step in range(steps))


@pytest.mark.parametrize(("value", "steps"), [(0.05, 10), (0.0, 0), (1, 1), (30, 30), (1000, 200)])
def test_below_one_is_a_share_of_the_steps_and_from_one_on_a_number(value, steps):
    assert whole_steps(value, 200) == steps


def test_the_settings_reach_the_schedule():
    asked = OptimizerSettings(
        schedule="warmup_stable_decay", warmup=0.1, schedule_decay=20, schedule_floor=0.25, learning_rate=2e-4
    )
    schedule = schedule_for(asked, 100)
    assert (schedule.warmup, schedule.decay, schedule.floor, schedule.peak) == (10, 20, 0.25, 2e-4)


def test_half_a_step_is_refused():
    with pytest.raises(ValueError, match="whole steps"):
        OptimizerSettings(warmup=2.5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer.schedule": "cosine_with_min_lr"}, "schedule_floor"),
        ({"optimizer.schedule": "cosine_with_restarts"}, "schedule_cycles"),
        ({"optimizer.schedule": "warmup_stable_decay", "optimizer.schedule_decay": 0.97}, "never stays level"),
    ],
)
def test_a_schedule_that_comes_to_another_one_is_advice(changes, said):
    assert any(said in line.words for line in advice(Settings().assign_all(changes)))


def test_schedules_load_no_torch():
    code = "import sys, loranb.training.schedules; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
