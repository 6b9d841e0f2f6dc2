"""Which pictures of a set are copies of each other, exact or near; remembered while the set stays as it is."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loranb.dataset.health.facts import MEASURES, Facts
from loranb.dataset.health.likeness import ALIKE, Groups, Pair, alike
from loranb.files import write_text


@dataclass(frozen=True)
class Copies:
    """Pictures that show the same, by the SHA-256 of their bytes."""

    contents: tuple[str, ...]
    mirrored: frozenset[str] = frozenset()  # those that are a mirror image of another


def near_copies(known: Mapping[str, Facts], file: Path) -> list[Copies]:
    """Find pictures of different bytes that show the same.

    Args:
        known: what is known of each picture, by the SHA-256 of its bytes.
        file: where the answer is kept for the next time that these pictures are asked for; safe to delete.
    """
    contents = sorted(content for content, facts in known.items() if facts.likeness)
    asked = hashlib.sha256(json.dumps([MEASURES, ALIKE, contents]).encode()).hexdigest()
    pairs = _kept(file, asked)
    if pairs is None:
        pairs = alike([known[content].likeness for content in contents])
        with contextlib.suppress(OSError):  # a full disk costs only the time to compare again
            write_text(file, json.dumps({"asked": asked, "pairs": pairs}))
    return _grouped(contents, pairs)


def _kept(file: Path, asked: str) -> list[Pair] | None:
    with contextlib.suppress(OSError, ValueError, TypeError, LookupError):
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["asked"] == asked:
            return [Pair(*pair) for pair in kept["pairs"]]
    return None


def _grouped(contents: Sequence[str], pairs: Iterable[Pair]) -> list[Copies]:
    groups, mirrored = Groups(len(contents)), set()
    for one, other, flipped in pairs:
        groups.join(one, other)
        mirrored |= {contents[one], contents[other]} if flipped else set()
    members = ([contents[number] for number in group] for group in groups.of_several())
    return [Copies(tuple(group), frozenset(mirrored.intersection(group))) for group in members]
