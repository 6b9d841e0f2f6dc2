"""The declarations of validation: pictures that are looked at and never learned from."""

from loranb.settings.declaration import Group, setting


class ValidationSettings(Group):
    """Validation."""

    share: float = setting(
        0.0,
        "Keep this share of each subject's pictures back, and see how well the LoRA predicts them: when that gets "
        "worse while the training loss still falls, it begins to know its pictures by heart. 0.1 is usual with 50 "
        "pictures and more; with fewer, every picture is better trained on. 0 keeps none back.",
        ge=0,
        le=0.5,
        advanced=True,
        kohya="validation_split",
        ss="ss_validation_split",
    )
    folder: str = setting(
        "",
        "Instead of a share: the name of a folder beside img, laid out as img is, such as validation. Its pictures are "
        "never trained on; choose this to decide yourself which they are. Blank: none.",
        advanced=True,
        own=True,
    )
    every_epochs: int = setting(
        1,
        "Look at them after every so many epochs; 0: not by epochs. More often draws a finer curve and takes longer: "
        "each time costs about as much as a third of the steps that all of them would take in training.",
        unit="epochs",
        ge=0,
        le=10000,
        advanced=True,
        kohya="validate_every_n_epochs",
        ss="ss_validate_every_n_epochs",
    )
    every_steps: int = setting(
        0,
        "Look at them after every so many steps too, for runs of few epochs; 0: not by steps.",
        unit="steps",
        ge=0,
        le=1_000_000,
        advanced=True,
        kohya="validate_every_n_steps",
        ss="ss_validate_every_n_steps",
    )
    timesteps: int = setting(
        4,
        "At how many timesteps each picture is looked at, spread evenly; always the same ones, with the same noise, so "
        "that the curve is smooth and runs can be compared. 4 gives kohya's 200, 400, 600 and 800; more are surer and "
        "take longer.",
        ge=1,
        le=50,
        advanced=True,
    )
    seed: int = setting(
        0,
        "Which pictures of the share are kept back, and their noise. The same in runs that are to be compared, "
        "whatever the seed of their training.",
        ge=0,
        le=2**31 - 1,
        advanced=True,
        kohya="validation_seed",
        ss="ss_validation_seed",
    )
