"""LoRA files on a loaded base model: several at once, each at its own weight, switched without reloading.

The files are put on with peft under loranb's own names for the layers. diffusers' loader is not used:
0.42 drops the alpha of attention layers where alphas differ, and with transformers 5 it fails on files
that hold only some of a text encoder's layers.
"""

import warnings
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from peft import LoraConfig
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from loranb.errors import LoraFileError
from loranb.families import BaseModel
from loranb.lora.file import load_lora
from loranb.lora.targets import text_key, text_targets

KEPT = 8  # files that stay loaded; about 40 MB each at rank 32 for SD 1.x in half precision
_DOWN, _UP, _ALPHA = "lora_down.weight", "lora_up.weight", "alpha"


@dataclass(frozen=True)
class Delta:
    """What a LoRA adds to one layer: ``up(down(x)) * alpha / rank``."""

    down: Tensor  # (rank, in) or (rank, in, k, k)
    up: Tensor  # (out, rank) or (out, rank, 1, 1)
    alpha: float

    @property
    def rank(self) -> int:
        """Size of the inner layer."""
        return len(self.down)

    def fits(self, layer: nn.Linear | nn.Conv2d) -> bool:
        """Whether it has the shape of a LoRA on `layer`."""
        out, across = layer.weight.shape[0], layer.weight[0].numel()
        return self.down[0].numel() == across and self.up.shape[0] == out and self.up[0].numel() == self.rank


def read_deltas(file: Path) -> dict[str, Delta]:
    """Read a kohya file's layers by key, such as ``lora_unet_mid_block_attentions_0_proj_in``.

    Raises:
        LoraFileError: it cannot be read, or is no plain LoRA.
    """
    tensors, _ = load_lora(file)
    strange = [name for name in tensors if name.partition(".")[2] not in (_DOWN, _UP, _ALPHA)]
    keys = dict.fromkeys(name.partition(".")[0] for name in tensors)
    halved = [key for key in keys if f"{key}.{_DOWN}" not in tensors or f"{key}.{_UP}" not in tensors]
    if strange or halved or not keys:
        what = strange[0] if strange else f"{halved[0]} without both its halves" if halved else "no tensors"
        raise LoraFileError(
            f"{file.name} is not a LoRA that can be drawn with: it holds {what}. Give a LoRA in kohya's format, with "
            "lora_down, lora_up and alpha for each layer; LyCORIS and DoRA files cannot be read yet."
        )
    return {key: _delta(tensors, key) for key in keys}


def _delta(tensors: Mapping[str, Tensor], key: str) -> Delta:
    down = tensors[f"{key}.{_DOWN}"]
    alpha = float(tensors.get(f"{key}.{_ALPHA}", 0.0))
    return Delta(down, tensors[f"{key}.{_UP}"], alpha or len(down))  # as kohya reads a missing alpha, or nought


