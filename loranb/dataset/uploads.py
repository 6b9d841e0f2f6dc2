"""Receive files piece by piece, so that an upload that broke off goes on where it was.

A file is known by what its sender says of it: name, size and time of last change. What has arrived
lies on disk and nowhere else, so it outlives the page, the connection and the kernel::

    uploads/
      3f2a….json                   name, size and time of a file, and where it lies once it is handed over
      3f2a….part                   what has arrived of it; its length says how much
      ready-k2x9/0/cats/IMG_1.jpg  a file handed over, until it is forgotten
"""

import contextlib
import errno
import hashlib
import json
import re
import shutil
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from loranb.dataset.captions import EXTENSIONS
from loranb.dataset.images import SUFFIXES
from loranb.errors import DatasetError
from loranb.files import free_name, write_text

ACCEPTED = tuple(sorted({*SUFFIXES, *EXTENSIONS, ".heic", ".heif", ".zip"}))  # what an upload takes
MOST_FILES = 20_000  # in one upload, as in an archive
SPARE = 256 * 2**20  # bytes of disk that are left alone (assumed)
KEPT_DAYS = 7  # that an upload which nobody goes on with is kept (assumed)
_LONGEST = 200  # bytes of a name; file systems take 255, and a name that is taken gets a number
_DEEPEST = 8  # folders above a file
_FORBIDDEN = re.compile(r'[<>:"|?*]')  # in names, on Windows
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_TURNING = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # make a name read as another
_LOCKS: dict[Path, threading.RLock] = {}  # one a folder: two panels may show the same project


@dataclass(frozen=True)
class Incoming:
    """A file that is being sent: what its sender says of it.

    `name` may have folders before it, `size` is in bytes, `modified` in milliseconds since 1970.
    """

    name: str
    size: int
    modified: int = 0

    @property
    def key(self) -> str:
        """What it is kept by."""
        said = json.dumps([self.name, self.size, self.modified])
        return hashlib.sha256(said.encode()).hexdigest()[:32]


class OutOfOrder(DatasetError):
    """A piece that does not begin where what has arrived ends; `held` bytes have."""

    def __init__(self, file: Incoming, at: int, held: int):
        self.held = held
        super().__init__(f"{file.name}: a piece begins at byte {at:,}, but {held:,} have arrived. Go on from there.")


class CannotWrite(DatasetError):
    """The disk takes no more; it would not take another file either."""


