"""LoRA files: kohya's safetensors format, its metadata and hashes.

Format, keys and hashes follow kohya's sd-scripts (``library/train_util.py``, ``networks/lora.py``)
and Stability's ModelSpec 1.0.1. Every metadata value is a string.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from loranb.errors import LoraFileError
from loranb.files import write_bytes

LEGACY_FROM, LEGACY_LENGTH = 0x100000, 0x10000  # A1111's old model hash reads these bytes


def save_lora(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], dtype: torch.dtype) -> None:
    """Write a LoRA file and read it back.

    Args:
        path: where to; written aside and renamed.
        tensors: named as in a kohya file.
        metadata: without the hashes, which are added.
        dtype: number format in the file.

    Raises:
        LoraFileError: a value is not finite, or does not fit the number format; nothing is written.
    """
    cast = {name: tensor.to(dtype).contiguous() for name, tensor in sorted(tensors.items())}
    for name, tensor in cast.items():
        if not torch.isfinite(tensor).all():
            fits = "is not finite" if not torch.isfinite(tensors[name]).all() else f"is too large for {dtype}"
            raise LoraFileError(
                f"{path.name} is not written: {name} {fits}. The LoRA has burnt out; train with a lower learning "
                "rate, or save in fp32."
            )
    hashes = {"sshs_model_hash": model_hash(save(cast)), "sshs_legacy_hash": legacy_hash(cast, metadata)}
    write_bytes(path, save(cast, {**metadata, **hashes}))
    _read_back(path, cast)


def _read_back(path: Path, written: Mapping[str, Tensor]) -> None:
    read, _ = load_lora(path)
    if read.keys() != written.keys() or any(not torch.equal(read[name], written[name]) for name in written):
        raise LoraFileError(f"{path} does not read back as it was written. Check the disk and save again.")


def load_lora(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a LoRA file: its tensors and its metadata.

    Raises:
        LoraFileError: it is not a safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise LoraFileError(f"{path} cannot be read as a LoRA: {error}. Give a .safetensors file.") from error


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes of a LoRA file's tensors, from its header alone.

    Raises:
        LoraFileError: it is not a safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise LoraFileError(f"{path} cannot be read as a LoRA: {error}. Give a .safetensors file.") from error


def read_metadata(path: Path) -> dict[str, str]:
    """Read a LoRA file's metadata alone.

    Raises:
        LoraFileError: it is not a safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise LoraFileError(f"{path} cannot be read as a LoRA: {error}. Give a .safetensors file.") from error


def model_hash(file: bytes) -> str:
    """SHA-256 of a safetensors file's tensors alone, without its header (``sshs_model_hash``)."""
    header = int.from_bytes(file[:8], "little")
    return hashlib.sha256(file[8 + header :]).hexdigest()


def legacy_hash(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """A1111's old eight-digit hash of the tensors saved with their ``ss_*`` metadata (``sshs_legacy_hash``)."""
    file = save(dict(tensors), {key: value for key, value in metadata.items() if key.startswith("ss_")})
    return hashlib.sha256(file[LEGACY_FROM : LEGACY_FROM + LEGACY_LENGTH]).hexdigest()[:8]


def as_text(values: Mapping[str, object]) -> dict[str, str]:
    """Turn metadata values into the strings that the format asks for: JSON for lists and tables, else ``str``."""
    return {key: json.dumps(value) if isinstance(value, dict | list) else str(value) for key, value in values.items()}
