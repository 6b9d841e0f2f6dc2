"""Which family a base model is of and what it predicts, from its files' descriptions alone: no weights are read.

A diffusers folder says it in its JSON files. A single file says it by the names and shapes of its tensors and by its
metadata; needs no torch.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from loranb.errors import ModelError
from loranb.families import _foreign
from loranb.families._checkpoint import Checkpoint, open_checkpoint
from loranb.families._geometry import UNET, VAE

_CLASSES = {"StableDiffusionPipeline": "sd", "StableDiffusionXLPipeline": "sdxl"}
_TRAINABLE = "loranb trains Stable Diffusion 1.x, 2.x and XL"
LATENT_CHANNELS = 4
_V_PRED, _ZERO_SNR = "v_pred", "ztsnr"  # empty tensors by which makers of SDXL models say it; web UIs look for them
_TEXT = "cond_stage_model.", "conditioner.embedders."


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
        return recognise_checkpoint(open_checkpoint(Path(source)))
    index = _config(source, "model_index.json")
    kind = _CLASSES.get(str(index.get("_class_name", "")))
    if kind is None:
        raise ModelError(
            f"{source} is a {index.get('_class_name', 'model of an unknown kind')}; {_TRAINABLE}. "
            "Choose a model made from one of these."
        )
    _check_whole(source, index)
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


def recognise_checkpoint(file: Checkpoint) -> Recognised:
    """Say which family a single file is of, by its tensors and its metadata.

    Raises:
        ModelError: it is no base model, lacks a part, or is of a family that there is none for.
    """
    name, shapes = file.path.name, file.shapes
    _foreign.refuse(name, shapes, file.metadata)
    for part, prefixes in (("a U-Net", (UNET,)), ("a text encoder", _TEXT), ("a VAE", (VAE,))):
        if not any(key.startswith(prefixes) for key in shapes):
            raise ModelError(
                f"{name} is not a whole base model: {part} is missing. Get the full checkpoint; those that hold the "
                "U-Net alone cannot be trained on."
            )
    first = shapes.get(f"{UNET}input_blocks.0.0.weight", ())
    if len(first) > 1 and (channels := first[1]) != LATENT_CHANNELS:
        raise ModelError(
            f"{name} is an inpainting model: its U-Net reads {channels} channels and not 4. "
            "Choose the plain model that it was made from; the LoRA works with both."
        )
    return Recognised(_family_of(shapes), _predicts(file), _ZERO_SNR in shapes)


def _family_of(shapes: Mapping[str, Any]) -> str:
    if any(key.startswith("conditioner.embedders.1.") for key in shapes):
        return "sdxl"
    return "sd2" if any(key.startswith("cond_stage_model.model.") for key in shapes) else "sd1"


def _predicts(file: Checkpoint) -> str:
    """Say what a single file's model predicts; empty for one of SD 2.x that does not say, as there are both."""
    told = file.metadata.get("modelspec.prediction_type", "").lower()
    architecture = file.metadata.get("modelspec.architecture", "")
    if _V_PRED in file.shapes or told.startswith("v") or architecture.startswith("stable-diffusion-v2-768-v"):
        return "v_prediction"
    return "epsilon" if told or _family_of(file.shapes) != "sd2" else ""


def _sd(unet: Mapping[str, Any]) -> str:
    """Tell SD 2.x from 1.x by its U-Net: a text encoder of width 1024, linear layers around attention."""
    return "sd2" if unet.get("cross_attention_dim") == 1024 or unet.get("use_linear_projection") else "sd1"


def _check_whole(source: str, index: Mapping[str, Any]) -> None:
    """Refuse a folder without one of the parts that its index names; a safety checker is not needed."""
    optional = ("safety_checker", "feature_extractor", "image_encoder")
    named = [part for part, made_by in index.items() if isinstance(made_by, list) and made_by[0]]
    missing = [part for part in named if part not in optional and not (Path(source) / part).is_dir()]
    if missing:
        raise ModelError(
            f"{source} is not a whole base model: {', '.join(f'{part}/' for part in missing)} is missing. Get the "
            "folder again, with all that its model_index.json names."
        )


def _config(source: str, name: str) -> dict[str, Any]:
    """Read one of the JSON files of a diffusers folder."""
    try:
        return dict(json.loads((Path(source) / name).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"The base model {source!r} could not be loaded: {name} cannot be read ({error}). Get the folder again."
        ) from error
