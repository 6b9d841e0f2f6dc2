"""The declarations of what a LoRA is made for: the base model."""

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
    clip_skip: int = setting(
        1,
        "Which layer of the text encoder is read, counted from the last. 1 for most models; 2 for models of drawn "
        "characters that were trained so. Use the same number when you generate.",
        ge=1,
        le=12,
        advanced=True,
        kohya="clip_skip",
        ss="ss_clip_skip",
    )
