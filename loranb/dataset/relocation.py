"""Move a picture and its captions to another folder so that neither is lost or doubled, whatever happens.

Captions are copied first, then the picture is renamed, which happens at once or not at all, then the old
captions go: at every moment the picture is in one place and has its caption beside it. Done again after it
was cut short anywhere, the move comes to the same end.
"""

import contextlib
import errno
import filecmp
import glob
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from loranb.dataset import captions
from loranb.dataset.images import is_picture
from loranb.errors import DatasetError
from loranb.files import write_bytes


def relocate(source: Path, target: Path, same: Callable[[Path], bool]) -> None:
    """Move a picture with its captions, or bring a move that was cut short to its end.

    A caption that another picture of the same stem uses too stays for that one.

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
        _clear_captions(source, target)


class Names:
    """Chooses free names in folders, for several pictures that are to be moved at once."""

    def __init__(self) -> None:
        self._stems: dict[Path, set[str]] = {}
        self._coming: dict[Path, dict[str, bytes]] = {}  # captions that go along, by their place without a suffix

    def free(self, folder: Path, name: str) -> Path:
        """Choose the name, or the first of ``name_2``, ``name_3``, ... whose stem nothing has in the folder.

        Two pictures of one stem would share a caption.
        """
        taken, wanted = self._taken(folder), Path(name)
        number, stem = 2, wanted.stem
        while stem.casefold() in taken:
            number, stem = number + 1, f"{wanted.stem}_{number}"
        taken.add(stem.casefold())
        return folder / f"{stem}{wanted.suffix}"

    def again(self, source: Path, target: Path) -> Path:
        """Choose the place where a picture lay before if it can go back there, else a free name.

        It can where there is another picture of its stem, too, as long as it has the same caption.
        """
        taken, place, own = self._taken(target.parent), target.with_suffix(""), _captions(source)
        if target.stem.casefold() in taken and (target.exists() or self._coming.get(place, _captions(target)) != own):
            return self.free(target.parent, target.name)
        taken.add(target.stem.casefold())
        self._coming[place] = own
        return target

    def _taken(self, folder: Path) -> set[str]:
        if folder not in self._stems:
            there = folder.iterdir() if folder.is_dir() else ()
            self._stems[folder] = {path.stem.casefold() for path in there}
        return self._stems[folder]


def _carry(source: Path, target: Path) -> None:
    made = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        there = _captions(target)
        for suffix, text in _captions(source).items():
            if there.get(suffix, text) != text:
                raise _taken(source, target)
            if suffix not in there:
                made.append(target.with_suffix(suffix))
                write_bytes(made[-1], text)
        _rename(source, target)
    except (OSError, DatasetError):
        for caption in made:
            with contextlib.suppress(OSError):
                caption.unlink()
        raise


def _sweep(target: Path) -> None:
    """Delete what a lost machine left of copying to this place."""
    for suffix in (*captions.EXTENSIONS, target.suffix):
        for leftover in target.parent.glob(f".{glob.escape(target.stem + suffix)}.*.part"):
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


def _clear_captions(source: Path, target: Path) -> None:
    """Delete the captions that were copied, unless another picture needs them or they were changed since."""
    if any(path.stem == source.stem and is_picture(path) for path in source.parent.iterdir()):
        return
    there = _captions(target)
    for suffix, text in _captions(source).items():
        if there.get(suffix) == text:
            source.with_suffix(suffix).unlink()


def _captions(picture: Path) -> dict[str, bytes]:
    files = (picture.with_suffix(suffix) for suffix in captions.EXTENSIONS)
    return {file.suffix: file.read_bytes() for file in files if file.exists()}


def _taken(source: Path, target: Path) -> DatasetError:
    return DatasetError(f"{source.name} stays: a file of that name has come to {target.parent} meanwhile.")
