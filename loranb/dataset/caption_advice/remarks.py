"""Remarks on captions: what was found, what it means for training, what to do, and an edit that does it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loranb.dataset.health.findings import Code, Severity, severity_rank

CODES = {
    "trigger_missing": Code(
        "trigger word missing",
        "What such a picture shows is learned without the word that is to call it.",
        "Put it in front; leave it out only of pictures that do not show the subject.",
    ),
    "trigger_not_first": Code(
        "trigger word not in front",
        "What stands first counts most, and stays in its place when tags are shuffled.",
        "Move it to the front.",
    ),
    "class_missing": Code(
        "class word missing",
        "The class says what kind of thing the trigger is, so that training starts from what the base model knows.",
        "Write it right after the trigger; leave it out if the captions say it in other words.",
    ),
    "empty": Code(
        "without a caption",
        "The words of its folder stand in, so that all it shows is tied to those words.",
        "Caption it; a tagger can write a draft.",
    ),
    "too_long": Code(
        "longer than what is read",
        "What is cut off is not learned.",
        "Take out what the base model knows anyway, move what matters to the front, or train with a longer limit.",
    ),
    "contradiction": Code(
        "tags that contradict each other",
        "They can hardly both be true of one picture, and both are learned a little wrongly.",
        "Look at the picture and take one out.",
    ),
    "everywhere": Code(
        "a tag in every caption",
        "What all pictures share belongs to the subject. With the tag it is tied to that word, and has to be prompted "
        "for; without it, it becomes part of the trigger.",
        "Take it out if it is part of the subject (nose, lips, its own colour); keep it if you want to be able to "
        "change it in a prompt, or if it says what kind of picture it is (photo).",
    ),
    "same_caption": Code(
        "one caption for different pictures",
        "What tells the pictures apart is not said, and is blurred together or learned as part of the subject.",
        "Say how they differ, if it matters: the view, the light, what else is in them.",
    ),
    "misspelt": Code(
        "perhaps misspelt",
        "A word that stands once is hardly learned, and the picture is missing from the tag that was meant.",
        "Rename it if it is a slip; leave it if it is a word of its own.",
    ),
    "once": Code(
        "tags that stand once",
        "A tag on one picture is hardly learned by itself; it does no harm, as it keeps what it names out of the rest.",
        "Keep those that name what should not be learned; take out those that name next to nothing.",
    ),
    "spelling": Code(
        "one tag in several spellings",
        "Each spelling is learned by itself, from fewer pictures.",
        "Write it alike; the most frequent spelling is proposed.",
    ),
    "plural": Code(
        "a tag in singular and plural",
        "Each is learned by itself, from fewer pictures.",
        "Write it alike, unless one and many are to be told apart.",
    ),
    "repeated": Code(
        "a tag twice in one caption", "The second says nothing new, and takes room.", "Take the second out."
    ),
    "mixed": Code(
        "tags here, sentences there",
        "Both can be learned, but the LoRA then answers less surely to either way of prompting.",
        "Caption all pictures in one way: in tags for models that were trained on tags, in sentences for others.",
    ),
}

_NAMED = 5  # tags or captions, in a message


@dataclass(frozen=True)
class Mend:
    """An edit that does what a remark advises, for `CaptionStore.bulk`.

    Args:
        label: what stands on a button.
        what: is done, as it is named for undoing.
        edit: the new caption for an old one.
        pictures: whose captions.
    """

    label: str
    what: str
    edit: Callable[[str], str]
    pictures: tuple[Path, ...]


@dataclass(frozen=True)
class Remark:
    """Something to be said of captions.

    Args:
        code: one of `CODES`.
        severity: ``warning``: it will show in the LoRA; ``info``: good to know.
        message: what exactly was found.
        pictures: which it is about.
        mend: what does as it advises, if an edit can.
        details: what is to be said of each picture by itself, if there is more than the message.
    """

    code: str
    severity: Severity
    message: str
    pictures: tuple[Path, ...]
    mend: Mend | None = field(default=None, compare=False)
    details: Mapping[Path, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def title(self) -> str:
        """What stands over pictures of which this is said."""
        return CODES[self.code].title

    @property
    def advice(self) -> str:
        """What it means for training, and what to do."""
        return f"{CODES[self.code].meaning} {CODES[self.code].advice}"

    def about(self, picture: Path) -> "Remark":
        """Return what is said of one picture."""
        mend = replace(self.mend, pictures=(picture,)) if self.mend else None
        return replace(
            self, message=self.details.get(picture, self.message), pictures=(picture,), mend=mend, details={}
        )

    def to_json(self, name: Callable[[Path], str]) -> dict[str, Any]:
        """Return it as plain values; `name` says how a picture is called."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "advice": self.advice,
            "pictures": [name(picture) for picture in self.pictures],
        }


@dataclass(frozen=True)
class Advice:
    """All that is to be said, the worst first; `of` says it by picture, but for what concerns the set alone.

    `triggers` and `classes` are the words that were given or inferred, by the words of the subject; blank where
    none is known.
    """

    remarks: tuple[Remark, ...] = ()
    of: Mapping[Path, tuple[Remark, ...]] = field(default_factory=dict)
    triggers: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def made_of(cls, found: Sequence[Remark], triggers: Mapping[str, str], classes: Mapping[str, str]) -> "Advice":
        """Sort remarks, and give each picture those that are about it."""
        remarks = sorted(found, key=lambda remark: severity_rank(remark.severity))
        of: dict[Path, list[Remark]] = {}
        for remark in remarks:
            for picture in () if remark.code == "everywhere" else remark.pictures:
                of.setdefault(picture, []).append(remark.about(picture))
        return cls(tuple(remarks), {picture: tuple(said) for picture, said in of.items()}, triggers, classes)


def few(names: Sequence[str], most: int = _NAMED) -> str:
    """Name some of many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def captions(count: int) -> str:
    """Count captions in words."""
    return "1 caption" if count == 1 else f"{count} captions"
