"""Read the tensors of a .ckpt file, and nothing else: a pickle can name any function to be called, and none is.

torch keeps such a file as a zip archive: a pickle that tells how containers and tensors are put together, and the
numbers of each storage beside it. Checkpoints of Stable Diffusion hold objects of the trainer besides (callbacks,
optimizers), so that torch's own safe reading refuses many of them. Here containers and numbers are read, tensors
become notes on where their numbers lie, and whatever else the pickle names becomes an inert object.
"""

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from loranb.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

_ITEM = {  # bytes of a number, by torch's name of a storage
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
}
DEEPEST = 8  # levels of containers that are looked through; real files have two


class _StorageType(NamedTuple):
    dtype: str
    bytes: int


class _Storage(NamedTuple):
    """Numbers in the archive."""

    type: _StorageType
    record: str
    count: int


class _Stored(NamedTuple):
    """A tensor, not yet read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _Fixed(type):
    """The type of classes that a pickle cannot change."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise TypeError(f"{cls.__name__} cannot be changed.")


class _Inert(metaclass=_Fixed):
    """Stands for any object that is neither a container, a number nor a tensor; whatever is done to it is nothing."""

    __slots__ = ()

    def __new__(cls, *_: Any, **__: Any) -> "_Inert":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any):
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        """Take an item of a list, and drop it."""

    def extend(self, _: Any) -> None:
        """Take items of a list, and drop them."""

    def add(self, _: Any) -> None:
        """Take an item of a set, and drop it."""


class _Rebuild(metaclass=_Fixed):
    """Stands for torch's function that puts a tensor together."""

    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> Any:
        numbers = all(isinstance(part, tuple) and all(isinstance(n, int) for n in part) for part in (shape, stride))
        if isinstance(storage, _Storage) and isinstance(offset, int) and numbers and len(shape) == len(stride):
            return _Stored(storage, offset, shape, stride)
        return _Inert()


class _Parameter(metaclass=_Fixed):
    """Stands for torch's function that makes a parameter of a tensor."""

    __slots__ = ()

    def __call__(self, data: Any, *_: Any) -> Any:
        return data


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Rebuild(),
    ("torch._utils", "_rebuild_parameter"): _Parameter(),
    **{("torch", name): _StorageType(*kind) for name, kind in _ITEM.items()},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _KNOWN.get((module, name), _Inert)

    def persistent_load(self, pid: Any) -> Any:
        if isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], _StorageType):
            return _Storage(pid[1], str(pid[2]), int(pid[4]))
        return _Inert()


def is_pickled(path: Path) -> bool:
    """Whether a file is one of torch's: a zip archive, or the bare pickle of versions before 1.6."""
    with path.open("rb") as file:
        start = file.read(9)
    if start[8:] == b"{":  # behind the length of a safetensors header, which may begin as a pickle does
        return False
    return start[:4] == b"PK\x03\x04" or start[:1] == b"\x80" or path.suffix.lower() in (".ckpt", ".pt", ".pth")


class PickledCheckpoint:
    """A .ckpt file; as `loranb.families._checkpoint.Checkpoint`.

    Raises:
        ModelError: it is none, is not whole, or holds no tensors.
    """

    def __init__(self, path: Path):
        self.path = path
        self.metadata: dict[str, str] = {}
        try:
            self._archive = zipfile.ZipFile(path)
            index = next(name for name in self._archive.namelist() if name.endswith("/data.pkl"))
            with self._archive.open(index) as file:
                held = _Unpickler(file).load()
        except (zipfile.BadZipFile, StopIteration) as error:
            raise ModelError(
                f"{path.name} is no .ckpt file that can be read: it was cut off, or was written by a version of torch "
                "before 1.6. Download it again, or get the .safetensors file of the same model."
            ) from error
        except Exception as error:  # whatever bytes there are, a pickle of them can fail in any way
            raise ModelError(
                f"{path.name} is damaged: what it holds cannot be read ({type(error).__name__}). Download it again, or "
                "get the .safetensors file of the same model."
            ) from error
        self._folder = index.removesuffix("data.pkl")
        self._stored = _state(held)
        self.shapes = {name: stored.shape for name, stored in self._stored.items()}
        if not self.shapes:
            raise ModelError(f"{path.name} holds no tensors, so it is no base model. Get another file.")

    def tensor(self, name: str) -> "Tensor":
        """Read one tensor, as it is in the file.

        Raises:
            ModelError: its numbers are not all there.
        """
        import torch

        kind, record, count = (stored := self._stored[name]).storage
        if 0 in stored.shape:
            return torch.empty(stored.shape, dtype=getattr(torch, kind.dtype))
        last = stored.offset + sum((n - 1) * step for n, step in zip(stored.shape, stored.stride, strict=True))
        try:
            numbers = bytearray(self._archive.read(f"{self._folder}data/{record}"))
        except (KeyError, zipfile.BadZipFile, OSError) as error:
            raise ModelError(f"{self.path.name} is damaged: {name} cannot be read. Download it again.") from error
        inside = stored.offset >= 0 and min(stored.stride, default=0) >= 0 and last < count
        if not inside or len(numbers) < count * kind.bytes or min(stored.shape, default=1) < 0:
            raise ModelError(f"{self.path.name} is damaged: {name} is not all there. Download it again.")
        flat = torch.frombuffer(numbers, dtype=getattr(torch, kind.dtype))
        return flat.as_strided(stored.shape, stored.stride, stored.offset)


def _state(held: Any, depth: int = 0) -> dict[str, _Stored]:
    """Find the model's tensors by name: where a ``state_dict`` lies within, only those of it."""
    if not isinstance(held, dict) or depth > DEEPEST:
        return {}
    if isinstance(held.get("state_dict"), dict):
        return _state(held["state_dict"], depth + 1)
    return {name: stored for name, stored in held.items() if isinstance(name, str) and isinstance(stored, _Stored)}
