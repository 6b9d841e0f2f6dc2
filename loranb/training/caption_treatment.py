"""What is done to a caption each time its picture is shown.

The order and the meaning of each step are those of kohya's trainer, but for two things: a mark that ends the
kept tags is never shown, and a comma within brackets separates nothing, so that ``(red, blue:1.2)`` stays whole.
"""

import functools
import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from loranb.dataset import tag_text
from loranb.dataset.training_set import Wording
from loranb.plan import whole_steps
from loranb.settings import CaptionSettings

_WILDCARD = re.compile(r"\{\{|\}\}|\{([^{}]+)\}")
Parts = tuple[
    Sequence[str], Sequence[str], Sequence[str]
]  # tags that stay in front, those that do not stay, those at the end


class When(NamedTuple):
    """When in a run a caption is shown: its epoch from 1, steps taken before, steps of the whole run."""

    epoch: int = 1
    step: int = 0
    steps: int = 1


BEGINNING = When()


def treated(wording: Wording, options: CaptionSettings, random: Random, when: When = BEGINNING) -> str:
    """Return a caption as it is shown this time; the same random state gives the same words.

    Args:
        wording: the caption as it is written.
        options: what is done to it.
        random: what is drawn from.
        when: in the run.
    """
    if random.random() < options.dropout or _without_captions(options, when.epoch):
        return ""
    text = random.choice(wording.lines) if options.wildcards and wording.lines else wording.caption
    text = " ".join(part for part in (options.prefix, text, options.suffix) if part)
    if options.wildcards:
        text = _chosen(text, random)
    marked = bool(options.keep_separator) and options.keep_separator in text
    if marked or options.shuffle or options.tag_dropout or options.warmup:
        front, flexible, end = _parts(text, options)
        text = ", ".join([*front, *_shown(flexible, options, random, when), *end])
    if options.group_separator:
        text = re.sub(rf"\s*{re.escape(options.group_separator)}\s*", ", ", text)
    return text


def settled(wording: Wording, options: CaptionSettings) -> str:
    """Return a caption as it is shown when nothing is left to chance: with its prefix and suffix, in its order."""
    calm = {"dropout": 0.0, "dropout_every_epochs": 0, "shuffle": False, "tag_dropout": 0.0, "warmup": 0}
    return treated(wording, options.model_copy(update=calm), Random(0))


def varies(options: CaptionSettings) -> bool:
    """Whether a caption is shown in more ways than as it is and not at all."""
    return bool(options.shuffle or options.tag_dropout or options.warmup or options.wildcards)


def _without_captions(options: CaptionSettings, epoch: int) -> bool:
    return bool(options.dropout_every_epochs) and epoch % options.dropout_every_epochs == 0


def _chosen(text: str, random: Random) -> str:
    """Choose one of each ``{a|b}``; doubled brackets become single ones."""
    return _WILDCARD.sub(lambda found: random.choice(found[1].split("|")) if found[1] else found[0][0], text)


def _parts(text: str, options: CaptionSettings) -> Parts:
    """Split a caption into the tags that keep their place and those that do not."""
    if options.keep_separator and options.keep_separator in text:
        front, flexible, *end = (_tags(part, options.separator) for part in text.split(options.keep_separator))
        return front, flexible, [tag for part in end for tag in part]
    found = _tags(text, options.separator)
    return found[: options.keep], found[options.keep :], ()


@functools.lru_cache(maxsize=2**14)  # captions are shown again and again
def _tags(text: str, separator: str) -> tuple[str, ...]:
    """Split at a separator; blank: at commas that are not within brackets."""
    if separator not in ("", ","):
        return tuple(tag for part in text.split(separator) if (tag := part.strip()))
    found, held = [], ""
    for tag in tag_text.split(text):  # which knows the usual marks as separators too
        held += tag_text.join([tag])
        if tag.separator in ("", ","):
            found.append(held.removesuffix(",").strip())
            held = ""
    return tuple(tag for tag in [*found, held.strip()] if tag)


def _shown(tags: Sequence[str], options: CaptionSettings, random: Random, when: When) -> Sequence[str]:
    """Of the tags that do not stay, return those that are shown, in the order that they are shown in."""
    warmup = whole_steps(options.warmup, when.steps)
    if when.step < warmup:
        tags = tags[: int(when.step * (len(tags) - options.warmup_min) / warmup) + options.warmup_min]
    if options.shuffle:
        tags = random.sample(tags, len(tags))
    return [tag for tag in tags if random.random() >= options.tag_dropout] if options.tag_dropout else tags
