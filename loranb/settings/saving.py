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
    every_steps: int = setting(
        0,
        "Save the LoRA after every so many steps too, for runs whose epochs are long; 0: by epochs only. Each save is "
        "also where a run can go on that was cut off.",
        unit="steps",
        ge=0,
        le=1_000_000,
        advanced=True,
        kohya="save_every_n_steps",
    )
    keep_last: int = setting(
        0,
        "Keep only so many of the files that are saved on the way, and delete older ones as new ones come; the "
        "finished LoRA is never deleted. Saves disk, and leaves fewer epochs to choose from. 0 keeps all.",
        unit="files",
        ge=0,
        le=10000,
        advanced=True,
        kohya="save_last_n_epochs",
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
    every_steps: int = setting(
        0,
        "Draw the samples after every so many steps too; 0: by epochs only. Each time takes about as long as drawing "
        "the pictures by hand would.",
        unit="steps",
        ge=0,
        le=1_000_000,
        advanced=True,
        kohya="sample_every_n_steps",
    )
    at_start: bool = setting(
        False,
        "Draw the samples before the first step too: what the base model makes of the prompts, to compare with.",
        advanced=True,
        kohya="sample_at_first",
    )
