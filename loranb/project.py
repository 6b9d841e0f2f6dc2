"""A project is a folder; every step reads it and leaves its result in it.

::

    medieval_city/
      img/20_medieval city/church.jpg, church.txt    kohya's layout: other tools open it unchanged
      reg/1_city/                                    regularisation pictures, optional
      discarded/                                     pictures taken out
      settings.toml                                  what the form shows
      edits.json                                     how pictures are turned and cropped
      curation.jsonl                                 what was done to the pictures, for undoing it
      captions.jsonl                                 what was done to the captions, for undoing it
      runs/medieval_city_v1a/                        one training run, never overwritten
      model/                                         finished LoRAs
      log/                                           TensorBoard
      .loranb/                                       caches and thumbnails, safe to delete
"""

import os
import re
import string
import sys
from pathlib import Path

from loranb.errors import ProjectError
from loranb.settings import Settings

SETTINGS = "settings.toml"
_VERSION = re.compile(r"_v(\d+)([a-z]+)$")


def home() -> Path:
    """Return the folder where projects are kept on this machine.

    ``LORANB_HOME`` if set; Google Drive on Colab if it is mounted; the volume that outlives the
    pod on Runpod; the output folder on Kaggle; else ``loranb`` in the working folder.
    """
    if chosen := os.environ.get("LORANB_HOME"):
        return Path(chosen).expanduser()
    if "google.colab" in sys.modules:
        drive = Path("/content/drive/MyDrive")
        return drive / "loranb" if drive.exists() else Path("/content/loranb")
    if "RUNPOD_POD_ID" in os.environ:
        return Path("/workspace/loranb")
    if Path("/kaggle/working").exists():
        return Path("/kaggle/working/loranb")
    return Path.cwd() / "loranb"


class Project:
    """A project folder.

    Args:
        root: the folder; `Project.create` and `Project.open` check it.
    """

    def __init__(self, root: Path):
        self.root = root

    @classmethod
    def create(cls, root: Path | str, settings: Settings | None = None) -> "Project":
        """Make a project, or open the one that is there; nothing that exists is changed.

        Args:
            root: its folder.
            settings: those of a new project; the defaults if not given.

        Raises:
            ProjectError: a file is in the way, or the folder cannot be written.
        """
        project = cls(_folder(root))
        try:
            for folder in (project.img, project.runs_folder, project.cache):
                folder.mkdir(parents=True, exist_ok=True)
            if not project.settings_file.exists():
                (settings or Settings()).save(project.settings_file)
        except OSError as error:
            raise ProjectError(
                f"The project folder {project.root} cannot be made: {error.strerror}. Choose another place."
            ) from error
        return project

    @classmethod
    def open(cls, root: Path | str) -> "Project":
        """Open a project.

        Raises:
            ProjectError: there is none.
        """
        project = cls(_folder(root))
        if not project.img.is_dir():
            raise ProjectError(
                f"{project.root} is not a loranb project: it has no img folder. "
                f"Make one with `loranb new {root}`, or with loranb.open({str(root)!r}) in a notebook."
            )
        return project

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.root.name

    @property
    def img(self) -> Path:
        """Training pictures, in ``N_subject class`` folders."""
        return self.root / "img"

    @property
    def reg(self) -> Path:
        """Regularisation pictures, in ``N_class`` folders; need not be there."""
        return self.root / "reg"

    @property
    def discarded(self) -> Path:
        """Pictures taken out."""
        return self.root / "discarded"

    @property
    def runs_folder(self) -> Path:
        """Training runs."""
        return self.root / "runs"

    @property
    def model(self) -> Path:
        """Finished LoRAs."""
        return self.root / "model"

    @property
    def cache(self) -> Path:
        """Thumbnails and encoded pictures; safe to delete."""
        return self.root / ".loranb"

    @property
    def settings_file(self) -> Path:
        """The settings."""
        return self.root / SETTINGS

    @property
    def edits_file(self) -> Path:
        """How pictures are turned and cropped; see `loranb.dataset.edits`."""
        return self.root / "edits.json"

    @property
    def journal_file(self) -> Path:
        """What was done to the pictures, so that it can be undone; see `loranb.dataset.curation`."""
        return self.root / "curation.jsonl"

    @property
    def captions_file(self) -> Path:
        """What was done to the captions, so that it can be undone; see `loranb.dataset.caption_journal`."""
        return self.root / "captions.jsonl"

    def settings(self) -> Settings:
        """Read the settings; the defaults where there is no file.

        Raises:
            SettingsError: the file cannot be used.
        """
        return Settings.load(self.settings_file) if self.settings_file.exists() else Settings()

    def runs(self) -> list[Path]:
        """List the run folders, the oldest first."""
        if not self.runs_folder.is_dir():
            return []
        found = [folder for folder in self.runs_folder.iterdir() if (folder / SETTINGS).exists()]
        return sorted(found, key=lambda folder: (folder / SETTINGS).stat().st_mtime_ns)

    def next_version(self, new_images: bool = False) -> str:
        """Propose the name of the next run: a number for new images, a letter for new settings.

        The first is ``name_v1a``; then ``v1b`` for the same images, ``v2a`` for new ones.
        """
        stem = re.sub(r"[^\w-]+", "_", self.name).strip("_") or "lora"
        taken = [folder.name for folder in self.runs_folder.glob("*")]
        versions = [(int(m[1]), m[2]) for name in taken if (m := _VERSION.search(name))]
        if not versions:
            return f"{stem}_v1a"
        number, letters = max(versions, key=lambda v: (v[0], len(v[1]), v[1]))
        return f"{stem}_v{number + 1}a" if new_images else f"{stem}_v{number}{_next_letters(letters)}"


def _folder(root: Path | str) -> Path:
    path = Path(root).expanduser()
    if path.is_file():
        raise ProjectError(f"{path} is a file; a project is a folder. Give the name of a folder.")
    return path.resolve()


def _next_letters(letters: str) -> str:
    """``a`` gives ``b``, ``z`` gives ``aa``, as columns of a spreadsheet."""
    last = string.ascii_lowercase.index(letters[-1])
    if last < 25:
        return letters[:-1] + string.ascii_lowercase[last + 1]
    return (_next_letters(letters[:-1]) if letters[:-1] else "a") + "a"
