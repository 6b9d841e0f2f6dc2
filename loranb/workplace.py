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


def check_captions(project: Project) -> str:
    """Say how many pictures are captioned, what is worth a look in their captions, and whether to go on."""
    from loranb.dataset.caption_advice import advise
    from loranb.dataset.caption_store import CaptionStore

    store = CaptionStore.load(project)
    remarks = advise(store, project).remarks
    lines = [f"{store.captioned} of {len(store.pictures)} pictures are captioned."]
    lines += [f"• {remark.title}: {remark.message}\n  {remark.advice}" for remark in remarks]
    lines += [f"• {problem}" for problem in store.problems.values()]
    if not store.pictures:
        return "No pictures yet: go back to 1, or add some with loranb.images(project)."
    ready = store.captioned == len(store.pictures) and not any(remark.severity == "warning" for remark in remarks)
    return "\n".join(
        [*lines, "Captions complete: go on to 3." if ready else "Have another look, or go on to 3 as it is."]
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
