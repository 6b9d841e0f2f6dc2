"""What is unwise about how captions are treated."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from loranb.settings import CaptionSettings, Settings
from loranb.settings.advice.advice import Advice, Horizon


class _Syntax(NamedTuple):
    """Something that captions hold only where a setting is meant to be on."""

    pattern: re.Pattern[str]
    setting: str
    value: Any
    what: str


_SYNTAX = (
    _Syntax(re.compile(r"\|\|\|"), "keep_separator", "|||", "the mark ||| that ends the tags that stay in front"),
    _Syntax(re.compile(";;;"), "group_separator", ";;;", "the mark ;;; that joins tags"),
    _Syntax(re.compile(r"\{[^{}]*\|[^{}]*\}"), "wildcards", True, "wildcards such as {a|b}"),
    _Syntax(re.compile(r"\([^()]*:\s*\d*\.?\d+\s*\)"), "weighted", True, "weights such as (tag:1.2)"),
)


def about(settings: Settings) -> Iterator[Advice]:
    """Say what is unwise."""
    captions = settings.captions
    yield from _without_captions(captions)
    moves = captions.shuffle or captions.tag_dropout or captions.warmup
    if captions.keep_separator and not moves:
        yield Advice(
            f"captions.keep_separator = {captions.keep_separator!r} does nothing here: all tags stay where they are. "
            "Shuffle them, or leave it blank.",
            {"captions.shuffle": True},
        )
    if captions.tag_dropout == 1:
        yield Advice(
            "captions.tag_dropout = 1 leaves out every tag but those that stay in front. 0.1 to 0.3 is usual.",
            {"captions.tag_dropout": 0.1},
        )


def of_run(settings: Settings, plan: Horizon) -> Iterator[Advice]:
    """Say what captions hold that a setting would read, and that is learnt letter by letter without it."""
    for syntax in _SYNTAX:
        name = f"captions.{syntax.setting}"
        count = sum(bool(syntax.pattern.search(caption)) for caption in plan.captions)
        if count and not getattr(settings.captions, syntax.setting):
            holds = "1 caption holds" if count == 1 else f"{count} captions hold"
            yield Advice(
                f"{holds} {syntax.what}, which is learnt letter by letter unless {name} is set.", {name: syntax.value}
            )


def _without_captions(captions: CaptionSettings) -> Iterator[Advice]:
    if captions.dropout == 1 or captions.dropout_every_epochs == 1:
        name = "dropout" if captions.dropout == 1 else "dropout_every_epochs"
        yield Advice(
            f"captions.{name} = 1 shows no caption at all: the LoRA colours every picture, and no word calls it up. "
            "Most trainings show captions.",
            {f"captions.{name}": 0},
        )
    elif captions.dropout > 0.3:  # assumed; guides use 0.05 to 0.1
        yield Advice(
            f"captions.dropout = {captions.dropout:g} hides captions often, and the trigger word becomes weak; 0.05 "
            "to 0.1 is usual.",
            {"captions.dropout": 0.1},
        )
