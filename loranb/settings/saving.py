"""The declarations of what is kept of a run, and what is drawn on its way."""

from typing import Literal

from loranb.settings.declaration import Group, setting


class SavingSettings(Group):
    """Saving."""

    name: str = setting(
        "",
        "Name of the LoRA, as it is written in a prompt. Blank: the project's name and the next version, such as "
        "medieval_city_v1a.",
        kohya="output_name",
        ss="ss_output_name",
        own=True,
    )
    every_epochs: int = setting(
        1,
        "Save the LoRA after every so many epochs; the last is always saved.",
        unit="epochs",
        ge=1,
        le=10000,
        kohya="save_every_n_epochs",
    )
    precision: Literal["fp16", "bf16", "fp32"] = setting(
        "fp16",
        "Number format in the file. fp16 is half the size of fp32 and loads everywhere.",
        kohya="save_precision",
    )


class SampleSettings(Group):
    """Sample pictures."""

    prompts: tuple[str, ...] = setting(
        (),
        "Prompts to draw during training, one a line, with options after it: --n negative prompt, --w --h size, "
        "--s steps, --d seed, --l CFG scale. Blank: a caption of your own pictures is used.",
        kohya="sample_prompts",
        own=True,
    )
    every_epochs: int = setting(
        1,
        "Draw the samples after every so many epochs; 0 draws none.",
        unit="epochs",
        ge=0,
        le=10000,
        kohya="sample_every_n_epochs",
    )
