"""Where one works: opening a project by name, and what this machine offers."""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from loranb import __version__
from loranb.project import Project, home

DEMO = "demo"
_TOLD = ("torch", "diffusers", "transformers", "peft", "accelerate", "ipywidgets")


def open_project(name: str | Path = DEMO) -> Project:
    """Open a project by name or path; a new one is made.

    A plain name lies in `loranb.project.home`. The name "demo" gives a project with pictures of a
    castle, settings and a small base model, on which every step can be tried.

    Raises:
        ProjectError: the folder cannot be made.
    """
    path = Path(name).expanduser()
    root = path if path.is_absolute() or len(path.parts) > 1 else home() / path
    if name == DEMO:
        from loranb.demo.project import make

        return make(root)
    return Project.create(root)


def check() -> str:
    """Say what this machine offers: GPU and precision, disk, versions, where projects are kept."""
    from loranb.device import describe

    where = home()
    there = next(folder for folder in (where, *where.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 2**30
    lines = [
        f"loranb {__version__}, Python {platform.python_version()}",
        describe(),
        f"{free:.0f} GiB free; projects are kept in {where}",
        ", ".join(f"{package} {_version(package)}" for package in _TOLD),
    ]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
