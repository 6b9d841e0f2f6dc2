"""Numbers for each block of the U-Net, written and counted as kohya's trainer does.

SD 1.x and 2.x have 25 blocks: 12 on the way down, 1 in the middle, 12 on the way up. SDXL has 23: one
for its embeddings, 9 down, 3 in the middle, 9 up, one for what comes out; the first and the last hold
no layer that gets a LoRA. Nothing here needs torch.
"""

import math
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple


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
SHAPES = ("sine", "cosine", "linear", "reverse_linear", "zeros")
Way = Literal["down", "mid", "up"]

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
