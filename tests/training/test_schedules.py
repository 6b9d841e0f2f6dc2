import math

import pytest
import torch
from diffusers.optimization import get_scheduler

from loranb.training.schedules import factor


@pytest.mark.parametrize("name", ["constant_with_warmup", "cosine", "linear"])
@pytest.mark.parametrize("warmup", [0, 7])
def test_rates_are_those_of_diffusers(name, warmup):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=40)
    for step in range(40):
        ours = factor(name.removesuffix("_with_warmup"), step, 40, warmup)
        assert ours == pytest.approx(theirs.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        theirs.step()


def test_cosine_is_half_way_down_in_the_middle():
    assert factor("cosine", 50, 100, 0) == pytest.approx(0.5 * (1 + math.cos(math.pi / 2)))
