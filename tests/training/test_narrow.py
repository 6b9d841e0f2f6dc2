"""Half-precision LoRA weights lose no small step, on average."""

import pytest
import torch
from torch import nn

from loranb.training.narrow import round_by_chance, widened

HALF = [torch.bfloat16, torch.float16]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", HALF)
def test_a_number_that_the_format_has_is_not_changed(dtype):
    values = torch.randn(1000, generator=generator()).to(dtype).float()
    values = torch.cat([values, torch.tensor([0.0, -0.0, float("inf")])])
    assert torch.equal(round_by_chance(values, dtype, generator(1)).float(), values)


@pytest.mark.parametrize("dtype", HALF)
def test_others_go_to_one_of_their_two_neighbours_and_to_the_right_mean(dtype):
    gap = 2 * torch.finfo(dtype).eps  # of numbers from 2 to 4
    for value in (3.0 + 0.3 * gap, -(3.0 + 0.3 * gap)):
        rounded = round_by_chance(torch.full((100_000,), value), dtype, generator()).double()
        sign = 1 if value > 0 else -1
        assert set(rounded.tolist()) == {sign * 3.0, sign * (3.0 + gap)}
        assert ((rounded.abs() - 3.0).mean() / gap).item() == pytest.approx(0.3, abs=0.01)  # 7 deviations


def test_the_same_seed_and_step_round_alike_and_others_do_not():
    def rounded(seed, step):
        parameter = nn.Parameter(torch.zeros(1000, dtype=torch.bfloat16))
        with widened([parameter], seed, step):
            parameter.data += 1.001
        return parameter.data

    assert torch.equal(rounded(1, 2), rounded(1, 2))
    assert not torch.equal(rounded(1, 2), rounded(1, 3))
    assert not torch.equal(rounded(1, 2), rounded(2, 2))


def test_what_is_in_fp32_is_left_alone():
    parameter = nn.Parameter(torch.ones(3))
    place = parameter.data_ptr()
    with widened([parameter], 0, 0):
        assert parameter.data_ptr() == place
    assert parameter.data_ptr() == place


@pytest.mark.parametrize("dtype", HALF)
def test_steps_far_below_a_formats_gap_add_up(dtype):
    """Plain half precision stands still here: 1e-5 is a hundredth of bf16's gap at 0.3, a tenth of fp16's."""
    parameter = nn.Parameter(torch.full((4000,), 0.3, dtype=dtype))
    start = parameter.detach().float().mean()
    optimizer = torch.optim.SGD([parameter], lr=1e-5)
    for step in range(400):
        parameter.grad = torch.full_like(parameter, -1.0)
        with widened([parameter], 0, step):
            optimizer.step()
        assert parameter.dtype == dtype
    assert (parameter.detach().float().mean() - start).item() == pytest.approx(400 * 1e-5, rel=0.05)
