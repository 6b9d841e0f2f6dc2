import torch

from loranb.training.epoch_losses import EpochLosses


def test_an_epochs_means_are_by_step_by_band_of_timesteps_and_by_subject():
    losses = EpochLosses()
    losses.add(torch.tensor([1.0, 3.0]), torch.tensor([0, 249]), ["a", "b"])
    losses.add_step(2.0)
    losses.add(torch.tensor([8.0]), torch.tensor([999]), ["b"])
    losses.add_step(8.0)
    ended = losses.end(1, 2)
    assert (ended.loss, ended.by_timestep) == (5.0, {"0-249": 2.0, "750-999": 8.0})
    assert ended.by_subject == {"a": 1.0, "b": 5.5}
    losses.add(torch.tensor([4.0]), torch.tensor([500]), ["a"])
    losses.add_step(4.0)
    second = losses.end(2, 3)
    assert (second.loss, second.by_timestep, second.by_subject) == (4.0, {"500-749": 4.0}, {"a": 4.0})
