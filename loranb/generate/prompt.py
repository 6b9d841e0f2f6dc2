"""What a picture is drawn from: the prompt with its options, and the LoRAs it mentions.

Prompt lines are kohya's, as they stand in a file of sample prompts::

    photo, church, in the style of medieval city --w 768 --h 640 --s 35 --n anime, cartoon

and LoRAs are mentioned as in the web UIs: ``<lora:name:0.8>``.
"""

import math
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from loranb.errors import GenerationError
from loranb.generate import samplers


class _Number(NamedTuple):
    """A number that a prompt may set, and what it may be."""

    field: str
    kind: type
    least: float
    most: float

    @property
    def allowed(self) -> str:
        """Say what it may be."""
        what = "a whole number" if self.kind is int else "a number"
        return f"{what}, {self.least:g} to {self.most if self.kind is int else f'{self.most:g}'}"


_SIDE = (int, 64, 4096)  # kohya's least; the most is assumed
_NUMBERS = {
    "w": _Number("width", *_SIDE),
    "h": _Number("height", *_SIDE),
    "s": _Number("steps", int, 1, 1000),
    "d": _Number("seed", int, 0, 2**63 - 1),
    "l": _Number("cfg_scale", float, 0, 100),
}
_TEXTS = {"n": "negative", "ss": "sampler"}
_IGNORED = "g"  # guidance of other families of models
_MULTIPLE = 8  # the VAE's: one latent is 8 x 8 pixels
_OPTIONS_IN_WORDS = "--w width, --h height, --s steps, --d seed, --l CFG scale, --n negative prompt, --ss sampler"
_OPTION = re.compile(r"--(ss|[whsdlng])(?![a-z])[ \t]*[=:]?", re.IGNORECASE)
_STRANGE_OPTION = re.compile(r"(?<!\S)--([a-z]\w*)", re.IGNORECASE)


@dataclass(frozen=True)
class SamplePrompt:
    """All that one picture is drawn from; the same one draws the same picture."""

    prompt: str
    negative: str = ""
    width: int = 512
    height: int = 512
    steps: int = 30
    seed: int = 0
    cfg_scale: float = 7.5
    sampler: str | None = None  # as `samplers.resolve` takes it; None is the default

    def __post_init__(self) -> None:
        problems = [
            f"{number.field} = {value!r}; expected {number.allowed}."
            for number in _NUMBERS.values()
            if not _within(value := getattr(self, number.field), number)
        ]
        problems += [
            f"{side} = {value}; expected a multiple of {_MULTIPLE}."
            for side in ("width", "height")
            if isinstance(value := getattr(self, side), int) and value % _MULTIPLE
        ]
        if problems:
            raise GenerationError("\n".join(problems))
        samplers.resolve(self.sampler)

    def to_line(self) -> str:
        """Write it as a line that `parse_line` reads back."""
        parts = [self.prompt]
        parts += [f"--{flag} {getattr(self, number.field)}" for flag, number in _NUMBERS.items()]
        parts += [f"--{flag} {getattr(self, field)}" for flag, field in _TEXTS.items() if getattr(self, field)]
        return " ".join(parts)


def _within(value: Any, number: _Number) -> bool:
    fits = isinstance(value, int) if number.kind is int else isinstance(value, int | float)
    return fits and not isinstance(value, bool) and number.least <= value <= number.most


