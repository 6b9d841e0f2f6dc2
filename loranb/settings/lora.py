"""The declarations of what is trained: the LoRA's kind and size."""

from loranb.settings.declaration import Group, setting


class LoraSettings(Group):
    """LoRA."""

    rank: int = setting(
        16,
        "Size of the LoRA's inner layer. Higher holds more detail and makes a larger file; 8 to 32 suit one subject, "
        "64 to 128 a style or several subjects.",
        ge=1,
        le=1024,
        kohya="network_dim",
        ss="ss_network_dim",
    )
    alpha: float | None = setting(
        None,
        "Scales what was learned by alpha / rank. Blank means the same as the rank: no scaling. Lower makes the LoRA "
        "learn more slowly, as a lower learning rate would.",
        gt=0,
        le=4096,
        kohya="network_alpha",
        ss="ss_network_alpha",
    )
    text_encoder: bool = setting(
        True,
        "Train the text encoder too, so that a new word gets a meaning of its own. Off saves memory; prompts are then "
        "followed as the base model does.",
    )
