"""The parts of a loaded base model, before a family names them."""

from typing import Any, NamedTuple


class Parts(NamedTuple):
    """What a base model consists of; text encoders and tokenizers in the order of the family."""

    unet: Any  # UNet2DConditionModel
    vae: Any  # AutoencoderKL
    text_encoders: list[Any]
    tokenizers: list[Any]
    noise_schedule: Any  # DDPMScheduler
    notices: list[str]  # what the user should know of how they were loaded
