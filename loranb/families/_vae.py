"""A VAE of one's own, in the place of the base model's."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from loranb.base_models import at_hand
from loranb.errors import ModelError
from loranb.families import check_vae
from loranb.families._checkpoint import open_checkpoint
from loranb.families._geometry import VAE
from loranb.families._recognise import recognise_checkpoint
from loranb.families._unet import check_finite, quietly

CLOSE = 1e-3  # of two scaling factors that are the same; those of the families are 0.18215 and 0.13025


def load_vae(source: str, family: str, scaling: float) -> AutoencoderKL:
    """Load a VAE, in fp32.

    Args:
        source: a folder of diffusers' (the VAE's own, or a whole model's), a single file (a VAE's, or a whole
            checkpoint's), or the id of one on the hub.
        family: of the base model that it is for.
        scaling: by which that model's latents are multiplied.

    Raises:
        ModelError: it cannot be read, is no VAE, or belongs to another family.
    """
    check_vae(source)
    path = Path(at_hand(source)).expanduser()
    vae = _from_file(path, family, scaling) if path.is_file() else _from_folder(path)
    if vae.config.latent_channels != 4 or abs(vae.config.scaling_factor - scaling) > CLOSE:
        raise ModelError(
            f"model.vae = {source!r} is for another family: it makes {vae.config.latent_channels} channels scaled by "
            f"{vae.config.scaling_factor:g}, and the base model reads 4 scaled by {scaling:g}. Leave it blank, or "
            "choose one for this family."
        )
    check_finite(source, vae)
    return vae


def _from_folder(folder: Path) -> Any:
    inner = folder / "vae" if (folder / "vae" / "config.json").exists() else folder
    try:
        told = json.loads((inner / "config.json").read_text(encoding="utf-8"))
        if told.get("_class_name") != "AutoencoderKL":
            raise ValueError(f"it is a {told.get('_class_name', 'part of an unknown kind')} and no AutoencoderKL.")
        for file in inner.glob("*.safetensors"):
            open_checkpoint(file)
        with quietly():
            return AutoencoderKL.from_pretrained(inner, torch_dtype=torch.float32)
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"model.vae: {folder} cannot be loaded as a VAE: {said}") from error


def _from_file(path: Path, family: str, scaling: float) -> Any:
    from loranb.families._single_file import load_vae_of

    file = open_checkpoint(path)
    prefix = next((p for p in (VAE, "") if f"{p}decoder.conv_in.weight" in file.shapes), None)
    if prefix is None:
        raise ModelError(
            f"model.vae: {path.name} holds no VAE of Stable Diffusion. Leave it blank, or get another file."
        )
    known = recognise_checkpoint(file).family if prefix == VAE else family
    if (known == "sdxl") != (family == "sdxl"):
        raise ModelError(
            f"model.vae: {path.name} is a model of the family {known}, whose VAE does not go with {family}. Leave it "
            "blank, or choose one for this family."
        )
    vae = load_vae_of(file, family, prefix)
    vae.register_to_config(scaling_factor=scaling)
    return vae
