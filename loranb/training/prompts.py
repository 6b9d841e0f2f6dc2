"""Turn captions into what the denoiser is conditioned on, once or at every step.

A text encoder that is trained has to be run at every step. A frozen one says the same each time, so
its words are kept on disk, keyed by the text, how it is read and the encoder's tensors; unless a run shows
so many different captions that encoding them at every step costs less than keeping them.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from loranb.families import PLAIN, BaseModel, Reading
from loranb.files import write_bytes
from loranb.plan import Plan
from loranb.settings import Settings
from loranb.training.batches import all_captions
from loranb.training.latents import tensors_hash

Conditioning = dict[str, Tensor]
Encode = Callable[[list[str]], Conditioning]  # B captions -> tensors whose first axis is B
MOST_KEPT = 1000  # different captions; 0.6 GB of memory for SDXL, 0.2 GB for SD 1.x (computed, at 75 tokens)
HELD = 2 * 2**30  # bytes of encoded captions in memory: 3,400 of SDXL; Colab's free machines have 12 GB


class How(NamedTuple):
    """How a run's captions are encoded."""

    clip_skip: int = 1
    reading: Reading = PLAIN

    @classmethod
    def of(cls, settings: Settings) -> "How":
        """Say it of a run's settings."""
        return cls(settings.model.clip_skip, Reading(settings.captions.tokens, settings.captions.weighted))


def prepare_prompts(model: BaseModel, settings: Settings, plan: Plan, folder: Path, device: torch.device) -> Encode:
    """Choose how captions are encoded, and move the text encoders to where they are needed.

    Args:
        model: the base model, the LoRA already on it.
        settings: of the run.
        plan: of the run.
        folder: where encoded captions are kept.
        device: where the denoiser runs.
    """
    for encoder in model.text_encoders.values():
        encoder.to(device)
    if settings.lora.text_encoder:
        for encoder in model.text_encoders.values():
            encoder.train()
        return encode_each_time(model, How.of(settings))
    captions = all_captions(plan, settings, most=max(MOST_KEPT, 2 * len(plan.shown)))
    if captions is None:  # nearly every one is new: keeping them would fill the disk
        return torch.no_grad()(encode_each_time(model, How.of(settings)))
    look_up = encode_once(model, How.of(settings), captions, folder)
    for encoder in model.text_encoders.values():
        encoder.to("cpu")
    return lambda batch: {name: tensor.to(device) for name, tensor in look_up(batch).items()}


def encode_each_time(model: BaseModel, how: How) -> Encode:
    """Run the text encoders at every call, with gradients."""
    return lambda captions: model.family.encode(model, captions, *how)


def encode_once(model: BaseModel, how: How, captions: Iterable[str], folder: Path) -> Encode:
    """Encode all captions now, and look them up afterwards: in memory as many as fit `HELD`, the others on the disk.

    Args:
        model: the base model; its text encoders are needed afterwards only if the folder is emptied meanwhile.
        how: they are read.
        captions: every caption that will be asked for.
        folder: where the encoded captions are kept.
    """
    encoder = " ".join(tensors_hash(part) for part in model.text_encoders.values())
    files: dict[str, Path] = {}
    held: dict[str, Conditioning] = {}
    size = 0
    for caption in sorted(set(captions)):
        said = f"{encoder} {how.clip_skip} {caption}" + ("" if how.reading == PLAIN else f" {how.reading}")
        files[caption] = folder / f"{hashlib.sha256(said.encode()).hexdigest()}.safetensors"
        encoded = _read_or_encode(model, how, caption, files[caption])
        size += sum(tensor.nbytes for tensor in encoded.values())
        if size <= HELD:
            held[caption] = encoded

    def look_up(batch: list[str]) -> Conditioning:
        found = [held.get(caption) or _read_or_encode(model, how, caption, files[caption]) for caption in batch]
        return {name: torch.stack([one[name] for one in found]) for name in found[0]}

    return look_up


@torch.no_grad()
def _read_or_encode(model: BaseModel, how: How, caption: str, kept: Path) -> Conditioning:
    try:
        return load_file(kept)
    except (FileNotFoundError, SafetensorError):
        encoded = model.family.encode(model, [caption], *how)
        tensors = {name: tensor[0].float().cpu().contiguous() for name, tensor in encoded.items()}
        write_bytes(kept, save(tensors))
        return tensors
