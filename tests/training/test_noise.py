"""The formulas of kohya's trainer (kohya.md 4.9), written out again in numpy and float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from loranb.settings import NoiseSettings
from loranb.training.noise import perturb, shape_noise

SHAPE = (3, 4, 8, 12)
EPS = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
X0 = torch.randn(SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 0.3


def generator():
    return torch.Generator().manual_seed(7)


def normal(source, *shape):
    return torch.randn(shape, generator=source, dtype=torch.float64).numpy()


def shaped(**changes):
    return shape_noise(EPS, X0, NoiseSettings(**changes), generator()).numpy()


def test_without_options_noise_is_left_alone_and_nothing_is_drawn():
    source = generator()
    assert shape_noise(EPS, X0, NoiseSettings(), source) is EPS
    assert perturb(EPS, NoiseSettings(), source) is EPS
    assert torch.equal(source.get_state(), generator().get_state())


@pytest.mark.parametrize("adaptive", [None, 0.2, -0.5])
def test_an_offset_is_one_number_for_each_channel(adaptive):
    of_sample = np.abs(X0.numpy().mean(axis=(2, 3)))
    strengths = np.maximum(0, 0.1 + (adaptive or 0) * of_sample)[:, :, None, None]
    wanted = EPS.numpy() + strengths * normal(generator(), 3, 4, 1, 1)
    assert np.allclose(shaped(offset=0.1, offset_adaptive=adaptive), wanted, rtol=1e-9)


def test_an_offset_of_random_strength_lies_between_none_and_all():
    source = generator()
    strength = 0.1 * torch.rand(1, generator=source).item()
    wanted = EPS.numpy() + strength * normal(source, 3, 4, 1, 1)
    assert np.allclose(shaped(offset=0.1, offset_random=True), wanted, rtol=1e-9)


def bilinear(coarse, height, width):
    """Half-pixel centres, edges repeated: align_corners=False."""
    rows, columns = coarse.shape[2:]

    def weights(n, m):
        at = np.clip((np.arange(n) + 0.5) * m / n - 0.5, 0, m - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, m - 1)
        return low, high, at - low

    (top, bottom, y), (left, right, x) = weights(height, rows), weights(width, columns)
    upper = coarse[:, :, top][..., left] * (1 - x) + coarse[:, :, top][..., right] * x
    lower = coarse[:, :, bottom][..., left] * (1 - x) + coarse[:, :, bottom][..., right] * x
    return upper * (1 - y)[:, None] + lower * y[:, None]


@pytest.mark.parametrize(("layers", "discount"), [(1, 0.3), (2, 0.8), (6, 0.3)])
def test_multires_noise_is_a_sum_of_coarser_layers_of_deviation_one(layers, discount):
    source, wanted = generator(), EPS.numpy().copy()
    for i in range(layers):
        r = torch.rand(1, generator=source).item() * 2 + 2
        size = max(1, int(8 / r**i)), max(1, int(12 / r**i))
        wanted += bilinear(normal(source, 3, 4, *size), 8, 12) * discount**i
        if 1 in size:
            break
    got = shaped(multires_iterations=layers, multires_discount=discount)
    assert np.allclose(got, wanted / wanted.std(ddof=1), rtol=1e-9, atol=1e-12)
    assert got.std(ddof=1) == pytest.approx(1)


def test_the_written_out_interpolation_is_torchs():
    coarse = torch.randn(2, 3, 3, 5, dtype=torch.float64)
    assert np.allclose(functional.interpolate(coarse, (8, 12), mode="bilinear"), bilinear(coarse.numpy(), 8, 12))


@pytest.mark.parametrize("random", [False, True])
def test_perturbation_adds_noise_that_is_not_to_be_predicted(random):
    source = generator()
    strength = 0.1 * (torch.rand(1, generator=source).item() if random else 1)
    got = perturb(EPS, NoiseSettings(perturbation=0.1, perturbation_random=random), generator())
    assert np.allclose(got, EPS.numpy() + strength * normal(source, *SHAPE), rtol=1e-9)


@pytest.mark.parametrize("changes", [{"offset": 0.1}, {"multires_iterations": 6}, {"perturbation": 0.1}])
def test_the_same_seed_gives_the_same_noise(changes):
    options = NoiseSettings(**changes)
    first, second = (perturb(shape_noise(EPS, X0, options, g), options, g) for g in (generator(), generator()))
    assert torch.equal(first, second)
    assert not torch.equal(first, EPS)
