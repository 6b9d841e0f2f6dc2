import pytest
import torch
from diffusers.training_utils import EMAModel
from torch import nn

from loranb.training.ema import Ema


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_average_is_that_of_diffusers(decay):
    parameters = [nn.Parameter(torch.randn(4)) for _ in range(2)]
    ours, theirs = Ema(parameters, decay), EMAModel(parameters, decay=decay)
    for step in range(1, 40):
        for parameter in parameters:
            parameter.data = torch.randn(4)
        ours.update(step)
        theirs.step(parameters)
        torch.testing.assert_close(ours.average, theirs.shadow_params)


def test_what_was_trained_comes_back_to_the_bit():
    parameter = nn.Parameter(torch.randn(5).bfloat16())
    before = parameter.detach().clone()
    ema = Ema([parameter], 0.9)
    parameter.data = before + 1
    ema.update(100)
    with ema.applied():
        torch.testing.assert_close(parameter.detach().float(), before.float() + 0.1, rtol=0.02, atol=0.02)
    assert torch.equal(parameter.detach(), before + 1)
