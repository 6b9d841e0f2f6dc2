"""Files that somebody may take for a base model: what they are, by the names of their tensors, and what to do."""

from collections.abc import Collection, Mapping

from loranb.errors import ModelError

_LORA = (".lora_down.", ".lora_up.", ".lora_A.", ".lora_B.", "lora.down.weight", ".hada_w", ".lokr_w", ".oft_blocks")
_UNET = "model.diffusion_model."
# Beginnings of names that make a model another, though it has a U-Net like theirs.
_RELATIVES = {
    "edm_mean": "Playground 2.5, which has a noise schedule of its own",
    "edm_vpred.sigma_max": "a CosXL model, which has a noise schedule of its own",
    "control_model.": "a ControlNet",
    "conditioner.embedders.0.model.": "SDXL's refiner",
}
# Beginnings of names of files without such a U-Net, with and without its prefix.
_OTHERS = {
    "double_blocks.": "a Flux model",
    "double_stream_modulation": "a Flux 2 model",
    "joint_blocks.": "a Stable Diffusion 3 model",
    "cap_embedder.": "a Lumina model",
    "noise_refiner.": "a Lumina or Z-Image model",
    "double_layers.": "an AuraFlow model",
    "double_stream_blocks.": "a HiDream model",
    "txt_in.": "a Hunyuan or Qwen-Image model",
    "patchify_proj.": "an LTX-Video model",
    "head.modulation": "a Wan model",
    "pos_embed.proj.": "a PixArt or Sana model",
    "controlnet_cond_embedding.": "a ControlNet",
    "emb_params": "a textual inversion (an embedding)",
    "string_to_param": "a textual inversion (an embedding)",
    "down_blocks.": "a U-Net alone, out of a diffusers folder",
    "input_blocks.": "a U-Net alone",
    "encoder.": "a VAE alone",
    "decoder.": "a VAE alone",
    "text_model.": "a text encoder alone",
    "transformer.resblocks.": "a text encoder alone",
}
_ADVICE = {
    "a VAE alone": "Give it as model.vae, beside the base model.",
    "a U-Net alone, out of a diffusers folder": "Give the folder that holds unet/, vae/ and text_encoder/.",
}
_OTHERWISE = "loranb trains Stable Diffusion 1.x, 2.x and XL; choose a model made from one of these."


def is_lora(names: Collection[str]) -> bool:
    """Whether tensors of these names are a LoRA, of whatever kind and make."""
    return any(mark in name for name in names for mark in _LORA)


def refuse(file: str, names: Collection[str], metadata: Mapping[str, str]) -> None:
    """Tell what a file is that is no base model of Stable Diffusion; say nothing of one that may be.

    Args:
        file: its name.
        names: of its tensors.
        metadata: of its header.

    Raises:
        ModelError: it is something else.
    """
    whole = any(name.startswith(f"{_UNET}input_blocks.") for name in names)
    if not whole and is_lora(names):
        base = metadata.get("ss_sd_model_name") or metadata.get("ss_base_model_version")
        known = f" (it says {base})" if base else ""
        raise ModelError(
            f"{file} is a LoRA and no base model. Give the model that it was made for{known} as model.base."
        )
    for beginning, what in (_RELATIVES if whole else _RELATIVES | _OTHERS).items():
        if any(name.startswith((beginning, _UNET + beginning)) for name in names):
            raise ModelError(
                f"{file} is {what}; it is no base model that can be trained. {_ADVICE.get(what, _OTHERWISE)}"
            )
