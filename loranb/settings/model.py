"""The declarations of what a LoRA is made for: the base model."""

from typing import Literal

from loranb.settings.declaration import Group, setting


class ModelSettings(Group):
    """Base model."""

    base: str = setting(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "The model that the LoRA is made for: a diffusers folder, a .safetensors file, the id of a model on the "
        'Hugging Face hub, or "demo" for the small one that comes with loranb. Choose the model your LoRA will be '
        "used with, or the one it descends from.",
        kohya="pretrained_model_name_or_path",
    )
    family: Literal["auto", "sd1", "sd2", "sdxl"] = setting(
        "auto",
        "What kind of model the base is: Stable Diffusion 1.x, 2.x or XL. auto: recognised from its files. Choose one "
        "only for a model that is taken for another kind than it is.",
        advanced=True,
    )
    vae: str = setting(
        "",
        "Another VAE (what turns pictures into latents and back) than the base model's own: a .safetensors file, a "
        "folder, or an id on the hub. Blank is right unless the base model is said to need one, or its samples come "
        "out grey or washed out. Draw with the same one afterwards.",
        advanced=True,
        kohya="vae",
    )
    size_conditioning: Literal["cut", "kohya"] = setting(
        "cut",
        "What an SDXL model is told of how each picture was cut, so that it does not learn to cut heads off. cut: the "
        "place of the cut as it is. kohya: what kohya's trainer says, whose numbers fit a picture that was not cut at "
        "all; only to repeat its results. Other models are told nothing.",
        advanced=True,
    )
    clip_skip: int = setting(
        1,
        "Which layer of the text encoder is read, counted from the last. 1 for most models; 2 for models of drawn "
        "characters that were trained so. Use the same number when you generate. SDXL always reads the last but one, "
        "whatever stands here.",
        ge=1,
        le=12,
        advanced=True,
        kohya="clip_skip",
        ss="ss_clip_skip",
    )
