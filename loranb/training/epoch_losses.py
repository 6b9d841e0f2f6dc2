"""The losses of an epoch, altogether, by timestep and by subject."""

from collections import defaultdict
from collections.abc import Sequence

from torch import Tensor

from loranb.events import EpochEnded

BAND = 250  # timesteps: a quarter of the 1000 that Stable Diffusion has


class EpochLosses:
    """Collects what the pictures of an epoch cost."""

    def __init__(self) -> None:
        self._steps: list[float] = []
        self._bands: dict[int, list[float]] = defaultdict(list)
        self._subjects: dict[str, list[float]] = defaultdict(list)

    def add_step(self, loss: float) -> None:
        """Count a step's mean loss."""
        self._steps.append(loss)

    def add(self, losses: Tensor, timesteps: Tensor, subjects: Sequence[str]) -> None:
        """Count a batch's pictures.

        Args:
            losses: of each; (B,).
            timesteps: at which each was shown; (B,).
            subjects: the name of each one's folder.
        """
        for loss, t, subject in zip(losses.tolist(), timesteps.tolist(), subjects, strict=True):
            self._bands[t // BAND].append(loss)
            self._subjects[subject].append(loss)

    def end(self, epoch: int, step: int) -> EpochEnded:
        """Say what the epoch came to, and begin the next."""
        bands = {f"{band * BAND}-{(band + 1) * BAND - 1}": _mean(self._bands[band]) for band in sorted(self._bands)}
        subjects = {name: _mean(self._subjects[name]) for name in sorted(self._subjects)}
        ended = EpochEnded(epoch, step, _mean(self._steps), bands, subjects)
        self._steps, self._bands, self._subjects = [], defaultdict(list), defaultdict(list)
        return ended


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
