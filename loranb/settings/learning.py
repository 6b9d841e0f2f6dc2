"""The declarations of how a LoRA learns: the optimizer and its learning rates."""

from typing import Literal

from pydantic import field_validator

from loranb.settings.declaration import Group, setting
from loranb.settings.optimizers import known_name

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

    name: str = setting(
        "AdamW",
        "What turns gradients into steps. AdamW: the usual; AdamW8bit: the same in less GPU memory (bitsandbytes); "
        "Lion, CAME, Adafactor: less memory still, rates of their own; Prodigy and DAdaptAdam, DAdaptLion ...: find "
        "the rate themselves, so set it to 1; AdamWScheduleFree: needs no schedule; PagedAdamW8bit, Lion8bit, "
        "SGDNesterov, RAdamScheduleFree, SGDScheduleFree. Or any class by its dotted name, such as "
        "pytorch_optimizer.AdEMAMix, or a plain name of torch.optim.",
        kohya="optimizer",
    )
    args: tuple[str, ...] = setting(
        (),
        "Arguments of the optimizer, one a line, as name=value: weight_decay=0.1, betas=0.9,0.99, d_coef=2, "
        "relative_step=False. Blank: its own defaults. They win over the settings below.",
        advanced=True,
        kohya="optimizer_args",
    )
    learning_rate: float = setting(
        1e-4,
        "How far each step moves the U-Net's LoRA. Too high burns the pictures in and breaks others; too low learns "
        "nothing. 1e-4 is the usual start for AdamW (kohya's default); "
        "1 for Prodigy and the DAdapt family, which multiply it by what they find.",
        gt=0,
        le=10,
        kohya="unet_lr",
        ss="ss_unet_lr",
    )
    text_encoder_learning_rate: float | None = setting(
        None,
        "The same for the text encoder. Blank means half of the learning rate, since words need less; all of it for "
        "optimizers that find the rate themselves, which use one rate for both. 0 leaves it untrained.",
        ge=0,
        le=10,
        kohya="text_encoder_lr",
        ss="ss_text_encoder_lr",
    )
    text_encoder_2_learning_rate: float | None = setting(
        None,
        "The same for SDXL's second, larger text encoder. Blank means the first one's rate; 0 leaves it untrained, "
        "which many prefer since it is easily spoilt. Nothing for other models.",
        ge=0,
        le=10,
        advanced=True,
    )
    text_encoder_stop: int = setting(
        0,
        "Stop training the text encoder after this share of the steps, and go on with the U-Net alone. A new word is "
        "learnt early; what comes later mostly forgets. 30 to 50 keeps prompts flexible; 0 trains it to the end.",
        unit="% of the steps",
        ge=0,
        le=99,
        advanced=True,
        kohya="stop_text_encoder_training",
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
    loraplus_ratio: float | None = setting(
        None,
        "Multiply the learning rate of the second of a LoRA's two matrices, which begins at nought (LoRA+, Hayou et "
        "al., arXiv:2402.12354). Learns faster with the same rate: 16 is the paper's, 4 to 8 is safer. Blank: the same "
        "rate for both.",
        ge=0,
        le=1000,
        advanced=True,
        kohya="loraplus_lr_ratio",
    )
    loraplus_unet_ratio: float | None = setting(
        None,
        "The same for the U-Net alone. Blank: as for the whole LoRA.",
        ge=0,
        le=1000,
        advanced=True,
        kohya="loraplus_unet_lr_ratio",
    )
    loraplus_text_encoder_ratio: float | None = setting(
        None,
        "The same for the text encoders alone. Blank: as for the whole LoRA.",
        ge=0,
        le=1000,
        advanced=True,
        kohya="loraplus_text_encoder_lr_ratio",
    )
    block_rates_down: str | None = setting(
        None,
        "Multiply the learning rate of the U-Net's blocks on the way down: 12 numbers for SD 1.x and 2.x, 9 for SDXL, "
        "with commas between them, from the picture's side to the middle; or a shape: sine (rises), cosine (falls), "
        "linear, reverse_linear, zeros, with what is to be added to it, as in sine+0.25. 0 leaves a block untrained, "
        "and out of the file. Blank: 1 everywhere.",
        advanced=True,
        kohya="down_lr_weight",
    )
    block_rates_mid: str | None = setting(
        None,
        "The same for the blocks in the middle: 1 number for SD 1.x and 2.x, 3 for SDXL. Blank: 1.",
        advanced=True,
        kohya="mid_lr_weight",
    )
    block_rates_up: str | None = setting(
        None,
        "The same for the blocks on the way up, from the middle to the picture's side: 12 numbers or 9, or a shape. "
        "Blank: 1 everywhere.",
        advanced=True,
        kohya="up_lr_weight",
    )
    block_rates_threshold: float = setting(
        0.0,
        "Blocks whose number above is not higher than this are left untrained. Higher keeps fewer blocks, so that the "
        "file is smaller. Used with numbers for blocks only.",
        ge=0,
        le=10,
        advanced=True,
        kohya="block_lr_zero_threshold",
    )
    weight_decay: float | None = setting(
        None,
        "How strongly the optimizer pulls the LoRA towards nought. Higher keeps it weaker and more general. Blank: "
        "the optimizer's own, 0.01 for AdamW and 0 for most others. Rarely worth touching.",
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

    ema: float | None = setting(
        None,
        "Keep a running average of the LoRA's weights, and save and draw with that: steadier than the weights of any "
        "one step. 0.999 looks back about 1,000 steps, 0.99 about 100; closer to 1 is smoother and lags more. Should "
        "look back over less than the run. Blank: none.",
        gt=0,
        lt=1,
        advanced=True,
    )

    @field_validator("name")
    @classmethod
    def _as_it_is_written(cls, value: str) -> str:
        return known_name(value) or "AdamW"

    @field_validator("warmup", "schedule_decay")
    @classmethod
    def _whole_steps(cls, value: float) -> float:
        if value >= 1 and value != int(value):
            raise ValueError("neither a share nor whole steps")
        return value
