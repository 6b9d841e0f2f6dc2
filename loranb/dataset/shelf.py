"""Put pictures into a subject's folder: none twice, none half, each with a caption and a mask of its own."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loranb.dataset import captions
from loranb.dataset.contents import Contents
from loranb.dataset.folders import Subject
from loranb.dataset.images import is_picture
from loranb.dataset.mask_files import MARKS, masks_beside, placed, stems_spoken_for, without_masks
from loranb.dataset.pile import Found
from loranb.dataset.uploads import safe_name

CHUNK = 2**20  # bytes of a file held in memory
STALE = 3600  # seconds after which a copy that was never finished is swept away (assumed)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


@dataclass(frozen=True)
class Put:
    """What came of putting a picture somewhere."""

    picture: Path  # where it lies
    copied: bool  # or it was there, byte for byte
    caption: Path | None = None  # copied for it
    mask: Path | None = None  # copied for it


class Shelf:
    """A subject's folder while pictures are put into it.

    Args:
        subject: which.
        taken_out: folders of pictures that were discarded from it, and are not to come back by themselves.
        contents: what is known of the project's files.
    """

    def __init__(self, subject: Subject, taken_out: Sequence[Subject], contents: Contents):
        self.folder, self._contents = subject.folder, contents
        _sweep(self.folder)
        here = [path for path in self.folder.iterdir() if not path.name.startswith(".")]
        self._stems = {_key(path.stem) for path in here} | stems_spoken_for(here)
        self._known: dict[str, Path] = {}  # pictures by their SHA-256
        self._unread: dict[int, list[Path]] = {}  # the others by size: read when one of that size comes
        pictures = without_masks(filter(is_picture, here))
        for picture in [*pictures, *(path for other in taken_out for path in other.pictures())]:
            self._unread.setdefault(picture.stat().st_size, []).append(picture)

    def put(self, found: Found) -> Put:
        """Copy a picture, its caption and its mask, unless the picture is here already or was taken out.

        Raises:
            OSError: it cannot be read, or its copy not be written.
        """
        same, content = self._same(found.path)
        if same and same.parent != self.folder:
            return Put(same, copied=False)
        picture = same or self._copy_picture(found.path, content)
        return Put(picture, not same, self._copy_caption(found.caption, picture), self._copy_mask(found.mask, picture))

    def takes_no_more(self, error: OSError) -> bool:
        """Whether an error means that no other picture could be put here either."""
        return error.errno in _FULL or not os.access(self.folder, os.W_OK)

    def _same(self, path: Path) -> tuple[Path | None, str]:
        """Find the same picture here or among those that were taken out, and say what its content is.

        The content is blank where it had not to be read: none of that size has been here.
        """
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end
            raise OSError(errno.EINVAL, "not a file")
        if status.st_size not in self._unread:
            return None, ""
        for other in self._unread[status.st_size]:
            with contextlib.suppress(OSError):  # somebody has taken it away
                self._known.setdefault(self._contents.of(other), other)
        self._unread[status.st_size].clear()
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        return self._known.get(content), content

    def _copy_picture(self, path: Path, content: str) -> Path:
        while True:
            target = self._free(path)
            self._stems.add(_key(target.stem))
            with contextlib.suppress(FileExistsError):  # another process has put something there just now
                _copy(path, target)
                break
        if content:
            self._known[content] = target
        else:
            self._unread[target.stat().st_size] = [target]
        return target

    def _free(self, path: Path) -> Path:
        """Find a name whose stem nothing has here: two pictures of one stem would share a caption."""
        target = self.folder / safe_name(path.name)
        if target.suffix.lower() != path.suffix.lower():  # nothing was left of its name
            target = self.folder / f"picture{path.suffix}"
        number, stem = 2, target.stem
        while _key(stem) in self._stems:
            number, stem = number + 1, f"{target.stem}_{number}"
        return self.folder / f"{stem}{target.suffix}"

    def _copy_caption(self, caption: Path | str | None, picture: Path) -> Path | None:
        """Give a picture its caption; one that it has is kept."""
        target = captions.caption_file(picture)
        if caption is None or target.exists():
            return None
        if isinstance(caption, Path):
            with contextlib.suppress(FileExistsError):
                _copy(caption, target)
        else:
            captions.write(picture, captions.one_line(caption))
        return target

    def _copy_mask(self, mask: Path | None, picture: Path) -> Path | None:
        """Give a picture its mask; one that it has is kept."""
        if mask is None or masks_beside(picture):
            return None
        target = placed(picture, MARKS[0] + mask.suffix.lower())
        with contextlib.suppress(FileExistsError):
            _copy(mask, target)
        return target


def _key(stem: str) -> str:
    """Write a stem as file systems compare it: some know no capitals, some take accents apart."""
    return unicodedata.normalize("NFC", stem).casefold()


def _copy(source: Path, target: Path) -> None:
    """Copy a file with its time, aside, flushed to the disk, and give it its name.

    Raises:
        FileExistsError: something is called that already.
        OSError: it cannot be read or written.
    """
    aside = target.with_name(f".{os.getpid()}-{time.monotonic_ns()}.part")
    try:
        with source.open("rb") as original, aside.open("xb") as copy:
            shutil.copyfileobj(original, copy, CHUNK)
            copy.flush()
            os.fsync(copy.fileno())
        _settle(aside, target)
    finally:
        aside.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not every network drive takes times
        status = source.stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _settle(aside: Path, target: Path) -> None:
    """Give a file its name, unless something is called that by now."""
    try:
        os.link(aside, target)  # unlike a renaming, it replaces nothing
    except FileExistsError:
        raise
    except OSError:  # no links here, as on Google Drive
        if target.exists():
            raise FileExistsError(errno.EEXIST, "there is one already", str(target)) from None
        aside.rename(target)


def _sweep(folder: Path) -> None:
    """Remove what a copy that was killed has left."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError):  # another process has finished or swept it
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()
