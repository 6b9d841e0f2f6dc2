import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loranb.settings import ObjectiveSettings
from loranb.training.timesteps import sample_timesteps


def drawn(count, seed=0, total=1000, **changes):
    return sample_timesteps(ObjectiveSettings(**changes), total, count, torch.Generator().manual_seed(seed))


def test_without_options_they_are_torchs_own():
    wanted = torch.randint(1000, (64,), generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn(64), wanted)


@given(
    low=st.integers(0, 998),
    width=st.integers(1, 1000),
    normal=st.booleans(),
    strata=st.booleans(),
    count=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_they_lie_in_the_range(low, width, normal, strata, count, seed):
    high = min(1000, low + width)
    changes = {"timestep_sampling": "logit_normal" if normal else "uniform", "stratified": strata, "logit_std": 3.0}
    got = drawn(count, seed, timestep_min=low, timestep_max=high, **changes)
    assert ((got >= low) & (got < high)).all()


@pytest.mark.parametrize("count", [1, 4, 10])
def test_a_stratified_batch_has_one_in_each_equal_part(count):
    for seed in range(20):
        got = drawn(count, seed, stratified=True)
        assert sorted((got * count // 1000).tolist()) == list(range(count))


@pytest.mark.parametrize("strata", [False, True])
def test_stratified_or_not_all_timesteps_come_up_alike_often(strata):
    got = torch.cat([drawn(8, seed, stratified=strata) for seed in range(2000)]).double()
    assert got.mean().item() == pytest.approx(499.5, abs=10)  # of 16,000 draws: over 4 standard errors
    assert got.std().item() == pytest.approx(1000 / math.sqrt(12), abs=10)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (-0.5, 0.7)])
@pytest.mark.parametrize("strata", [False, True])
def test_the_logit_of_a_logit_normal_timestep_is_normal(mean, deviation, strata):
    """Esser et al., arXiv:2403.03206, equation 19."""
    changes = {"timestep_sampling": "logit_normal", "logit_mean": mean, "logit_std": deviation, "stratified": strata}
    got = torch.cat([drawn(8, seed, total=1000, **changes) for seed in range(2000)]).double()
    logits = torch.logit((got + 0.5) / 1000)
    assert logits.mean().item() == pytest.approx(mean, abs=0.05)
    assert logits.std().item() == pytest.approx(deviation, abs=0.05)
