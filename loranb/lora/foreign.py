"""Other names for the layers of a LoRA file, turned into kohya's.

diffusers and peft name a layer by its path; alpha stands in the file's metadata, or in peft's own file beside
it. Older diffusers had two more ways. Some trainers write kohya's form with diffusers' names for SDXL's blocks,
with ``lora_te1`` for the only text encoder, or without ``text_model``, which transformers 5 took away.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from peft.utils.other import get_pattern_key
from torch import Tensor, nn

from loranb.errors import LoraFileError
from loranb.families import BaseModel
from loranb.lora.targets import text_key, text_targets

_KEPT = "lora_adapter_metadata"  # under which diffusers writes peft's configuration into a file
_SIDES = {"A": "lora_down.weight", "B": "lora_up.weight", "down": "lora_down.weight", "up": "lora_up.weight"}
_PATH = r"^(?:(?P<part>unet|text_encoder|text_encoder_2)\.|base_model\.model\.)?(?P<path>.+?)"
_FORMS = [
    re.compile(_PATH + r"\.lora_(?P<side>[AB])(?:\.default)?\.weight$"),
    re.compile(_PATH + r"\.(?:lora|lora_linear_layer)\.(?P<side>down|up)\.weight$"),
    re.compile(_PATH + r"\.processor\.(?P<layer>to_(?:q|k|v|out))_lora\.(?P<side>down|up)\.weight$"),
    re.compile(_PATH + r"\.lora_magnitude_vector(?:\.default)?(?:\.weight)?$"),
]


def told_beside(file: Path) -> dict[str, str]:
    """Return what peft keeps in a file of its own beside a LoRA, as diffusers would have written it into the LoRA.

    Raises:
        LoraFileError: that file is damaged.
    """
    config = file.with_name("adapter_config.json")
    if file.name != "adapter_model.safetensors" or not config.is_file():
        return {}
    text = config.read_text(encoding="utf-8", errors="replace")
    try:
        float(json.loads(text).get("lora_alpha") or 0)
    except (ValueError, TypeError, AttributeError) as error:
        raise LoraFileError(
            f"{config} cannot be read, and how strong {file.name} is stands in it. Get both files again."
        ) from error
    return {_KEPT: text}


def renamed(tensors: Mapping[str, Tensor], told: Mapping[str, str], model: BaseModel | None) -> dict[str, Tensor]:
    """Give a file's tensors kohya's names for the layers of `model`; what has them already keeps them.

    Without a model, layers that are called otherwise are told apart and keep their sizes, but not kohya's names.
    """
    others, configured = dict(_aliases(model)) if model else {}, _configuration(told)
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        match = next((match for form in _FORMS if (match := form.match(name))), None)
        if name.startswith("lora_") or match is None:
            key, dot, rest = name.partition(".")
            found[others.get(key, key) + dot + rest] = tensor
            continue
        part, path = match["part"] or "unet", _path(match.groupdict())
        key = others.get(f"{part}.{path}", f"{part}.{path}".replace(".", "_"))
        side = match.groupdict().get("side")
        if side is None:  # lengths of a DoRA; peft has them flat, or in a convolution's second dimension
            found[f"{key}.dora_scale"] = tensor.reshape(-1, *(1,) * (max(2, tensor.ndim) - 1))
        else:
            found[f"{key}.{_SIDES[side]}"] = tensor
        if side in ("A", "down") and (alpha := _alpha(configured, part, path, len(tensor))) is not None:
            found[f"{key}.alpha"] = torch.tensor(alpha)
    return found


def _path(groups: Mapping[str, str | None]) -> str:
    layer = groups.get("layer")
    return f"{groups['path']}" if layer is None else f"{groups['path']}.{layer.replace('to_out', 'to_out.0')}"


def _aliases(model: BaseModel) -> Iterator[tuple[str, str]]:
    """Yield other names of the model's layers, each with kohya's."""
    for path, layer in model.unet.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            key = model.family.unet_key(path)
            yield f"unet.{path}", key
            yield "lora_unet_" + path.replace(".", "_"), key
    for number, (prefix, encoder) in enumerate(model.text_encoders.items()):
        part = "text_encoder_2" if number else "text_encoder"
        for path in text_targets(encoder):
            key, short = text_key(prefix, path), path.removeprefix("text_model.")
            for form in (short, f"text_model.{short}"):
                yield f"{part}.{form}", key
                yield f"lora_te{number + 1}_{form.replace('.', '_')}", key
                yield f"{prefix}_{form.replace('.', '_')}", key


def _configuration(told: Mapping[str, str]) -> dict[str, Any]:
    """Read what diffusers keeps of peft's configuration; each part's under its name, or none where there is one."""
    try:
        read = json.loads(told.get(_KEPT, "{}"))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _alpha(configured: Mapping[str, Any], part: str, path: str, rank: int) -> float | None:
    """Return a layer's alpha; None where the file does not say, which means the rank."""
    prefix = f"{part}." if any(name.startswith(f"{part}.") for name in configured) else ""
    common, patterns = configured.get(f"{prefix}lora_alpha"), configured.get(f"{prefix}alpha_pattern") or {}
    alpha = patterns.get(get_pattern_key(list(patterns), path), common)
    if alpha is None:
        return None
    return float(alpha) * (rank**0.5 if configured.get(f"{prefix}use_rslora") else 1.0)