class Inbox:
    """Where uploads arrive.

    All its methods may be called from several threads.

    Args:
        folder: where they are kept; made when the first piece arrives.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = _LOCKS.setdefault(folder.resolve(), threading.RLock())

    def held(self, file: Incoming) -> int:
        """Say how many bytes of a file have arrived."""
        with contextlib.suppress(OSError):
            return self._where(file).stat().st_size
        return 0

    def kept(self) -> dict[Incoming, int]:
        """List all files of which something has arrived, and how many bytes."""
        with self._lock:
            found = [_read(record) for record in sorted(self.folder.glob("*.json"))]
            return {file: held for file, _ in filter(None, found) if (held := self.held(file))}

    def check_room(self, files: int, size: int, to_come: int) -> None:
        """Check that an upload will fit.

        Args:
            files: how many there are.
            size: bytes in all; a project takes copies, so they are needed once more.
            to_come: bytes that have not arrived yet.

        Raises:
            DatasetError: there are too many, or the disk has no room for them.
        """
        if files > MOST_FILES:
            raise DatasetError(f"These are {files:,} files; {MOST_FILES:,} are allowed at once. Choose fewer.")
        if (free := self._free()) < to_come + size + SPARE:
            raise DatasetError(
                f"There is no room for these files: {_megabytes(to_come)} are to come, and {_megabytes(size)} are "
                f"needed for the project's copies, but {_megabytes(free)} are free where {self.folder} lies. "
                "Make room, or choose fewer files; what has arrived is kept."
            )

    def write(self, file: Incoming, at: int, content: bytes | memoryview) -> int:
        """Take the next piece of a file.

        Args:
            file: which.
            at: where in the file the piece begins.
            content: the piece.

        Returns:
            How many bytes of the file have arrived: all, when this is its size.

        Raises:
            OutOfOrder: the piece does not begin where what has arrived ends.
            DatasetError: the file is empty or larger than was said, or the disk is full.
        """
        with self._lock:
            held = self.held(file)
            if at != held:
                raise OutOfOrder(file, at, held)
            if file.size < 1:
                raise DatasetError(f"{file.name} is empty (0 bytes). Look at it where it comes from.")
            if held + len(content) > file.size:
                raise DatasetError(
                    f"{file.name} is larger than the {file.size:,} bytes it was said to be; it was probably changed "
                    "while it was sent. Choose it again."
                )
            try:
                if not held:
                    self._begin(file)
                with self._where(file).open("r+b" if held else "wb") as part:
                    part.seek(at)  # not appended: whoever sends the same file writes the same bytes to the same place
                    part.write(content)
            except OSError as error:
                raise self._unwritable(file, error) from error
            return held + len(content)

    def receive(self, name: str, content: bytes) -> Incoming:
        """Take a file whole, in place of what there is of it."""
        file = Incoming(name, len(content))
        with self._lock:
            self.forget([file])
            self.write(file, 0, content)
        return file

    def hand_over(self, selections: Iterable[Sequence[Incoming]]) -> list[Path]:
        """Give files that have arrived the names that they came with.

        They stay until they are forgotten; they may be moved away as well. Files of one selection
        keep their folders and stand beside each other, so that a caption is found beside its
        picture; selections stay apart.

        Args:
            selections: files that were chosen together.

        Raises:
            DatasetError: a file has not arrived as a whole.
        """
        chosen = [list(files) for files in selections]
        for file in (file for files in chosen for file in files):
            if (held := self.held(file)) != file.size:
                raise DatasetError(
                    f"{file.name} has not arrived as a whole: {held:,} of {file.size:,} bytes. Choose it again; only "
                    "the rest is sent."
                )
        with self._lock:
            if not any(chosen):
                return []
            ready = Path(tempfile.mkdtemp(prefix="ready-", dir=self.folder))
            paths = [
                self._rename(file, ready / str(number) / safe_name(file.name))
                for number, files in enumerate(chosen)
                for file in files
            ]
            self._prune()
            return paths

    def forget(self, files: Iterable[Incoming]) -> None:
        """Delete what has arrived of files; those that were moved away are only forgotten."""
        with self._lock:
            for file in files:
                self._where(file).unlink(missing_ok=True)
                self._record(file).unlink(missing_ok=True)
            self._prune()

    def discard_older(self, days: float = KEPT_DAYS) -> None:
        """Delete what nothing has been added to for so many days."""
        before = time.time() - days * 86_400
        with self._lock:
            self.forget(file for file in self.kept() if self._where(file).stat().st_mtime < before)
            known = {self._where(file) for file in self.kept()} | set(map(self._record, self.kept()))
            strays = [path for path in self.folder.rglob("*") if path.is_file() and path not in known]
            for path in strays:
                if path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
            self._prune()

    def _record(self, file: Incoming) -> Path:
        return self.folder / f"{file.key}.json"

    def _where(self, file: Incoming) -> Path:
        """Where a file lies: aside, or where it was handed over."""
        known = _read(self._record(file))
        ready = self.folder / known[1] if known and known[1] else None
        return ready if ready and ready.exists() else self.folder / f"{file.key}.part"

    def _note(self, file: Incoming, ready: Path | None = None) -> None:
        where = ready.relative_to(self.folder).as_posix() if ready else ""
        write_text(self._record(file), json.dumps({**asdict(file), "ready": where}))

    def _begin(self, file: Incoming) -> None:
        if (free := self._free()) < file.size:
            raise OSError(errno.ENOSPC, f"{_megabytes(file.size)} are needed and {_megabytes(free)} free")
        self._note(file)

    def _rename(self, file: Incoming, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        now, target = self._where(file), free_name(target)
        self._note(file, target)  # before: until it is renamed, it is looked for in both places
        return now.replace(target)

    def _prune(self) -> None:
        """Remove folders in which nothing is left."""
        for folder in sorted(self.folder.glob("ready-*/**/"), reverse=True):  # the innermost first
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()

    def _free(self) -> int:
        there = next(folder for folder in (self.folder, *self.folder.absolute().parents) if folder.exists())
        return shutil.disk_usage(there).free

    def _unwritable(self, file: Incoming, error: OSError) -> CannotWrite:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return CannotWrite(
            f"{'The disk is full' if full else 'The disk cannot be written'} at {file.name}: {error.strerror}, where "
            f"{self.folder} lies. {'Make room' if full else 'Mend that'}, and go on; what has arrived is kept."
        )


def safe_name(name: str) -> PurePosixPath:
    """Return a path that is harmless on every system, below any folder.

    Nothing in it leads upwards, is hidden, is reserved on Windows or reads as something else; letters
    with accents are written as one character, as macOS does not.
    """
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    safe = [tidy for part in parts if (tidy := _safe_part(part))]
    return PurePosixPath(*(safe[:-1][-_DEEPEST:] + safe[-1:] or ["file"]))


def _safe_part(part: str) -> str:
    plain = "".join(c for c in part if unicodedata.category(c) not in ("Cc", "Cs") and c not in _TURNING)
    tidy = _FORBIDDEN.sub("_", plain).lstrip(". ").rstrip(". ")
    if _RESERVED.fullmatch(tidy):
        tidy = f"_{tidy}"
    suffix = PurePosixPath(tidy).suffix
    if len(suffix.encode()) > _LONGEST // 4:
        suffix = ""  # a sentence with a full stop in it
    return tidy.removesuffix(suffix).encode()[: _LONGEST - len(suffix.encode())].decode(errors="ignore") + suffix


def _read(record: Path) -> tuple[Incoming, str] | None:
    """Read a file's record: the file, and where below the folder it was handed over; None where there is none."""
    try:
        said: Mapping = json.loads(record.read_text(encoding="utf-8"))
        file, ready = Incoming(said["name"], said["size"], said["modified"]), PurePosixPath(said["ready"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    inside = ready.parts[:1] and ready.parts[0].startswith("ready-") and ".." not in ready.parts
    return (file, str(ready) if inside else "") if file.key == record.stem else None


def _megabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
