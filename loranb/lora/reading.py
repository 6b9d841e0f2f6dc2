"""Read what a LoRA file holds, layer by layer, whatever its type and whoever wrote it."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from loranb.errors import LoraFileError
from loranb.families import BaseModel
from loranb.lora.deltas import Decomposed, Delta, LowRank, Product
from loranb.lora.file import load_lora
from loranb.lora.foreign import renamed, told_beside

_ALPHA, _MAGNITUDE = "alpha", "dora_scale"
_LOW_RANK = frozenset({"lora_down.weight", "lora_up.weight", "lora_mid.weight"})
_LOHA = frozenset({"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"})
_LOKR = frozenset({"lokr_w1", "lokr_w1_a", "lokr_w1_b", "lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2"})
_NEEDED = {
    "LoRA": (_LOW_RANK, [("lora_down.weight",), ("lora_up.weight",)]),
    "LoHa": (_LOHA, [("hada_w1_a",), ("hada_w1_b",), ("hada_w2_a",), ("hada_w2_b",)]),
    "LoKr": (_LOKR, [("lokr_w1", "lokr_w1_a"), ("lokr_w2", "lokr_w2_a")]),
}
_OTHERS = {
    "diff": "full weights",
    "diff_b": "full weights",
    "w_norm": "full weights of norms",
    "oft_blocks": "OFT",
    "oft_diag": "OFT",
    "on_input": "IA3",
    "a1.weight": "GLoRA",
}

Layers = dict[str, dict[str, Tensor]]  # by the layer's key, then by what follows it in the file


def read_layers(file: Path, model: BaseModel | None = None) -> Layers:
    """Read a file's tensors, sorted by layer; names that diffusers and peft write become kohya's.

    Args:
        file: a .safetensors file.
        model: what the file is for; without it, layers that are not named as kohya does keep names of their own.

    Raises:
        LoraFileError: it cannot be read, or is of a type that loranb cannot draw with.
    """
    tensors, told = load_lora(file)
    tensors = renamed(tensors, told | told_beside(file), model)
    layers: Layers = {}
    for name, tensor in tensors.items():
        key, _, rest = name.partition(".")
        layers.setdefault(key, {})[rest] = tensor
    if not layers:
        raise LoraFileError(f"{file.name} holds no tensors. Give a LoRA file.")
    for key, held in layers.items():
        _check(file, key, held)
    return layers


def read_deltas(file: Path, model: BaseModel | None = None) -> dict[str, Delta]:
    """Read what a file adds to each layer, by key, such as ``lora_unet_mid_block_attentions_0_proj_in``.

    Raises:
        LoraFileError: see `read_layers`.
    """
    return {key: delta_of(held) for key, held in read_layers(file, model).items()}


def delta_of(held: Mapping[str, Tensor]) -> Delta:
    """Turn one layer's tensors into what they add; a missing alpha, or nought, is the rank, as kohya reads it."""
    alpha = float(held.get(_ALPHA, 0.0))
    change: LowRank | Product
    if "lora_down.weight" in held:
        down = held["lora_down.weight"]
        change = LowRank(down, held["lora_up.weight"], alpha or len(down), held.get("lora_mid.weight"))
    else:
        products = {name: tensor for name, tensor in held.items() if name not in (_ALPHA, _MAGNITUDE)}
        ranked = next((t for name, t in products.items() if name.endswith("_b")), None)
        change = Product(products, alpha or (1.0 if ranked is None else float(len(ranked))))
    return Decomposed(change, held[_MAGNITUDE]) if _MAGNITUDE in held else change


def type_of(held: Mapping[str, Tensor]) -> str:
    """Name the type of one layer's LoRA as the settings do; empty for one that is not known."""
    if "lora_down.weight" in held:
        return "dora" if _MAGNITUDE in held else "lora"
    return "loha" if "hada_w1_a" in held else "lokr" if any(name in _LOKR for name in held) else ""


def _check(file: Path, key: str, held: Mapping[str, Tensor]) -> None:
    names = held.keys() - {_ALPHA, _MAGNITUDE}
    for kind, (known, needed) in _NEEDED.items():
        if names & known:
            lacking = [" or ".join(any_of) for any_of in needed if not names & set(any_of)]
            halves = [f"{name[:-1]}b" for name in sorted(names) if name.endswith("_a")]
            lacking += [half for half in halves if half not in {*names, *lacking}]
            if lacking:
                raise LoraFileError(f"{file.name} is damaged: its {kind} of {key} lacks {', '.join(lacking)}.")
            if strange := names - known:
                raise LoraFileError(f"{file.name}: {key} holds {sorted(strange)[0]} besides a {kind}; {_READABLE}")
            return
    first = sorted(names or held)[0]
    what = _OTHERS.get(first, "no type that is known")
    raise LoraFileError(f"{file.name} is not a LoRA that can be drawn with: {key} holds {first} ({what}). {_READABLE}")


_READABLE = "loranb reads LoRA, LoCon, DoRA, LoHa and LoKr, as kohya's trainer, LyCORIS, diffusers and peft write them."
