"""What a kind of LoRA asks of its pictures: how many, of what shape, of what content."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loranb.dataset import captions
from loranb.dataset.health.findings import Finding
from loranb.dataset.images import Size

SQUARE = 1.05  # longer to shorter side, of a picture that passes for a square
WEAK = frozenset({"damaged", "blurred", "small", "small_for_sdxl", "under_exposed", "over_exposed"})  # as warnings

# what taggers say of a picture in which a face is small or turned away, or in which there are others
_FAR = frozenset(
    {
        *("full body", "wide shot", "very wide shot", "cowboy shot", "lower body"),
        *("from behind", "facing away", "head out of frame", "faceless"),
    }
)
_SEVERAL = frozenset(
    f"{count}{who}" for who in ("girls", "boys", "others") for count in ("2", "3", "4", "5", "6+", "multiple ")
) | {"crowd", "group", "people", "couple"}


@dataclass(frozen=True)
class Kind:
    """A kind of LoRA and how many pictures it takes, that are good and not copies of each other."""

    name: str
    least: int
    most: int
    face: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind("face", 50, 100, face=True),  # a widely followed guide to faces on SDXL
        Kind("object", 10, 60),  # assumed; a guide to SD 1.5 has ten pictures of one person
        Kind("style", 20, 300),  # assumed; a style is known by what differs between its pictures
        Kind("place", 20, 200),  # assumed; a guide to a medieval city wants few and good ones
    )
}
ANY = Kind("", 10, 300)  # assumed: the widest of the above


def of_picture(kind: Kind, size: Size, caption: str) -> Iterator[Finding]:
    """Say how a picture falls short of what its kind of LoRA asks; by its caption, as far as that tells."""
    if not kind.face:
        return
    if max(size) > SQUARE * min(size):
        yield Finding("not_square", "info", f"{size[0]} x {size[1]} pixels, for a face LoRA")
    said = {tag.lower().replace("_", " ") for tag in captions.tags(caption)}
    if far := sorted(said & _FAR):
        yield Finding("not_close", "info", f"its caption says {', '.join(far)}")
    if several := sorted(said & _SEVERAL) or (["1girl and 1boy"] if {"1girl", "1boy"} <= said else []):
        yield Finding("several_people", "warning", f"its caption says {', '.join(several)}")


def of_subject(kind: Kind, pictures: Sequence[Sequence[Finding]]) -> Iterator[Finding]:
    """Say whether a subject has as many pictures as its kind of LoRA takes; quality counts more than number.

    Args:
        kind: of LoRA.
        pictures: the findings of each picture that can be used and is no copy of another.
    """
    count = len(pictures)
    weak = sum(any(f.code in WEAK and f.severity == "warning" for f in findings) for findings in pictures)
    kinds = f"{kind.name} LoRAs" if kind.name else "LoRAs"
    if count < kind.least:
        detail = f"{_many(count)} that differ; {kinds} are better with {kind.least} or more"
        yield Finding("too_few", "warning", detail)
    elif weak and count - weak >= kind.least:
        yield Finding("weak_pictures", "info", f"{weak} of {count} are weak, and the other {count - weak} are enough")
    elif weak:
        detail = f"{weak} of {count} are weak, and the other {count - weak} are few; {kind.least} good ones are better"
        yield Finding("weak_pictures", "warning", detail)
    if count > kind.most:
        yield Finding("too_many", "info", f"{_many(count)}; for {kinds}, {kind.most} are many")


def _many(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
