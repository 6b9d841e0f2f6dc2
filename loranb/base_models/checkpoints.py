"""Base models that lie on this machine already, in the folders of web UIs and ComfyUI."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from loranb.base_models.places import places

SUFFIXES = (".safetensors", ".ckpt")
SMALLEST = 500 * 2**20  # bytes; an SD 1.x checkpoint with its text encoder has 1.7 GB at the least (half precision)
# Where programs that draw keep their checkpoints, below the folder in which they were installed.
FOLDERS = (
    "*stable-diffusion-webui*/models/Stable-diffusion",
    "*[Ff]orge*/models/Stable-diffusion",
    "*[Ff]orge*/webui/models/Stable-diffusion",
    "[Ss][Dd].[Nn]ext/models/Stable-diffusion",
    "[Aa]utomatic*/models/Stable-diffusion",
    "*[Cc]omfy[Uu][Ii]*/models/checkpoints",
    "*[Cc]omfy[Uu][Ii]*/models/diffusers",
    "*[Cc]omfy[Uu][Ii]*/*[Cc]omfy[Uu][Ii]*/models/checkpoints",
    "[Ss]warm[Uu][Ii]/Models/Stable-Diffusion",
    "StabilityMatrix/Data/Models/StableDiffusion",
    "*[Ff]ooocus*/models/checkpoints",
    "models/Stable-diffusion",
    "models/checkpoints",
)


@dataclass(frozen=True)
class Found:
    """A checkpoint on this machine; `path` is what `model.base` is set to."""

    path: Path
    size: int  # bytes

    @property
    def title(self) -> str:
        """Its name and size for people."""
        return f"{self.path.name} ({self.size / 2**30:.1f} GiB)"


def roots() -> list[Path]:
    """List the folders in which programs that draw are looked for: Drive, Runpod's volume, Kaggle's inputs, home."""
    home = Path.home()
    drive = Path("/content/drive/MyDrive")
    return [drive, drive / "AI", drive / "sd", Path("/content"), Path("/workspace"), Path("/kaggle/input"), home]


def find_checkpoints(below: Sequence[Path] | None = None) -> list[Found]:
    """List the checkpoints in the usual folders of web UIs and ComfyUI, and the base models fetched before.

    Only those folders are read, and one level below them, so that a Drive with many files is no matter.

    Args:
        below: where to look for the programs' folders; `roots` where not given.
    """
    found = {one.path.resolve(): one for one in _found(roots() if below is None else below)}
    return sorted(found.values(), key=lambda one: one.path.name.lower())


def _found(below: Sequence[Path]) -> Iterator[Found]:
    for root in below:
        for pattern in FOLDERS:
            for folder in _glob(root, pattern):
                yield from _models_in(folder)
    for place in places():
        for folder in _glob(place, "*--*"):
            yield from _models_in(folder.parent, folder)


def _models_in(folder: Path, only: Path | None = None) -> Iterator[Found]:
    inner = [only] if only else [folder, *(path for path in _glob(folder, "*") if path.is_dir())]
    for place in inner:
        if (place / "model_index.json").is_file():
            yield Found(place, sum(path.stat().st_size for path in _glob(place, "*/*") if path.is_file()))
            continue
        for path in _glob(place, "*"):
            if path.suffix.lower() in SUFFIXES and path.is_file() and path.stat().st_size >= SMALLEST:
                yield Found(path, path.stat().st_size)


def _glob(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:  # a folder that may not be read, or a Drive that is gone
        return []
