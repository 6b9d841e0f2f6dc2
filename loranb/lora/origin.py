"""For which family of models a LoRA file was made, by what it says and how its layers are called; needs no torch."""

from collections.abc import Mapping
from pathlib import Path

from loranb.errors import ModelError
from loranb.families._checkpoint import Shapes, open_checkpoint

_VERSIONS = {"sd_v1": "sd1", "sd_v2": "sd2", "sdxl": "sdxl"}  # beginnings of ss_base_model_version
_ARCHITECTURES = {"stable-diffusion-v1": "sd1", "stable-diffusion-v2": "sd2", "stable-diffusion-xl": "sdxl"}
_XL = ("lora_te1_", "lora_te2_", "lora_unet_input_blocks_", "lora_unet_output_blocks_", "text_encoder_2.")
_WIDTHS = {768: "sd1", 1024: "sd2", 2048: "sdxl"}  # of the texts that full-size U-Nets attend to


def family_of(file: Path) -> str:
    """Name the family that a LoRA file was made for; empty where it cannot be told, or the file cannot be read."""
    try:
        held = open_checkpoint(file)
    except ModelError:
        return ""
    return told_family(held.shapes, held.metadata)


def told_family(shapes: Shapes, metadata: Mapping[str, str]) -> str:
    """Name the family that a LoRA of these tensors was made for; empty where it cannot be told.

    Args:
        shapes: of its tensors.
        metadata: of the file.
    """
    for key, known in (("ss_base_model_version", _VERSIONS), ("modelspec.architecture", _ARCHITECTURES)):
        said = metadata.get(key, "")
        if found := next((family for beginning, family in known.items() if said.startswith(beginning)), ""):
            return found
    if any(name.startswith(_XL) for name in shapes):
        return "sdxl"
    down = ("lora_down.weight", "lora_A.weight", "lora.down.weight")
    widths = {shape[1] for name, shape in shapes.items() if "attn2" in name and "to_k" in name and name.endswith(down)}
    return _WIDTHS.get(widths.pop(), "") if len(widths) == 1 else ""
