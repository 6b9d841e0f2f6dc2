"""The declarations of what a LoRA file says about itself, for those who find it."""

from typing import Literal

from loranb.settings.declaration import Group, setting


class MetadataSettings(Group):
    """Metadata."""

    trigger_phrase: str = setting(
        "",
        "The words that call the LoRA up, for whoever opens the file in a web UI. Nothing is trained by it; write the "
        "same words into the captions. Blank: none is named.",
        kohya="metadata_trigger_phrase",
        ss="modelspec.trigger_phrase",
        own=True,
    )
    title: str = setting(
        "",
        "A title for people, kept inside the file; it may have spaces and signs that a file's name may not. Blank: the "
        "LoRA's name.",
        kohya="metadata_title",
        ss="modelspec.title",
        own=True,
    )
    description: str = setting(
        "",
        "What the LoRA draws and what it was made for, kept inside the file. Blank: nothing is said.",
        kohya="metadata_description",
        ss="modelspec.description",
        own=True,
    )
    author: str = setting(
        "",
        "Who made the LoRA, kept inside the file. Worth filling in before you give it to others. Blank: nobody is "
        "named.",
        advanced=True,
        kohya="metadata_author",
        ss="modelspec.author",
        own=True,
    )
    licence: str = setting(
        "",
        "Under which licence others may use the LoRA, such as CC-BY-4.0. The base model's licence and the rights in "
        "your pictures bind it too. Blank: none is named.",
        advanced=True,
        kohya="metadata_license",
        ss="modelspec.license",
        own=True,
    )
    tags: str = setting(
        "",
        "Words to find the LoRA by in a collection, with commas between them: city, architecture, style. They have "
        "nothing to do with captions. Blank: none.",
        advanced=True,
        kohya="metadata_tags",
        ss="modelspec.tags",
        own=True,
    )
    usage_hint: str = setting(
        "",
        "How to use the LoRA best: a weight, a sampler, words that go well with it. Blank: nothing is said.",
        advanced=True,
        kohya="metadata_usage_hint",
        ss="modelspec.usage_hint",
        own=True,
    )
    comment: str = setting(
        "",
        "A note to keep inside the file, for yourself or for those you give it to.",
        advanced=True,
        kohya="training_comment",
        ss="ss_training_comment",
        own=True,
    )
    thumbnail: bool = setting(
        False,
        "Keep the newest sample picture of the first prompt inside the file, 256 pixels wide or high, as its preview "
        "in web UIs. On, the file grows by some 30 kB, and whoever gets it sees the picture.",
        advanced=True,
    )
    detail: Literal["full", "usual", "least"] = setting(
        "full",
        "How much the file tells. full: also every setting, so that the LoRA can be made again from the file alone, "
        "your sample prompts and the base model's path among them; usual: what kohya's trainer writes, such as rates, "
        "folders and how often each tag was trained; least: only what programs need to use the file.",
        advanced=True,
        kohya="no_metadata",
    )
