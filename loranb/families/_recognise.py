"""Which family a base model is of and what it predicts, from its files' descriptions alone: no weights are read.

A diffusers folder says it in its JSON files. A single file says it by the names and shapes of its tensors and by its
metadata; needs no torch.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from loranb.errors import ModelError

_CLASSES = {"StableDiffusionPipeline": "sd", "StableDiffusionXLPipeline": "sdxl"}
_TRAINABLE = "loranb trains Stable Diffusion 1.x, 2.x and XL"
LATENT_CHANNELS = 4


class Recognised(NamedTuple):
    """What is known of a base model before it is loaded."""

    family: str
    predicts: str  # epsilon or v_prediction; empty where its files do not say
    zero_terminal_snr: bool


def recognise(source: str) -> Recognised:
    """Say which family a base model is of.

    Args:
        source: what `loranb.families.locate` gave.

    Raises:
        ModelError: it cannot be read, is no base model, or is of a family that there is none for.
    """
    if Path(source).is_file():
        return Recognised("sd1", "", False)
    index = _config(source, "model_index.json")
    kind = _CLASSES.get(str(index.get("_class_name", "")))
    if kind is None:
        raise ModelError(
            f"{source} is a {index.get('_class_name', 'model of an unknown kind')}; {_TRAINABLE}. "
            "Choose a model made from one of these."
        )
    unet, scheduler = _config(source, "unet/config.json"), _config(source, "scheduler/scheduler_config.json")
    if unet.get("in_channels", LATENT_CHANNELS) != LATENT_CHANNELS:
        raise ModelError(
            f"{source} is an inpainting model: its U-Net reads {unet['in_channels']} channels and not 4. "
            "Choose the plain model that it was made from; the LoRA works with both."
        )
    return Recognised(
        family="sdxl" if kind == "sdxl" else _sd(unet),
        predicts=str(scheduler.get("prediction_type", "epsilon")),
        zero_terminal_snr=bool(scheduler.get("rescale_betas_zero_snr", False)),
    )


def _sd(unet: Mapping[str, Any]) -> str:
    """Tell SD 2.x from 1.x by its U-Net: a text encoder of width 1024, linear layers around attention."""
    return "sd2" if unet.get("cross_attention_dim") == 1024 or unet.get("use_linear_projection") else "sd1"


def _config(source: str, name: str) -> dict[str, Any]:
    """Read one of the JSON files of a diffusers folder or of a repository on the hub."""
    try:
        path = Path(source) / name if Path(source).is_dir() else Path(_from_hub(source, name))
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # the hub's errors are OSErrors or ValueErrors
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"The base model {source!r} could not be loaded: {name} cannot be read: {said} "
            "If it is on the Hugging Face hub, check its name, your connection and, for a gated model, that "
            "you have accepted its terms and set HF_TOKEN; a diffusers folder on disk needs no connection."
        ) from error


def _from_hub(source: str, name: str) -> str:
    from huggingface_hub import hf_hub_download

    return hf_hub_download(source, name)