def parse_line(text: str, default_size: tuple[int, int] = (512, 512), default_seed: int | None = None) -> SamplePrompt:
    """Read one of kohya's sample prompt lines.

    Options may come in any order and need no space around them: ``--w 768--h 640`` is 768 x 640.
    Sizes are rounded down to a multiple of 8, and are at least 64, as in kohya's tools.

    Args:
        text: the line.
        default_size: width and height where the line has none.
        default_seed: the seed where the line has none or -1; None draws a fresh one.

    Raises:
        GenerationError: an option is unknown or has a value that cannot be used, or the line is a comment.
    """
    if is_comment(text):
        raise GenerationError(f"{text.strip()!r} is a comment (it starts with #), not a prompt.")
    found = list(_OPTION.finditer(text))
    ends = [*(match.start() for match in found), len(text)]
    values: dict[str, Any] = {"prompt": text[: ends[0]].strip()}
    for match, end in zip(found, ends[1:], strict=True):
        flag, value = match[1].lower(), text[match.end() : end].strip()
        if flag in _NUMBERS:
            values[_NUMBERS[flag].field] = _number(flag, value)
        elif flag != _IGNORED:
            values[_TEXTS[flag]] = value
    _refuse_strange_options(values)
    for side, default in zip(("width", "height"), default_size, strict=True):
        values[side] = max(64, values.get(side, default) // _MULTIPLE * _MULTIPLE)
    if values.get("seed", -1) == -1:
        values["seed"] = random.SystemRandom().randrange(2**32) if default_seed is None else default_seed
    return SamplePrompt(**values | {"sampler": values.get("sampler") or None})


def parse_lines(
    lines: Iterable[str], default_size: tuple[int, int] = (512, 512), default_seed: int | None = None
) -> list[SamplePrompt]:
    """Read the prompts among lines; blank lines and comments (``#``) are passed over.

    Raises:
        GenerationError: with every line that cannot be used, by its number.
    """
    prompts, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip() or is_comment(line):
            continue
        try:
            prompts.append(parse_line(line, default_size, default_seed))
        except GenerationError as error:
            problems.append(f"Line {number}: {error}")
    if problems:
        raise GenerationError("\n".join(problems))
    return prompts


def is_comment(line: str) -> bool:
    """Whether a line of a prompt file is a comment."""
    return line.lstrip().startswith("#")


def _number(flag: str, text: str) -> int | float:
    number = _NUMBERS[flag]
    try:
        value = number.kind(text)
    except ValueError:
        value = math.nan
    rounded_later = number.field in ("width", "height") and value >= 0
    fresh_seed = number.field == "seed" and value == -1
    if _within(value, number) or fresh_seed or (rounded_later and value <= number.most):
        return value
    raise GenerationError(f"--{flag} {text!r} ({number.field}); expected {number.allowed}.")


def _refuse_strange_options(values: dict[str, Any]) -> None:
    for text in (values["prompt"], values.get("negative", ""), values.get("sampler", "")):
        strange = _STRANGE_OPTION.search(text)
        if strange:
            raise GenerationError(f"--{strange[1]} is not an option of a prompt. There are {_OPTIONS_IN_WORDS}.")


@dataclass(frozen=True)
class LoraMention:
    """A LoRA that a prompt asks for by name."""

    name: str
    unet_weight: float = 1.0
    text_weight: float = 1.0


_MENTION = re.compile(r"<\s*lora\s*:([^<>]*)>", re.IGNORECASE)
_BROKEN_MENTION = re.compile(r"<\s*lora\b[^<>]{0,40}>?", re.IGNORECASE)
_MENTION_IN_WORDS = (
    "Write <lora:name>, <lora:name:weight>, or <lora:name:text encoder weight:U-Net weight>; "
    "1 is full strength, 0 is none."
)


def split_loras(prompt: str) -> tuple[str, tuple[LoraMention, ...]]:
    """Take the LoRAs out of a prompt.

    ``<lora:name>`` is full strength and ``<lora:name:0.8>`` is 0.8 for both parts. With two weights,
    ``<lora:name:0.8:0.5>``, the first is the text encoder's and the second the U-Net's: that is the
    order of the A1111 web UI and its successors (``extensions-builtin/Lora/extra_networks_lora.py``:
    ``te_multiplier`` is positional argument 1, ``unet_multiplier`` is 2). ComfyUI's nodes, which do
    not read this syntax, ask for the model first.

    Returns:
        The prompt without them (left as it is where there are none), and the LoRAs in order.

    Raises:
        GenerationError: one is badly formed.
    """
    mentions = tuple(_mention(match[0], match[1]) for match in _MENTION.finditer(prompt))
    clean = _MENTION.sub(" ", prompt)
    broken = _BROKEN_MENTION.search(clean)
    if broken:
        raise GenerationError(f"{broken[0]!r} in the prompt is not a LoRA. {_MENTION_IN_WORDS}")
    if mentions:
        clean = re.sub(r"\s+", " ", clean)
        clean = re.sub(r" ?,(?: ?,)+| ,", ",", clean).strip(" ,")
    return clean, mentions


def _mention(whole: str, inside: str) -> LoraMention:
    name, *weights = (part.strip() for part in inside.split(":"))
    try:
        numbers = [float(weight) for weight in weights]
    except ValueError:
        numbers = [math.nan]
    if not name or len(numbers) > 2 or not all(map(math.isfinite, numbers)):
        raise GenerationError(f"{whole!r} in the prompt cannot be read. {_MENTION_IN_WORDS}")
    text_weight, unet_weight = (numbers * 2)[:2] if numbers else (1.0, 1.0)
    return LoraMention(name, unet_weight, text_weight)
