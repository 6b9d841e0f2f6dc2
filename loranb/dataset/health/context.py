"""What is to be said of pictures only when others are seen beside them: copies, colours, captions."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from loranb.dataset import captions
from loranb.dataset.health.checked import Checked
from loranb.dataset.health.duplicates import Copies
from loranb.dataset.health.findings import Finding

COPIES = frozenset({"duplicate", "near_duplicate"})
_MOSTLY = 0.5  # share of a subject's pictures that are grey: then it is meant so


def in_context(pictures: Sequence[Checked], name: Callable[[Path], str], copies: Sequence[Copies]) -> list[Checked]:
    """Add to each picture's findings what follows from the others.

    Args:
        pictures: all of the set.
        name: how a path is shown.
        copies: those of different bytes that show the same.
    """
    more: dict[Path, list[Finding]] = defaultdict(list)
    for group in grouped(pictures, copies):
        for picture, finding in _of_copies(group, copies, name):
            more[picture.path].append(finding)
    for group in _by(pictures, lambda picture: picture.subject.folder):
        for picture, finding in (*_of_greys(group), *_of_captions(group)):
            more[picture.path].append(finding)
    return [picture.plus(*more[picture.path]) for picture in pictures]


def grouped(pictures: Sequence[Checked], copies: Sequence[Copies]) -> list[list[Checked]]:
    """Group pictures that are copies of each other, exact or near, whatever subject they are of; the best first.

    The best is the largest, of those of one size the sharpest, then one with a caption.
    """
    leader = {content: group.contents[0] for group in copies for content in group.contents}
    known = [picture for picture in pictures if picture.content]
    groups = _by(known, lambda picture: leader.get(picture.content, picture.content))
    return [sorted(group, key=_quality) for group in groups if len(group) > 1]


def _quality(picture: Checked) -> tuple:
    width, height = picture.size
    return -width * height, picture.edge_width, not picture.caption, picture.path


def _of_copies(
    group: Sequence[Checked], copies: Sequence[Copies], name: Callable[[Path], str]
) -> Iterator[tuple[Checked, Finding]]:
    """Say of all but the best which picture they repeat, so that whoever discards them all keeps that."""
    best, *others = group
    mirrored = frozenset().union(*(each.mirrored for each in copies))
    for number, picture in enumerate(others, 1):
        elsewhere = ", of another subject" if picture.subject != best.subject else ""
        same = next((other for other in group[:number] if other.content == picture.content), None)
        if same:
            yield picture, Finding("duplicate", "warning", f"the same file as {name(same.path)}{elsewhere}")
            continue
        how = "nearly the same, or mirrored" if picture.content in mirrored else "nearly the same"
        larger = ", which is larger" if _area(best) > _area(picture) else ""
        yield picture, Finding("near_duplicate", "warning", f"{how}, as {name(best.path)}{elsewhere}{larger}")


def _area(picture: Checked) -> int:
    return picture.size[0] * picture.size[1]


def _of_greys(subject: Sequence[Checked]) -> Iterator[tuple[Checked, Finding]]:
    """Warn of grey pictures among coloured ones; where most are grey, only say so."""
    usable = [picture for picture in subject if picture.usable]
    grey = [picture for picture in usable if "greyscale" in picture.facts.kinds]
    meant = len(grey) > _MOSTLY * len(usable)
    for picture in grey:
        others = f"as are {len(grey) - 1} of the {len(usable) - 1} others of {picture.subject.words!r}"
        yield picture, Finding("greyscale", "info" if meant else "warning", f"it has no colours, {others}")


def _of_captions(subject: Sequence[Checked]) -> Iterator[tuple[Checked, Finding]]:
    """Say which pictures have no caption, as a warning only where captioning has begun, and which share one."""
    begun = any(picture.caption for picture in subject)
    for picture in subject:
        if picture.usable and not picture.caption:
            words = picture.subject.words
            yield picture, Finding("no_caption", "warning" if begun else "info", f"captioned by its folder: {words!r}")
    for group in _by(subject, lambda picture: picture.path.with_suffix("")):
        if len(group) > 1:
            beside = captions.caption_file(group[0].path).name
            for picture, other in zip(group, (*group[1:], group[0]), strict=True):
                yield picture, Finding("shared_caption", "warning", f"{beside} is the caption of {other.path.name} too")


def _by(pictures: Sequence[Checked], key: Callable[[Checked], object]) -> list[list[Checked]]:
    groups: dict[object, list[Checked]] = defaultdict(list)
    for picture in pictures:
        groups[key(picture)].append(picture)
    return list(groups.values())
