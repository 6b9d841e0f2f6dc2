"""The declarations of how long is trained, and on how much at once."""

from loranb.settings.declaration import Group, setting


class LengthSettings(Group):
    """Length."""

    epochs: int = setting(
        10,
        "How many times every picture is shown, times its repeats. Too many and the LoRA draws your pictures and "
        "nothing else; each epoch is saved, so that you can choose an earlier one.",
        ge=1,
        le=10000,
        kohya="epoch",
    )
    steps: int | None = setting(
        None,
        "Stop after this many steps, whatever the epochs. Blank: the epochs decide.",
        unit="steps",
        ge=1,
        le=1_000_000,
        kohya="max_train_steps",
    )
    batch_size: int = setting(
        1,
        "How many pictures are looked at in one step. Higher is steadier and quicker on a big GPU, and needs memory.",
        unit="pictures",
        ge=1,
        le=256,
        kohya="train_batch_size",
    )
    gradient_accumulation: int = setting(
        1,
        "Batches that are added up before a step is taken: the effect of a larger batch without its memory.",
        unit="batches",
        ge=1,
        le=256,
        advanced=True,
        kohya="gradient_accumulation_steps",
        ss="ss_gradient_accumulation_steps",
    )
    seed: int = setting(
        42,
        "The same seed, pictures and settings give the same LoRA on the same machine.",
        ge=0,
        le=2**31 - 1,
        kohya="seed",
        ss="ss_seed",
    )
