"""What was left blank in the settings, filled in for a run."""

from collections.abc import Sequence
from pathlib import Path

from loranb.dataset.training_set import TrainingImage
from loranb.settings import LoraSettings, Settings
from loranb.settings.optimizers import averages, finds_rate, sets_rate

DEFAULT_SAMPLES = 2  # captions drawn when no prompt is given


def fill_blanks(settings: Settings, name: str, images: Sequence[TrainingImage]) -> Settings:
    """Fill in what was left blank; what the run keeps and the LoRA's metadata says is the result."""
    optimizer, samples = settings.optimizer, settings.samples
    changes = _alphas(settings.lora)
    if settings.lora.start_from:
        changes |= _start(settings.lora)
    if optimizer.text_encoder_learning_rate is None:
        part = 1 if finds_rate(optimizer.name) else 2
        changes["optimizer.text_encoder_learning_rate"] = optimizer.learning_rate / part
    if optimizer.text_encoder_learning_rate == 0 and not optimizer.text_encoder_2_learning_rate:
        changes["lora.text_encoder"] = False  # so that what it says can be kept
    if averages(optimizer.name) or sets_rate(optimizer.name, optimizer.args):
        changes["optimizer.schedule"] = "constant"  # they have none; kohya's trainer forces it too
    if settings.dataset.random_crop or settings.dataset.colour:
        changes["dataset.cache_latents"] = False  # pictures differ from one showing to the next
    if not settings.saving.name.strip():
        changes["saving.name"] = name
    if not samples.prompts and (samples.every_epochs or samples.every_steps or samples.at_start):
        captions = list(dict.fromkeys(image.caption for image in images if image.caption))
        spread = max(1, len(captions) // DEFAULT_SAMPLES)
        changes["samples.prompts"] = tuple(
            caption.replace(" --", " ") for caption in captions[::spread][:DEFAULT_SAMPLES]
        )
    return settings.assign_all(changes)


def _start(lora: LoraSettings) -> dict[str, object]:
    """Fill in where the LoRA to begin with lies, and its size if it is to be taken over."""
    from loranb.lora.start import common_size  # here, since it needs torch

    file = Path(lora.start_from or "").expanduser().absolute()
    size = common_size(file) if lora.rank_from_start else None
    sized = {} if size is None else {"lora.rank": size.rank, "lora.alpha": size.alpha}
    return {"lora.start_from": str(file), **sized}


def _alphas(lora: LoraSettings) -> dict[str, object]:
    """Fill in blank alphas: no alpha means no scaling, so it is the rank, of all or of each block."""
    filled: dict[str, object] = {}
    for kind in ("", "conv_"):
        rank, alpha = getattr(lora, f"{kind}rank"), getattr(lora, f"{kind}alpha")
        ranks, alphas = getattr(lora, f"{kind}block_ranks"), getattr(lora, f"{kind}block_alphas")
        if alpha is None and rank is not None:
            filled[f"lora.{kind}alpha"] = float(rank)
        if alpha is None and ranks and not alphas:
            filled[f"lora.{kind}block_alphas"] = ranks
    return filled
