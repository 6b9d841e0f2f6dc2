"""The declarations of how a LoRA learns: the optimizer and its learning rates."""

from typing import Literal

from pydantic import field_validator

from loranb.settings.declaration import Group, setting

SCHEDULES = Literal[
    "constant",
    "constant_with_warmup",
    "linear",
    "cosine",
    "cosine_with_restarts",
    "cosine_with_min_lr",
    "polynomial",
    "inverse_sqrt",
    "rex",
    "warmup_stable_decay",
]
SHARE_OR_STEPS = "a share below 1, or whole steps"


class OptimizerSettings(Group):
    """Learning."""

    learning_rate: float = setting(
        1e-4,
        "How far each step moves the U-Net's LoRA. Too high burns the pictures in and breaks others; too low learns "
        "nothing. 1e-4 is the usual start for AdamW (kohya's default).",
        gt=0,
        le=10,
        kohya="unet_lr",
        ss="ss_unet_lr",
    )
    text_encoder_learning_rate: float | None = setting(
        None,
        "The same for the text encoder. Blank means half of the learning rate: words need less.",
        ge=0,
        le=10,
        kohya="text_encoder_lr",
        ss="ss_text_encoder_lr",
    )
    schedule: SCHEDULES = setting(
        "cosine",
        "How the learning rate changes over the run. cosine: slowly, then faster, down to nought, a safe choice; "
        "linear: evenly down; constant: the same from the first step to the last, with no warm-up; "
        "constant_with_warmup; cosine_with_restarts: several cosines, one after the other; cosine_with_min_lr: a "
        "cosine that stops above nought; polynomial: down by a power; inverse_sqrt: ever more slowly down, never to "
        "nought; rex: stays high for long, then falls steeply; warmup_stable_decay: level, then down at the end.",
        kohya="lr_scheduler",
        ss="ss_lr_scheduler",
    )
    warmup: float = setting(
        0.05,
        "Over how many steps the learning rate rises from nought: below 1 it is a share of all steps, from 1 on a "
        "number of steps. Guards the first steps against a rate that is too high for them; longer is safer and "
        "learns less in the same time. Not used with the schedule named constant.",
        unit=SHARE_OR_STEPS,
        ge=0,
        le=1_000_000,
        kohya="lr_warmup",
    )
    schedule_cycles: int = setting(
        1,
        "How many times the rate of cosine_with_restarts begins anew at its height; with cosine_with_min_lr, how "
        "often it goes down, and up again in between. More gives more epochs that are worth comparing. Used by no "
        "other schedule.",
        ge=1,
        le=100,
        advanced=True,
        kohya="lr_scheduler_num_cycles",
    )
    schedule_power: float = setting(
        1.0,
        "The power of the polynomial schedule: 1 goes evenly down, 2 falls early and lies low for long, 0.5 stays "
        "high and falls at the end. Used by no other schedule.",
        gt=0,
        le=10,
        advanced=True,
        kohya="lr_scheduler_power",
    )
    schedule_floor: float = setting(
        0.0,
        "Where cosine_with_min_lr and warmup_stable_decay end, as a share of the learning rate. 0.1 keeps the last "
        "epochs learning a little; 0 ends at nought, as kohya's trainer does. Used by no other schedule.",
        ge=0,
        lt=1,
        advanced=True,
        kohya="lr_scheduler_min_lr_ratio",
    )
    schedule_decay: float = setting(
        0.1,
        "How long warmup_stable_decay goes down at the end: below 1 it is a share of all steps, from 1 on a number of "
        "steps. A tenth to a fifth is usual (Hu et al., arXiv:2404.06395). Used by no other schedule.",
        unit=SHARE_OR_STEPS,
        gt=0,
        le=1_000_000,
        advanced=True,
        kohya="lr_decay_steps",
    )
    schedule_timescale: int | None = setting(
        None,
        "How slowly inverse_sqrt goes down: the rate has halved after three times so many steps. Blank means as many "
        "as the warm-up has, or 10,000 without one, as in transformers. Used by no other schedule.",
        unit="steps",
        ge=1,
        le=1_000_000,
        advanced=True,
        kohya="lr_scheduler_timescale",
    )
    weight_decay: float = setting(
        0.01,
        "How strongly AdamW pulls the LoRA towards nought. Rarely worth touching (AdamW's default).",
        ge=0,
        le=1,
        advanced=True,
    )
    max_grad_norm: float = setting(
        1.0,
        "Gradients longer than this are shortened to it, so that one odd picture cannot throw the LoRA off. 0 is off.",
        ge=0,
        le=1000,
        advanced=True,
        kohya="max_grad_norm",
        ss="ss_max_grad_norm",
    )

    @field_validator("warmup", "schedule_decay")
    @classmethod
    def _whole_steps(cls, value: float) -> float:
        if value >= 1 and value != int(value):
            raise ValueError("neither a share nor whole steps")
        return value
