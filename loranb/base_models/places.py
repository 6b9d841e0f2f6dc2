"""Where fetched base models are kept: where they outlive the machine, if there is such a place."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from loranb.base_models.files import WEIGHTS
from loranb.files import write_text
from loranb.project import home

LASTING = (Path("/content/drive/MyDrive"), Path("/workspace"))  # Drive on Colab; the volume on Runpod
FOLDER = "base_models"
PLAIN = ("diffusion_pytorch_model.safetensors", "model.safetensors", "diffusion_pytorch_model.bin", "pytorch_model.bin")
WHOLE = ".loranb.json"  # names and sizes of a model's files, written when all are there


def places() -> list[Path]:
    """List the folders for base models, the best first.

    ``LORANB_MODELS`` if set; beside the projects where these lie on Drive or on ``/workspace``, so that a model is
    there the next time; and the user's cache on this machine.
    """
    if chosen := os.environ.get("LORANB_MODELS"):
        return [Path(chosen).expanduser()]
    projects = home()
    lasting = [projects / FOLDER] if any(projects.is_relative_to(place) for place in LASTING) else []
    return [*lasting, cache_home() / FOLDER]


def cache_home() -> Path:
    """Return loranb's folder among the caches of this user: ``~/.cache/loranb``, or in ``XDG_CACHE_HOME``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "loranb"


def kept(source: str) -> Path | None:
    """Return where a model of the hub is kept whole; None where it is not.

    Args:
        source: ``owner/name``, or ``owner/name/file.safetensors``.
    """
    found = (where_in(place, source) for place in places())
    return next((path for path in found if _is_whole(path)), None)


def here(source: str) -> Path | None:
    """Return where a model of the hub lies on this machine: kept, or whole in the hub's own cache; None if nowhere."""
    return kept(source) or _in_hub_cache(source)


def _in_hub_cache(source: str) -> Path | None:
    """Return what another program, or diffusers itself, fetched before."""
    from huggingface_hub import try_to_load_from_cache

    owner, name, *file = source.split("/")
    found = try_to_load_from_cache(f"{owner}/{name}", *(file or ["model_index.json"]))
    if not isinstance(found, str):
        return None
    if file:
        return Path(found)
    folder = Path(found).parent
    components = [part.parent.name for part in folder.glob("*/config.json")]
    return folder if "unet" in components and all(_has_weights(folder / part) for part in components) else None


def _has_weights(folder: Path) -> bool:
    """Whether weights lie in a component's folder under their plain names; a safety checker needs none."""
    return folder.name not in WEIGHTS or any((folder / name).exists() for name in PLAIN)


def where_in(place: Path, source: str) -> Path:
    """Return where a model of the hub would be in a folder for base models."""
    owner, name, *file = source.split("/")
    return Path(place, f"{owner}--{name}", *file)


def mark_whole(path: Path, files: Mapping[str, int]) -> None:
    """Note that a model is there, with the names and bytes of its files."""
    write_text(_note(path), json.dumps(dict(files), indent=2))


def _note(path: Path) -> Path:
    """A folder's note lies in it, a single file's beside it."""
    return path.with_name(f".{path.name}{WHOLE}") if path.suffix in (".safetensors", ".ckpt") else path / WHOLE


def _is_whole(path: Path) -> bool:
    note = _note(path)
    try:
        files = json.loads(note.read_text(encoding="utf-8"))
        return all((note.parent / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, AttributeError):
        return False
