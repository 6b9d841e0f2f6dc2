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
        "How many tags stay in front when tags are shuffled, left out or brought in one by one: 1 keeps a trigger "
        "word first, more keep what stands behind it too.",
        unit="tags",
        ge=0,
        le=100,
        advanced=True,
        kohya="keep_tokens",
        ss="ss_keep_tokens",
    )
    keep_separator: str = setting(
        "",
        "A mark, usually |||, that ends the tags that stay in front, in captions that have it: as many as each needs, "
        "instead of the same number for all. What stands behind a second mark stays at the end. The mark itself is "
        "never learnt. Blank: no mark.",
        advanced=True,
        kohya="keep_tokens_separator",
    )
    group_separator: str = setting(
        "",
        "A mark, usually ;;;, that joins tags which are shuffled and left out as one, such as red hat;;;white band. "
        "It becomes a comma when it is shown. Blank: no mark.",
        advanced=True,
        kohya="secondary_separator",
    )
    separator: str = setting(
        "",
        "What stands between tags in your captions, where it isn't a comma: a semicolon, say, for captions whose "
        "parts hold commas themselves. Blank: a comma; one within brackets separates nothing.",
        advanced=True,
        kohya="caption_separator",
    )
    prefix: str = setting(
        "",
        "Words that are put in front of every caption, with a space behind them, such as a trigger word and a comma. "
        "The files stay as they are.",
        advanced=True,
        kohya="caption_prefix",
    )
    suffix: str = setting(
        "",
        "Words that are put behind every caption, with a space before them. The files stay as they are.",
        advanced=True,
        kohya="caption_suffix",
    )
    wildcards: bool = setting(
        False,
        "Choose one of {a|b|c} anew each time a caption is shown, and of a caption of several lines one line; {{ and "
        "}} are brackets that are meant. Several ways to say the same thing make the LoRA answer to all of them.",
        advanced=True,
        kohya="enable_wildcard",
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
    dropout_every_epochs: int = setting(
        0,
        "Show all pictures without their captions in every so many epochs: 5 does so in the 5th, the 10th and so on. "
        "Lower weakens the trigger word; 1 trains without captions altogether. 0 never does.",
        unit="epochs",
        ge=0,
        le=10000,
        advanced=True,
        kohya="caption_dropout_every_n_epochs",
        ss="ss_caption_dropout_every_n_epochs",
    )
    tag_dropout: float = setting(
        0.0,
        "The chance that a tag is left out each time its caption is shown; those that stay in front never are. A "
        "little (0.1) makes tags mean something alone; much makes what they name part of the trigger word.",
        ge=0,
        le=1,
        advanced=True,
        kohya="caption_tag_dropout_rate",
        ss="ss_caption_tag_dropout_rate",
    )
    warmup: float = setting(
        0.0,
        "Begin with few tags and bring the others in one by one over this many steps, or this share of them below 1: "
        "what is named first is learnt first. 0 shows all tags from the start.",
        ge=0,
        le=1_000_000,
        advanced=True,
        kohya="token_warmup_step",
    )
    warmup_min: int = setting(
        1,
        "How many tags the warm-up of tags begins with, besides those that stay in front. 1 as in kohya's trainer.",
        unit="tags",
        ge=0,
        le=100,
        advanced=True,
        kohya="token_warmup_min",
    )
    weighted: bool = setting(
        False,
        "Read (tag:1.2), ((tag)) and [tag] in captions as weights, as web UIs do in prompts, and not as letters. For "
        "captions that were written so; brackets that are meant get a backslash.",
        advanced=True,
        kohya="weighted_captions",
    )
    tokens: int = setting(
        75,
        "How many tokens of a caption are read: 75, 150 or 225. Higher reads long captions to their end and takes a "
        "little time and memory; what is beyond is not learnt. A short word is one token, and so is a comma.",
        unit="tokens",
        ge=75,
        le=225,
        multiple_of=75,
        advanced=True,
        kohya="max_token_length",
        ss="ss_max_token_length",
    )
