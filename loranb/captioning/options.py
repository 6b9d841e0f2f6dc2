"""What becomes of what a captioner says: one declaration for each setting, for the form and the command line."""

from typing import Literal

from pydantic import field_validator

from loranb.dataset.tag_text import tags
from loranb.settings.declaration import Group, setting

ARROW = "=>"
NAME = "wording"  # what the group goes by in messages: wording.trigger


class Wording(Group):
    """Wording."""

    trigger: str = setting(
        "",
        "The word that shall call up what is learned, put first in every caption. A word that means nothing to the "
        "base model is safest. Blank: none.",
    )
    class_word: str = setting(
        "",
        "The kind of thing it is, such as girl or castle, put after the trigger word. Left out of a sentence that says "
        "it already. Blank: none.",
    )
    prefix: str = setting(
        "",
        "Text in front of what the captioner says: before a sentence it is joined by a space, as in 'rihanna a woman "
        "in a green shirt', before tags by a comma.",
    )
    suffix: str = setting("", "Text after what the captioner says, joined in the same way.")
    undesired: tuple[str, ...] = setting(
        (),
        "What to leave out, with commas or one a line: tags that every picture of the subject has, so that the trigger "
        "word comes to mean them, and what the captioner gets wrong. Of a sentence these words are taken out.",
    )
    replacements: tuple[str, ...] = setting(
        (),
        "What to say instead, one a line: 'grey hair => silver hair'. A tag is replaced where it is the whole tag; in "
        "a sentence the words are. Nothing after the arrow leaves it out.",
        unit=f"old {ARROW} new",
    )
    order: Literal["said", "confidence", "frequency", "alphabet"] = setting(
        "said",
        "How tags are put in order: as the captioner says them; the most certain first; those of the most pictures "
        "first; or by the alphabet.",
    )
    maximum: int | None = setting(
        None,
        "Keep no more than this many of the captioner's tags, the most certain. Blank: all.",
        unit="tags",
        ge=1,
        le=1000,
    )
    mode: Literal["missing", "drafts", "overwrite", "append"] = setting(
        "missing",
        "Where to write. missing: where there is no caption. drafts: there, and where a captioner's own is still as it "
        "was written. overwrite: everywhere, what you wrote by hand too. append: after what is there, what it does not "
        "say yet. Everything can be undone.",
    )

    @field_validator("undesired", mode="after")
    @classmethod
    def _one_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(tag for line in value for tag in tags(line))

    @field_validator("replacements", mode="after")
    @classmethod
    def _are_pairs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not line.partition(ARROW)[0].strip() or ARROW not in line for line in value):
            raise ValueError(f"a line without {ARROW}")
        return value

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What is to be replaced, and by what."""
        cut = (line.partition(ARROW) for line in self.replacements)
        return [(old.strip(), new.strip()) for old, _, new in cut]
