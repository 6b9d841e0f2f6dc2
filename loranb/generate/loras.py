"""LoRA files on a loaded base model: several at once, each at its own weight, switched without reloading.

What a file adds to a layer is added to the layer's output, so that types mix and nothing of the base is
changed. Neither diffusers' loader nor peft is used: diffusers 0.42 drops the alpha of attention layers
where alphas differ, reads no LoHa and leaves the lengths of a DoRA out without a word, and peft cannot have a
LoRA and a LoHa on one layer under names of their own.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from loranb.errors import LoraFileError
from loranb.families import BaseModel, family
from loranb.lora.deltas import Delta
from loranb.lora.origin import family_of
from loranb.lora.reading import read_deltas
from loranb.lora.targets import text_key, text_targets

KEPT = 8  # files that stay loaded; about 40 MB each at rank 32 for SD 1.x in half precision


class LoraRack:
    """The LoRA files loaded onto one base model, and which of them are in use.

    Args:
        model: a base model without a LoRA.
    """

    def __init__(self, model: BaseModel):
        self._model = model
        self._unet = {
            model.family.unet_key(path): layer
            for path, layer in model.unet.named_modules()
            if isinstance(layer, nn.Linear | nn.Conv2d)
        }
        self._text = {
            text_key(prefix, path): encoder.get_submodule(path)
            for prefix, encoder in model.text_encoders.items()
            for path in text_targets(encoder)
        }
        self._loaded: OrderedDict[tuple[Path, int, int], dict[str, Delta]] = OrderedDict()
        self._hooks: list[RemovableHandle] = []

    def use(self, weights: Mapping[Path, tuple[float, float]]) -> None:
        """Put these LoRA files to work, and no other.

        Args:
            weights: for each file the weight of its U-Net part and of its text encoder part.

        Raises:
            LoraFileError: a file cannot be read, or was made for another base model.
        """
        asked = [(self._load(file), pair) for file, pair in weights.items() if any(pair)]
        at_work: dict[Any, list[tuple[Delta, float]]] = defaultdict(list)
        for deltas, (unet, text) in asked:
            for key, delta in deltas.items():
                weight = unet if key in self._unet else text
                if weight:
                    at_work[self._layer(key)].append((delta, weight))
        for hook in self._hooks:
            hook.remove()  # with none, a layer is exactly what it was without a LoRA
        self._hooks = [layer.register_forward_hook(_adding(here)) for layer, here in at_work.items()]
        while len(self._loaded) > max(KEPT, len(asked)):
            self._loaded.popitem(last=False)

    def _load(self, file: Path) -> dict[str, Delta]:
        try:
            written = file.stat()
        except OSError as error:
            raise LoraFileError(f"{file} cannot be read as a LoRA: {error.strerror}.") from error
        # a file that was trained again is another
        entry = (file.resolve(), written.st_mtime_ns, written.st_size)
        if entry not in self._loaded:
            self._loaded[entry] = self._fitted(file)
        self._loaded.move_to_end(entry)
        return self._loaded[entry]

    def _fitted(self, file: Path) -> dict[str, Delta]:
        """Read a file and bring it to the layers that it is for."""
        deltas = read_deltas(file, self._model)
        fitting = [key for key, delta in deltas.items() if _fits(delta, self._layer(key))]
        if len(fitting) < len(deltas):
            raise LoraFileError(
                f"{file.name} was made for {self._other(file)} than {self._model.name}: "
                f"{len(deltas) - len(fitting)} of its {len(deltas)} layers have no place in it. Open the base model "
                "that it was trained on, or a relative."
            )
        return {key: deltas[key].on(self._layer(key)) for key in fitting}

    def _other(self, file: Path) -> str:
        """Say for what a file was made that does not fit."""
        known = family_of(file)
        if known and family(known).title != self._model.family.title:
            return f"{family(known).title}, another family"
        return "another base model"

    def _layer(self, key: str) -> Any:
        return self._unet.get(key, self._text.get(key))


def _fits(delta: Delta, layer: Any) -> bool:
    if layer is None:
        return False
    try:
        return delta.shape == (layer.weight.shape[0], layer.weight[0].numel())
    except RuntimeError:  # its own tensors do not fit each other
        return False


def _adding(deltas: Sequence[tuple[Delta, float]]) -> Callable[[Any, tuple[Tensor, ...], Tensor], Tensor]:
    """Make what adds several files' changes to a layer's output."""

    def add(layer: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        total = output
        for delta, weight in deltas:
            total = total + delta.added(inputs[0], output, layer) * weight
        return total

    return add


def find_loras(folders: Sequence[Path]) -> dict[str, Path]:
    """List the LoRA files by the name that a prompt gives them: the file's, without its ending.

    Where two folders hold the same name, the first counts.
    """
    files = (file for folder in reversed(folders) for file in sorted(Path(folder).glob("*.safetensors")))
    return {file.stem: file for file in files}
