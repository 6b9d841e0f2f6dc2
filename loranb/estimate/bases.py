"""What a base model is made of, from its configuration: read from its folder, or known for its family."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from loranb.base_models import is_on_hub, kept, pick
from loranb.errors import ModelError
from loranb.estimate.architecture import Block, Layer, text_layers, text_weights, unet_blocks
from loranb.families import AUTO, DEMO, locate
from loranb.families._geometry import config
from loranb.families._recognise import recognise

VAE_WEIGHTS = 83_653_863  # of all three families' autoencoder; a smaller one of a folder counts less, which is safe


@dataclass(frozen=True, eq=False)
class Base:
    """A base model's parts, as lists of layers; one object for each model, so that counts can be remembered by it."""

    family: str
    blocks: tuple[Block, ...]
    text: tuple[tuple[Layer, ...], ...]  # of each text encoder
    text_weights: tuple[int, ...]  # parameters of each text encoder
    text_widths: tuple[int, ...]
    heads: tuple[int, ...]  # of attention, by level

    @cached_property
    def weights(self) -> int:
        """Parameters of the U-Net."""
        return sum(block.weights for block in self.blocks) + 2 * self.blocks[0].channels  # and the last norm

    @cached_property
    def inner_weights(self) -> int:
        """Parameters of the U-Net's layers, without its first and last ones."""
        return sum(layer.weights for block in self.blocks if block.kind != "other" for layer in block.layers)


def base_of(source: str, family: str = AUTO) -> Base | None:
    """Return what a base model is made of; None where nobody knows: on the hub, and not fetched yet.

    Args:
        source: `model.base` of the settings.
        family: `model.family` of the settings; "auto" recognises it.
    """
    try:
        recognised, place = _family(source, family)
    except (ModelError, OSError):
        return None
    return _read(recognised, place) if recognised else None


@lru_cache(maxsize=8)
def known_base(family: str) -> Base:
    """Return what the published models of a family are made of."""
    return _made(family, *published(family))


def published(family: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the configurations of a family's published U-Net and text encoders, as a diffusers folder has them."""
    told = config(family)
    unet = told["unet"]
    depths = (
        unet["transformer_layers_per_block"] if family == "sdxl" else [*unet["transformer_layers_per_block"][:-1], 0]
    )
    unet |= {
        "transformer_layers_per_block": [max(1, depth) for depth in depths],
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
    }
    for second in told["text_encoders"][1:]:
        second["architectures"] = ["CLIPTextModelWithProjection"]
    return unet, told["text_encoders"]


def _family(source: str, family: str) -> tuple[str, Path | None]:
    """Say which family a base model is of, and where its configuration lies; asks the hub nothing."""
    on_hub = source != DEMO and is_on_hub(source)
    place = kept(source) if on_hub else Path(locate(source))
    if family != AUTO:
        return family, place
    if place is None:
        known = pick(source)
        return (known.family if known else ""), None
    return _recognised(place, (place / "model_index.json" if place.is_dir() else place).stat().st_mtime_ns), place


@lru_cache(maxsize=32)
def _recognised(place: Path, _changed: int) -> str:
    return recognise(str(place)).family


@lru_cache(maxsize=32)
def _read(family: str, place: Path | None) -> Base | None:
    if place is None or not place.is_dir():
        return known_base(family)
    folders = [place / name for name in ("text_encoder", "text_encoder_2")]
    unet = _config(place / "unet") or published(family)[0]
    text = tuple(config for folder in folders if (config := _config(folder))) or published(family)[1]
    try:
        return _made(family, unet, text)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):  # a U-Net of another build, such as SSD-1B's
        return None


def _config(folder: Path) -> dict[str, Any] | None:
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _made(family: str, unet: Mapping[str, Any], text: Sequence[Mapping[str, Any]]) -> Base:
    count, heads = len(unet["block_out_channels"]), unet.get("attention_head_dim", 8)
    return Base(
        family=family,
        blocks=tuple(unet_blocks(unet)),
        text=tuple(tuple(text_layers(config)) for config in text),
        text_weights=tuple(map(text_weights, text)),
        text_widths=tuple(config["hidden_size"] for config in text),
        heads=tuple(heads) if isinstance(heads, list | tuple) else (heads,) * count,
    )
