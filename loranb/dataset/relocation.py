"""Move a picture, its captions and its masks to another folder so that none is lost or doubled, whatever happens.

What belongs to a picture is copied first, then the picture is renamed, which happens at once or not at all,
then the old captions and masks go: at every moment the picture is in one place and has its caption beside it.
Done again after it was cut short anywhere, the move comes to the same end.
"""

import contextlib
import errno
import filecmp
import glob
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from loranb.dataset import captions
from loranb.dataset.images import is_picture
from loranb.dataset.mask_files import FOLDER, MARKS, masks_beside, placed, stems_spoken_for
from loranb.errors import DatasetError
from loranb.files import write_bytes


def relocate(source: Path, target: Path, same: Callable[[Path], bool]) -> None:
    """Move a picture with its captions and masks, or bring a move that was cut short to its end.

    A caption or a mask that another picture of the same stem uses too stays for that one.

    Args:
        source: where it lies.
        target: where it shall lie; a name that is free.
        same: whether a file is the picture that is meant.

    Raises:
        DatasetError: it is not there, or cannot be moved; it stays then.
    """
    try:
        if not source.exists():
            if not (target.exists() and same(target)):
                raise DatasetError(f"{source} is not there any more; it was moved or deleted elsewhere.")
        elif not target.exists():
            _carry(source, target)
        elif filecmp.cmp(source, target, shallow=False):  # copied to another disk, and cut short then
            source.unlink()
        else:
            raise _taken(source, target)
    except OSError as error:
        raise DatasetError(f"{source} cannot be moved to {target.parent}: {error.strerror}. It stays.") from error
    with contextlib.suppress(OSError):  # the picture is where it belongs, and has its caption
        _clear_belongings(source, target)


class Names:
    """Chooses free names in folders, for several pictures that are to be moved at once."""

    def __init__(self) -> None:
        self._stems: dict[Path, set[str]] = {}
        self._coming: dict[Path, dict[str, str]] = {}  # what goes along, by its place without a suffix

    def free(self, folder: Path, name: str) -> Path:
        """Choose the name, or the first of ``name_2``, ``name_3``, ... whose stem nothing has in the folder.

        Two pictures of one stem would share a caption; and where a mask lies whose picture is gone, a picture of
        its name would get it.
        """
        taken, wanted = self._taken(folder), Path(name)
        number, stem = 2, wanted.stem
        while stem.casefold() in taken:
            number, stem = number + 1, f"{wanted.stem}_{number}"
        taken.add(stem.casefold())
        return folder / f"{stem}{wanted.suffix}"

    def again(self, source: Path, target: Path) -> Path:
        """Choose the place where a picture lay before if it can go back there, else a free name.

        It can where there is another picture of its stem, too, as long as it has the same caption and mask.
        """
        taken, place, own = self._taken(target.parent), target.with_suffix(""), _fingerprints(source)
        there = self._coming[place] if place in self._coming else _fingerprints(target)
        if target.stem.casefold() in taken and (target.exists() or there != own):
            return self.free(target.parent, target.name)
        taken.add(target.stem.casefold())
        self._coming[place] = own
        return target

    def _taken(self, folder: Path) -> set[str]:
        if folder not in self._stems:
            files = list(folder.iterdir()) if folder.is_dir() else []
            self._stems[folder] = {path.stem.casefold() for path in files} | stems_spoken_for(files)
        return self._stems[folder]


def _carry(source: Path, target: Path) -> None:
    made = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        there = _belongings(target)
        for ending, content in _belongings(source).items():
            if there.get(ending, content) != content:
                raise _taken(source, target)
            if ending not in there:
                made.append(placed(target, ending))
                write_bytes(made[-1], content)
        _rename(source, target)
    except (OSError, DatasetError):
        for file in made:
            with contextlib.suppress(OSError):
                file.unlink()
        raise


def _sweep(target: Path) -> None:
    """Delete what a lost machine left of copying to this place."""
    endings = (*captions.EXTENSIONS, target.suffix, *(f"{mark}.*" for mark in MARKS), f"{FOLDER}/.*")
    for folder, _, suffix in (ending.rpartition("/") for ending in endings):
        for leftover in (target.parent / folder).glob(f".{glob.escape(target.stem)}{suffix}.*.part"):
            leftover.unlink()


def _rename(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        aside = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            shutil.copy2(source, aside)
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
        source.unlink()


def _clear_belongings(source: Path, target: Path) -> None:
    """Delete what was copied, unless another picture needs it or it was changed since."""
    if any(path.stem == source.stem and is_picture(path) for path in source.parent.iterdir()):
        return
    there = _belongings(target)
    for ending, file in _files_of(source).items():
        if there.get(ending) == file.read_bytes():
            file.unlink()


def _files_of(picture: Path) -> dict[str, Path]:
    """Find a picture's captions and masks, by how their names go on after its stem."""
    files = (picture.with_suffix(suffix) for suffix in captions.EXTENSIONS)
    return {file.suffix: file for file in files if file.exists()} | masks_beside(picture)


def _belongings(picture: Path) -> dict[str, bytes]:
    return {ending: file.read_bytes() for ending, file in _files_of(picture).items()}


def _fingerprints(picture: Path) -> dict[str, str]:
    return {ending: hashlib.sha256(content).hexdigest() for ending, content in _belongings(picture).items()}


def _taken(source: Path, target: Path) -> DatasetError:
    return DatasetError(f"{source.name} stays: a file of that name has come to {target.parent} meanwhile.")
