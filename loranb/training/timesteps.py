"""Which timesteps, that is amounts of noise, the samples of a batch are trained at."""

import torch
from torch import Tensor

from loranb.settings import ObjectiveSettings


def sample_timesteps(options: ObjectiveSettings, total: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw timesteps from the range that the settings leave of a schedule.

    Args:
        options: the range, the distribution, and whether a batch is stratified.
        total: timesteps of the noise schedule, T.
        count: how many are wanted, B.
        generator: what is drawn from.

    Returns:
        Whole numbers from 0 to T - 1; shape (B,), on the CPU.
    """
    low, high = options.timestep_min, min(options.timestep_max, total)
    if options.timestep_sampling == "uniform" and not options.stratified:
        return torch.randint(low, high, (count,), generator=generator)
    share = stratified(count, generator) if options.stratified else torch.rand(count, generator=generator)
    if options.timestep_sampling == "logit_normal":
        share = logit_normal(share, options.logit_mean, options.logit_std)
    return (low + share * (high - low)).long().clamp(low, high - 1)


def stratified(count: int, generator: torch.Generator) -> Tensor:
    """Draw numbers from 0 to 1, one in each of `count` equal parts, in random order; shape (count,)."""
    places = torch.randperm(count, generator=generator)
    return (places + torch.rand(count, generator=generator)) / count


def logit_normal(share: Tensor, mean: float, deviation: float) -> Tensor:
    """Turn numbers evenly spread over 0 to 1 into ones whose logit is normally distributed.

    Source: Esser et al., "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis"
    (arXiv:2403.03206), section 3.1; by the inverse of the distribution, so that strata stay strata.
    """
    tiny = torch.finfo(share.dtype).eps
    return torch.sigmoid(mean + deviation * torch.special.ndtri(share.clamp(tiny, 1 - tiny)))
