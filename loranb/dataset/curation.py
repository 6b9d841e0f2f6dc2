"""Take pictures out of a project and put them back; nothing is ever deleted.

A picture that is taken out lies in ``discarded`` under the name of the folder it came from, its
caption beside it: ``discarded/20_medieval city/church.jpg``. So where it belongs can be read from
where it lies, and there is no list that could be lost.
"""

import contextlib
import shutil
from pathlib import Path

from loranb.dataset import captions, folders
from loranb.dataset.images import is_picture
from loranb.errors import DatasetError


def discard(picture: Path, discarded: Path) -> Path:
    """Move a picture and its caption out of training; return where it lies now.

    A name that is taken there gets a number. A caption that another picture of the same stem uses
    too is copied, not moved.

    Raises:
        DatasetError: the picture is not there, or cannot be moved; it stays then.
    """
    return _move(picture, discarded / picture.parent.name)


def restore(picture: Path, img: Path) -> Path:
    """Move a discarded picture and its caption back to its subject; return where it lies now.

    The subject is found by its words, whatever its repeats are by now, and made anew if it is gone.

    Raises:
        DatasetError: the picture is not there, or cannot be moved; it stays then.
    """
    came_from = folders.parse(picture.parent)
    if came_from is None:
        return _move(picture, img / picture.parent.name)
    for subject in folders.subjects(img):
        if subject.words == came_from.words:
            return _move(picture, subject.folder)
    return _move(picture, folders.make(img, came_from.words, came_from.repeats).folder)


def discarded_pictures(discarded: Path) -> list[Path]:
    """List the pictures that were taken out."""
    return sorted(path for path in discarded.glob("*/*") if path.is_file() and is_picture(path))


def _move(picture: Path, folder: Path) -> Path:
    if not picture.exists():
        raise DatasetError(f"{picture} is not there any more; it was moved or deleted elsewhere.")
    beside = [file for e in captions.EXTENSIONS if (file := picture.with_suffix(e)).exists()]
    shared = any(other != picture for other in _of_one_stem(picture))
    target = _free(folder, picture)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for caption in beside:
            shutil.copy2(caption, target.with_suffix(caption.suffix))
        picture.rename(target)
    except OSError as error:
        for caption in beside:
            with contextlib.suppress(OSError):
                target.with_suffix(caption.suffix).unlink()
        raise DatasetError(f"{picture} cannot be moved to {folder}: {error.strerror}. It stays.") from error
    if not shared:
        for caption in beside:
            caption.unlink()
    return target


def _free(folder: Path, picture: Path) -> Path:
    """Find a name whose stem nothing has in the folder: two pictures of one stem would share a caption."""
    taken = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
    number, stem = 2, picture.stem
    while stem in taken:
        number, stem = number + 1, f"{picture.stem}_{number}"
    return folder / f"{stem}{picture.suffix}"


def _of_one_stem(picture: Path) -> list[Path]:
    return [path for path in picture.parent.iterdir() if path.stem == picture.stem and is_picture(path)]
