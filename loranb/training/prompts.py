"""Turn captions into what the denoiser is conditioned on, once or at every step.

A text encoder that is trained has to be run at every step. A frozen one says the same each time, so
its words are kept on disk, keyed by the text and the encoder's tensors.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from loranb.families import BaseModel
from loranb.files import write_bytes
from loranb.plan import Plan
from loranb.settings import Settings
from loranb.training.batches import all_captions
from loranb.training.latents import tensors_hash

Conditioning = dict[str, Tensor]
Encode = Callable[[list[str]], Conditioning]  # B captions -> tensors whose first axis is B


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
        return encode_each_time(model, settings.model.clip_skip)
    if settings.captions.shuffle:  # nearly every caption is new: keeping them would fill the disk
        return torch.no_grad()(encode_each_time(model, settings.model.clip_skip))
    captions = all_captions(plan, settings)
    look_up = encode_once(model, settings.model.clip_skip, captions, folder)
    for encoder in model.text_encoders.values():
        encoder.to("cpu")
    return lambda batch: {name: tensor.to(device) for name, tensor in look_up(batch).items()}


def encode_each_time(model: BaseModel, clip_skip: int) -> Encode:
    """Run the text encoders at every call, with gradients."""
    return lambda captions: model.family.encode(model, captions, clip_skip)


def encode_once(model: BaseModel, clip_skip: int, captions: Iterable[str], folder: Path) -> Encode:
    """Encode all captions now, and look them up afterwards.

    Args:
        model: the base model; its text encoders are not needed any more afterwards.
        clip_skip: see `Family.encode`.
        captions: every caption that will be asked for.
        folder: where the encoded captions are kept.
    """
    encoder = " ".join(tensors_hash(part) for part in model.text_encoders.values())
    known: dict[str, Conditioning] = {}
    for caption in sorted(set(captions)):
        key = hashlib.sha256(f"{encoder} {clip_skip} {caption}".encode()).hexdigest()
        known[caption] = _read_or_encode(model, clip_skip, caption, folder / f"{key}.safetensors")

    def look_up(batch: list[str]) -> Conditioning:
        found = [known[caption] for caption in batch]
        return {name: torch.stack([one[name] for one in found]) for name in found[0]}

    return look_up


@torch.no_grad()
def _read_or_encode(model: BaseModel, clip_skip: int, caption: str, kept: Path) -> Conditioning:
    try:
        return load_file(kept)
    except (FileNotFoundError, SafetensorError):
        encoded = model.family.encode(model, [caption], clip_skip)
        tensors = {name: tensor[0].float().cpu().contiguous() for name, tensor in encoded.items()}
        write_bytes(kept, save(tensors))
        return tensors
