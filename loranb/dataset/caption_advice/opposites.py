"""Tags that can hardly both be true of one picture. A table of ours; it is short, so that it is rarely wrong."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

# said of a picture in which there are several people, or hair or eyes of several colours
SEVERAL = frozenset(
    {"couple", "group", "crowd", "people", "multiple girls", "multiple boys", "multiple people"}
    | {f"{count}{who}" for count in ("2", "3", "4", "5", "6+") for who in ("girls", "boys", "others")}
)
_ONE = frozenset({"1girl", "1boy", "1other"})
_MULTICOLOURED = frozenset(
    {"multicolored hair", "two-tone hair", "gradient hair", "streaked hair", "colored tips", "split-color hair"}
)
_HAIR = ("black", "brown", "blonde", "red", "white", "grey", "blue", "green", "pink", "purple", "orange")
_EYES = ("black", "brown", "blue", "green", "grey", "red", "yellow", "purple", "pink", "orange")


class Opposed(NamedTuple):
    """Sides of which a picture can be on one; `unless` any of some other tags is there."""

    sides: tuple[frozenset[str], ...]
    unless: frozenset[str] = frozenset()


def _each(*tags: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({tag}) for tag in tags)


OPPOSED = (
    Opposed(_each("day", "night")),
    Opposed(_each("indoors", "outdoors")),
    Opposed(_each("summer", "winter", "spring", "autumn")),
    Opposed(_each("from above", "from below")),
    Opposed((frozenset({"close-up", "portrait"}), frozenset({"full body", "wide shot", "very wide shot"}))),
    Opposed((frozenset({"monochrome", "greyscale", "black and white"}), frozenset({"colorful", "vibrant colors"}))),
    Opposed(_each("blurry", "sharp focus")),
    Opposed((frozenset({"no humans"}), frozenset({"solo", "portrait"}) | _ONE | SEVERAL), frozenset({"animal focus"})),
    Opposed((frozenset({"solo"}), SEVERAL), frozenset({"solo focus"})),
    Opposed((frozenset({"looking at viewer"}), frozenset({"looking away", "closed eyes"})), SEVERAL),
    Opposed(_each("open mouth", "closed mouth"), SEVERAL),
    Opposed(_each("smile", "frown"), SEVERAL),
    Opposed(_each("standing", "sitting", "lying", "kneeling"), SEVERAL),
    Opposed((frozenset({"long hair", "very long hair"}), frozenset({"short hair"}), frozenset({"bald"})), SEVERAL),
    Opposed((frozenset({"clean-shaven"}), frozenset({"beard", "mustache", "facial hair"})), SEVERAL),
    Opposed(_each(*(f"{colour} hair" for colour in _HAIR)), SEVERAL | _MULTICOLOURED),
    Opposed(_each(*(f"{colour} eyes" for colour in _EYES)), SEVERAL | {"heterochromia"}),
)


def contradictions(tags: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Yield tags of one caption that contradict each other.

    Args:
        tags: their names, as `loranb.dataset.tagging.name` gives them.
    """
    said = set(tags)
    for opposed in OPPOSED:
        there = [sorted(side & said) for side in opposed.sides if side & said]
        if len(there) > 1 and not said & opposed.unless:
            yield tuple(side[0] for side in there)
