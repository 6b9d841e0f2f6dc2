"""Begin with the weights of an earlier LoRA instead of with nothing."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from loranb.errors import LoraFileError, SettingsError
from loranb.families import BaseModel
from loranb.lora._peft import MAGNITUDE
from loranb.lora.file import shapes
from loranb.lora.reading import Layers, read_layers, type_of
from loranb.lora.sizes import Size, commonest
from loranb.settings import LoraSettings

if TYPE_CHECKING:
    from loranb.lora.adapter import AdaptedLayer

# The tensor that takes up another scale; every type has one of them.
_SCALED = ("lora_up.weight", "hada_w1_a", "lokr_w1", "lokr_w1_a")
_INNER = ("lora_down.weight", "hada_w1_b", "lokr_w2_b", "lokr_w1_b")  # as long as the rank
_OLDER = ("lora.down", "lora_linear_layer.down", "processor.to_")  # of diffusers
_TYPES = dict.fromkeys(("lora_down", "lora_A", *_OLDER), "lora") | {
    "hada_w1_a": "loha",
    "lokr_w1": "lokr",
    "lokr_w1_a": "lokr",
}
_DORA = (MAGNITUDE, "lora_magnitude_vector")


def check_start(lora: LoraSettings) -> None:
    """See whether the settings fit the LoRA that they begin with, before a base model is loaded.

    Raises:
        SettingsError: they do not, or the file cannot be read.
    """
    if lora.start_from is None:
        return
    try:
        held = shapes(Path(lora.start_from).expanduser())
    except LoraFileError as error:
        raise SettingsError([f"lora.start_from: {error}"]) from error
    kinds = {kind for name in held for word, kind in _TYPES.items() if f".{word}" in name}
    if kinds == {"lora"} and any(word in name for name in held for word in _DORA):
        kinds = {"dora"}
    if kinds != {lora.type}:
        found = " and ".join(sorted(kinds)) or "no LoRA that loranb can read"
        raise SettingsError([f"lora.type = {lora.type!r}, and {lora.start_from} holds {found}. Choose the same type."])
    uniform = not (lora.rank_from_start or lora.block_ranks)
    ranks = {shape[0] for name, shape in held.items() if "lora_down" in name and shape[2:] in ((), (1, 1))}
    if uniform and ranks and ranks != {lora.rank}:
        raise SettingsError([_other_rank(lora.rank, lora.start_from, sorted(ranks))])


def common_size(file: Path) -> Size | None:
    """Return the size that most of a file's layers have; None where it cannot be told, or there is no file."""
    try:
        layers = read_layers(file)
    except LoraFileError:
        return None
    return commonest({key: _size(held) for key, held in layers.items()})


def read_start(lora: LoraSettings, model: BaseModel) -> Layers | None:
    """Read the LoRA to begin with; None where there is none.

    Raises:
        LoraFileError: it cannot be read.
        SettingsError: it is of another type.
    """
    if lora.start_from is None:
        return None
    check_start(lora)
    layers = read_layers(Path(lora.start_from).expanduser(), model)
    for key, held in layers.items():
        for name, tensor in held.items():
            if not torch.isfinite(tensor).all():
                raise LoraFileError(
                    f"{lora.start_from} cannot be gone on from: {key}.{name} holds what is no number. It has burnt "
                    "out; take the file of an earlier epoch."
                )
    return layers


def sizes_in(layers: Layers, keys: Mapping[str, str]) -> dict[str, Size]:
    """Return the sizes that a file's layers have, by path; a layer that is not in it is left out."""
    return {path: _size(layers[key]) for path, key in keys.items() if key in layers}


def _size(held: Mapping[str, Tensor]) -> Size:
    inner = next((held[name] for name in _INNER if name in held), None)
    rank = max(held["lokr_w2"].shape) if inner is None else len(inner)  # whole matrices: a rank at which they are whole
    return Size(rank, float(held.get("alpha", 0.0)) or float(rank))


@torch.no_grad()
def begin(adapted: Iterable["AdaptedLayer"], layers: Layers, lora: LoraSettings) -> tuple[str, ...]:
    """Put a file's weights into fresh layers, so that they do what the file does whatever their alpha.

    Args:
        adapted: the fresh layers; those that are not in the file stay as they are.
        layers: the file's.
        lora: the settings.

    Returns:
        What is to be said of it: layers of the file that are not trained, and so are not in what is made of it.

    Raises:
        LoraFileError: it was made for another base model.
        SettingsError: its rank is another.
    """
    fresh = {layer.key: layer for layer in adapted}
    for key in fresh.keys() & layers.keys():
        _fill(fresh[key], layers[key], lora)
    if not fresh.keys() & layers.keys():
        raise LoraFileError(
            f"{lora.start_from} holds none of the layers that are trained: it was made for another base model, or for "
            "other parts of it."
        )
    left = layers.keys() - fresh.keys()
    if not left:
        return ()
    return (
        f"{len(left)} of {len(layers)} layers of {lora.start_from} are not trained with these settings, and will not "
        f"be in the new LoRA; the first is {min(left)}.",
    )


def _fill(layer: "AdaptedLayer", held: Mapping[str, Tensor], lora: LoraSettings) -> None:
    size = _size(held)
    for name, weight in layer.weights.items():
        if name not in held or held[name].numel() != weight.numel():
            if type_of(held) in ("lora", "dora") and size.rank != len(layer.weights["lora_down.weight"]):
                here = len(layer.weights["lora_down.weight"])
                raise SettingsError([_other_rank(here, str(lora.start_from), [size.rank])])
            raise LoraFileError(
                f"{lora.start_from} does not fit: {layer.key}.{name} is to have the shape {tuple(weight.shape)}. It "
                "was made for another base model, or with another rank or factor; lora.rank_from_start takes over the "
                "rank."
            )
        weight.copy_(held[name].reshape(weight.shape))
    whole = "lokr_w1" in held and "lokr_w2" in held  # not scaled at all
    for name in _SCALED if not whole else ():
        if name in layer.weights:
            layer.weights[name].mul_(size.alpha / layer.alpha)
            break


def _other_rank(here: int, file: Any, ranks: list[int]) -> str:
    told = ", ".join(str(rank) for rank in ranks[:5])
    return f"lora.rank = {here}, and {file} has {told}. Switch lora.rank_from_start on, or give the same rank."
