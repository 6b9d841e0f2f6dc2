"""Numbers for each block of the U-Net, written and counted as kohya's trainer does.

SD 1.x and 2.x have 25 blocks: 12 on the way down, 1 in the middle, 12 on the way up. SDXL has 23: one
for its embeddings, 9 down, 3 in the middle, 9 up, one for what comes out; the first and the last hold
no layer that gets a LoRA. Nothing here needs torch.
"""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple


class Blocks(NamedTuple):
    """How many blocks a U-Net has, for the purpose of such lists."""

    side: int  # on the way down, and as many on the way up
    middle: int
    ends: int  # before the first and after the last

    @property
    def total(self) -> int:
        """How many numbers a list for all of them has."""
        return 2 * (self.side + self.ends) + self.middle


SD, SDXL = Blocks(12, 1, 0), Blocks(9, 3, 1)
MOST = 1024  # the highest rank
LISTS = ("block_ranks", "block_alphas", "conv_block_ranks", "conv_block_alphas")  # of LoraSettings
SHAPES = ("sine", "cosine", "linear", "reverse_linear", "zeros")

_SD_BLOCK = re.compile(r"lora_unet_(down|up)_blocks_(\d+)_(resnets|attentions|downsamplers|upsamplers)_(\d+)_")
_SDXL_BLOCK = re.compile(r"lora_unet_(input_blocks|middle_block|output_blocks)_(\d+)_")
_SDXL_FIRST = {"input_blocks": 1, "middle_block": 10, "output_blocks": 13}


def block_of(key: str) -> tuple[Blocks, int] | None:
    """Say which block a layer of a LoRA file is in, from 0; None for layers that are in none."""
    if found := _SDXL_BLOCK.match(key):
        return SDXL, _SDXL_FIRST[found[1]] + int(found[2])
    if key.startswith("lora_unet_mid_block_"):
        return SD, SD.side
    if found := _SD_BLOCK.match(key):
        way, level, what, place = found[1], int(found[2]), found[3], int(found[4])
        within = 3 * level + (place if what in ("resnets", "attentions") else 2)
        return SD, within + (1 if way == "down" else SD.side + 1)  # nothing with a LoRA is in the first
    return None


def numbers(text: str) -> list[float]:
    """Read numbers with commas between them; an empty one is 0.

    Raises:
        ValueError: one of them is no number.
    """
    read = [float(part) if part.strip() else 0.0 for part in text.split(",")]
    if not all(math.isfinite(number) for number in read):
        raise ValueError(f"{text!r} holds what is no number")
    return read


def rates(text: str, length: int) -> list[float]:
    """Read the rates of one way through the U-Net: a list, or the name of a shape with what is added to it.

    ``sine`` rises, ``cosine`` falls, ``linear`` and ``reverse_linear`` do so evenly, ``zeros+0.5`` is 0.5
    all along. A list that is too short goes on with 1; what is too much is left out.

    Raises:
        ValueError: it is neither.
    """
    name, _, added = text.strip().partition("+")
    if name not in SHAPES:
        return (numbers(text) + [1.0] * length)[:length]
    base = float(added) if added else 0.0
    places = [place / max(1, length - 1) for place in range(length)]
    shapes = {
        "sine": [math.sin(math.pi / 2 * x) for x in places],
        "cosine": [math.sin(math.pi / 2 * x) for x in reversed(places)],
        "linear": places,
        "reverse_linear": places[::-1],
        "zeros": [0.0] * length,
    }
    return [value + base for value in shapes[name]]


def complaint(text: str, whole: bool) -> str:
    """Say why a list of numbers for all blocks cannot be used; empty if it can.

    Args:
        text: the list.
        whole: whether it holds ranks.
    """
    try:
        listed = numbers(text) if text else []
    except ValueError:
        listed = [-1.0]
    if any(number < 0 or (whole and (number != int(number) or number > MOST)) for number in listed):
        kind = f"whole numbers from 0 to {MOST}" if whole else "numbers from 0 on"
        return f"{text!r} cannot be read; expected {kind} with commas between them."
    if listed and len(listed) not in (SD.total, SDXL.total):
        return (
            f"there are {len(listed)} numbers; expected {SD.total} for SD 1.x and 2.x, or {SDXL.total} for SDXL, one "
            "for each block."
        )
    return ""


def complaint_of_rates(text: str, middle: bool) -> str:
    """Say why the rates of one way through the U-Net cannot be used; empty if they can."""
    try:
        usable = all(rate >= 0 for rate in rates(text, SDXL.middle if middle else SD.side)) if text else True
    except ValueError:
        usable = False
    shapes = "" if middle else f", or one of {', '.join(SHAPES)} with what is added to it, as in sine+0.25"
    return "" if usable else f"{text!r} cannot be read; expected numbers from 0 on with commas between them{shapes}."


def all_rates(written: Sequence[str | None], blocks: Blocks, threshold: float = 0.0) -> list[float] | None:
    """Return the share of the learning rate of every block, or None where all learn alike.

    Args:
        written: for the ways down, middle and up, as `rates` reads them; None is 1 all along.
        blocks: of the U-Net.
        threshold: what is not above it is 0.
    """
    if not any(written):
        return None
    lengths = (blocks.side, blocks.middle, blocks.side)
    shares = [
        share if share > threshold else 0.0
        for text, length in zip(written, lengths, strict=True)
        for share in (rates(text, length) if text else [1.0] * length)
    ]
    ends = [1.0] * blocks.ends
    return ends + shares + ends


def written(lora: Any) -> dict[str, str]:
    """Return a LoRA's lists for all blocks by name; not alphas that are the ranks again, as blanks are filled.

    Args:
        lora: LoraSettings.
    """
    lists = {name: text for name in LISTS if (text := getattr(lora, name))}
    return {
        name: text
        for name, text in lists.items()
        if lists.get(name.replace("alphas", "ranks")) != text or "alphas" not in name
    }


def miscounted(lora: Any, there: Blocks) -> list[str]:
    """Say which of a LoRA's lists for all blocks have not as many numbers as a U-Net has blocks.

    Args:
        lora: LoraSettings, its lists readable.
        there: the U-Net's.
    """
    listed = {name: numbers(text) for name, text in written(lora).items()}
    return [
        f"lora.{name} holds {len(found)} numbers, and this base model has {there.total} blocks. Give as many."
        for name, found in listed.items()
        if len(found) != there.total
    ]
