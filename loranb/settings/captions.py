"""The declarations of what is done to captions as they are shown."""

from loranb.settings.declaration import Group, setting


class CaptionSettings(Group):
    """Captions."""

    shuffle: bool = setting(
        False,
        "Shuffle the comma-separated tags of a caption at each step, so that none is learnt by its place. For tags, "
        "not for sentences; the first ones can be kept.",
        kohya="shuffle_caption",
        ss="ss_shuffle_caption",
    )
    keep: int = setting(
        1,
        "How many tags stay in front when tags are shuffled: 1 keeps a trigger word first.",
        unit="tags",
        ge=0,
        le=100,
        advanced=True,
        kohya="keep_tokens",
        ss="ss_keep_tokens",
    )
    dropout: float = setting(
        0.0,
        "Share of the steps in which a picture is shown without its caption. A little (0.05) makes a style show even "
        "when it isn't named; more weakens the trigger word.",
        ge=0,
        le=1,
        advanced=True,
        kohya="caption_dropout_rate",
        ss="ss_caption_dropout_rate",
    )