class LoraRack:
    """The LoRA files loaded onto one base model, and which of them are in use.

    Args:
        model: a base model without a LoRA.
    """

    def __init__(self, model: BaseModel):
        self._model = model
        self._unet_paths = {
            model.family.unet_key(path): path
            for path, layer in model.unet.named_modules()
            if isinstance(layer, nn.Linear | nn.Conv2d)
        }
        self._text_paths = {
            prefix: {text_key(prefix, path): path for path in text_targets(encoder)}
            for prefix, encoder in model.text_encoders.items()
        }
        self._names = (f"file_{number}" for number in count())  # peft's names; a path would not do as one
        self._loaded: OrderedDict[tuple[Path, int, int], str] = OrderedDict()

    def use(self, weights: Mapping[Path, tuple[float, float]]) -> None:
        """Put these LoRA files to work, and no other.

        Args:
            weights: for each file the weight of its U-Net part and of its text encoder part.

        Raises:
            LoraFileError: a file cannot be read, or was made for another base model.
        """
        asked = {self._load(file): pair for file, pair in weights.items() if any(pair)}
        _activate(self._model.unet, {name: unet for name, (unet, _) in asked.items()})
        for encoder in self._model.text_encoders.values():
            _activate(encoder, {name: text for name, (_, text) in asked.items()})
        while len(self._loaded) > max(KEPT, len(asked)):
            self._unload(self._loaded.popitem(last=False)[1])

    def _load(self, file: Path) -> str:
        try:
            written = file.stat()
        except OSError as error:
            raise LoraFileError(f"{file} cannot be read as a LoRA: {error.strerror}.") from error
        # a file that was trained again is another
        entry = (file.resolve(), written.st_mtime_ns, written.st_size)
        if entry not in self._loaded:
            name = next(self._names)
            for part, deltas in self._sorted_out(file):
                _put_on(part, name, deltas)
            self._loaded[entry] = name
        self._loaded.move_to_end(entry)
        return self._loaded[entry]

    def _sorted_out(self, file: Path) -> list[tuple[nn.Module, dict[str, Delta]]]:
        """Sort a file's layers by the part of the model that they are for; nothing is changed yet."""
        deltas = read_deltas(file)
        known = [(self._model.unet, self._unet_paths)]
        known += [(self._model.text_encoders[prefix], paths) for prefix, paths in self._text_paths.items()]
        sorted_out = [(part, {paths[key]: deltas[key] for key in deltas if key in paths}) for part, paths in known]
        fitting = sum(delta.fits(_base(part, path)) for part, found in sorted_out for path, delta in found.items())
        if fitting < len(deltas):
            raise LoraFileError(
                f"{file.name} was made for another base model than {self._model.name}: {len(deltas) - fitting} of its "
                f"{len(deltas)} layers have no place in it. Open the base model that it was trained on, or a relative."
            )
        return [(part, found) for part, found in sorted_out if found]

    def _unload(self, name: str) -> None:
        for part in (self._model.unet, *self._model.text_encoders.values()):
            for layer in _lora_layers(part):
                if name in layer.lora_A:
                    layer.delete_adapter(name)
            getattr(part, "peft_config", {}).pop(name, None)


def _put_on(part: nn.Module, name: str, deltas: Mapping[str, Delta]) -> None:
    """Add one file's layers to a part of the model, as a peft adapter that `_activate` can switch."""
    ranks = {path: delta.rank for path, delta in deltas.items()}
    common = Counter(ranks.values()).most_common(1)[0][0]
    others = {path: rank for path, rank in ranks.items() if rank != common}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several adapters are meant
        part.add_adapter(LoraConfig(r=common, rank_pattern=others, target_modules=list(deltas)), name)
    for path, delta in deltas.items():
        layer = part.get_submodule(path)
        layer.lora_alpha[name] = delta.alpha
        like = layer.get_base_layer().weight
        for half, tensor in ((layer.lora_A[name].weight, delta.down), (layer.lora_B[name].weight, delta.up)):
            half.requires_grad_(False)
            half.data = tensor.reshape(half.shape).to(like.device, like.dtype)


def _activate(part: nn.Module, weights: Mapping[str, float]) -> None:
    for layer in _lora_layers(part):
        here = {name: weight for name, weight in weights.items() if weight and name in layer.lora_A}
        layer.set_adapter(list(here))  # with none, a layer is exactly what it was without a LoRA
        for name, weight in here.items():
            layer.set_scale(name, weight)


def _lora_layers(part: nn.Module) -> Iterator[LoraLayer]:
    return (layer for layer in part.modules() if isinstance(layer, LoraLayer))


def _base(part: nn.Module, path: str) -> nn.Module:
    layer = part.get_submodule(path)
    return layer.get_base_layer() if isinstance(layer, LoraLayer) else layer


def find_loras(folders: Sequence[Path]) -> dict[str, Path]:
    """List the LoRA files by the name that a prompt gives them: the file's, without its ending.

    Where two folders hold the same name, the first counts.
    """
    files = (file for folder in reversed(folders) for file in sorted(Path(folder).glob("*.safetensors")))
    return {file.stem: file for file in files}
