"""What is unwise about loss and noise."""

from collections.abc import Iterator

from loranb.settings import Settings
from loranb.settings.advice.advice import Advice


def about(settings: Settings) -> Iterator[Advice]:
    """Say what is unwise."""
    objective, noise = settings.objective, settings.noise
    if objective.min_snr_gamma is not None and objective.debiased:
        yield Advice(
            "objective.min_snr_gamma and objective.debiased both weigh the timesteps, and their weights multiply: "
            "very noisy ones count for nearly everything. Use one of them.",
            {"objective.debiased": False},
        )
    if objective.zero_terminal_snr and objective.predicts == "epsilon":
        yield Advice(
            "objective.zero_terminal_snr is meant for models that predict v; with objective.predicts = 'epsilon' "
            "nothing can be learnt at the last timestep, and pictures are drawn without it.",
            {"objective.zero_terminal_snr": False},
        )
    if objective.stratified and settings.length.batch_size == 1:
        yield Advice(
            "objective.stratified does nothing with length.batch_size = 1: it spreads a batch's timesteps.",
            {"objective.stratified": False},
        )
    if noise.offset is not None and noise.multires_iterations is not None:
        yield Advice(
            "noise.offset and noise.multires_iterations both teach large shapes and light, and together they are "
            "strong; most people use one of them.",
            {"noise.multires_iterations": None},
        )
