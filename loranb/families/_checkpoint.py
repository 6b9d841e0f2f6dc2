"""Single-file checkpoints: what tensors there are, and each of them when it is asked for.

Names, shapes and metadata are read without torch; a tensor is read alone, so that no second copy of a model is made.
"""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from loranb.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
LARGEST_HEADER = 100 * 2**20  # bytes; the safetensors library refuses larger ones
AGAIN = "Download it again, and compare its size with what the page says."


class Header(NamedTuple):
    """What a checkpoint says of itself."""

    shapes: Shapes
    metadata: dict[str, str]


class Checkpoint:
    """A .safetensors file.

    Raises:
        ModelError: it is none, or is not whole.
    """

    def __init__(self, path: Path):
        self.path = path
        self.shapes, self.metadata = _safetensors_header(path)
        self._file: Any = None

    def tensor(self, name: str) -> "Tensor":
        """Read one tensor, as it is in the file."""
        if self._file is None:
            from safetensors import safe_open

            self._file = safe_open(self.path, "pt")
        return self._file.get_tensor(name)


def open_checkpoint(path: Path) -> Any:
    """Open a single-file checkpoint by what it is, whatever its name ends in; a `Checkpoint`, or one like it.

    Raises:
        ModelError: it is not one, or is not whole.
    """
    from loranb.families._ckpt import PickledCheckpoint, is_pickled

    try:
        return PickledCheckpoint(path) if is_pickled(path) else Checkpoint(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error


def _safetensors_header(path: Path) -> Header:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= LARGEST_HEADER:
            raise ModelError(
                f"{path.name} is no safetensors file: it does not begin as one. A web page that was saved under this "
                f"name looks so. {AGAIN}"
            )
        if 8 + length > size:
            raise ModelError(f"{path.name} was cut off: it ends after {size:,} bytes, within its header. {AGAIN}")
        told = _json(path, file.read(length))
    metadata = told.pop("__metadata__", {})
    ends = [entry["data_offsets"][1] for entry in told.values()]
    if (whole := 8 + length + max(ends, default=0)) > size:
        raise ModelError(f"{path.name} was cut off: it has {size:,} bytes of {whole:,}. {AGAIN}")
    return Header({name: tuple(entry["shape"]) for name, entry in told.items()}, metadata)


def _json(path: Path, header: bytes) -> dict[str, Any]:
    """Read a header: for each tensor its shape and where it lies, and the metadata."""
    with contextlib.suppress(ValueError):
        told = json.loads(header)
        if isinstance(told, dict) and all(_entry(told[name]) for name in told.keys() - {"__metadata__"}):
            return told
    raise ModelError(f"{path.name} is no safetensors file: its header cannot be read. {AGAIN}")


def _entry(entry: Any) -> bool:
    return isinstance(entry, dict) and {"shape", "data_offsets"} <= entry.keys()
