"""What was done to a project's captions, a line each, so that all of it can be undone, also after a restart.

A line holds the bytes of each file before and after. It is on the disk before the first file is written, so
an edit that a lost machine cut short can be undone like any other: what a file holds tells how far it got.
Lines of one number are one edit. An undoing is written down when it is done; cut short, it is done again.
"""

import contextlib
import json
import os
import re
import threading
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from loranb.errors import DatasetError
from loranb.files import write_bytes

LONGEST = 2**24  # bytes; a longer journal is cut down to the last edits that fill half of that: 17 of 1,000 captions
MOST = 2**12  # lines; the same, so that a journal of many small edits is read in a tenth of a second
_HEAD = 120  # bytes of a journal by which to know it: the number of its first edit, or of itself, is among them
PATIENCE = 10  # seconds to wait for another program that changes captions (assumed)
_REPEATS = re.compile(r"(?<![^/])\d+_(?=[^/]*/[^/]*$)")
By = Literal["hand", "bulk", "captioner"]


class Written(NamedTuple):
    """A file that was written; None stands for no file."""

    before: bytes | None
    after: bytes | None


@dataclass
class CaptionEdit:
    """One change to one or many captions: what each file held, by its path within the project."""

    what: str
    by: By = "hand"
    files: dict[str, Written] = field(default_factory=dict)
    number: str = field(default_factory=lambda: uuid.uuid4().hex)

    def line(self) -> dict[str, Any]:
        """Return what `CaptionJournal` reads."""
        files = [[path, _text(was.before), _text(was.after)] for path, was in self.files.items()]
        at = round(time.time(), 3)
        return {"edit": self.number, "what": self.what, "by": self.by, "at": at, "files": files}

    def take(self, line: Mapping[str, Any]) -> None:
        """Add what a line of the same number says: the first bytes before, the last bytes after."""
        for path, before, after in line["files"]:
            first = self.files[path].before if path in self.files else _bytes(before)
            self.files[path] = Written(first, _bytes(after))


class CaptionJournal:
    """The edits of a project's captions, as the file tells them, whoever writes into it.

    Args:
        file: need not be there; None remembers the edits as long as this lives.
    """

    def __init__(self, file: Path | None):
        self.file = file
        self.done: list[CaptionEdit] = []  # what can be undone, the latest at the end
        self.undone: list[CaptionEdit] = []  # what can be done again, the latest at the end
        self._known: dict[str, CaptionEdit] = {}  # those that can be undone, by number
        self._lock = threading.RLock()
        self._alone = False
        self._forgotten: dict[str, tuple[By, int]] = {}  # who wrote what last, of edits that were cut off
        self._head, self._read_to, self._lines = b"", 0, 0  # how the file begins, and how much of it has been read
        self._statuses: dict[str, tuple[By, int]] | None = None
        self.reload()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads and programs from changing captions meanwhile, and see what they did before.

        Raises:
            DatasetError: another one does not end.
        """
        with self._lock:
            if self._alone:
                yield
                return
            with contextlib.ExitStack() as stack:
                if self.file:
                    stack.enter_context(_locked(self.file.parent))
                self._alone = True
                stack.callback(setattr, self, "_alone", False)
                self.reload()
                yield

    def reload(self) -> None:
        """Read what was written into the file since."""
        if self.file is None:
            return
        with self._lock, contextlib.suppress(FileNotFoundError):
            with self.file.open("rb") as file:
                if file.read(len(self._head)) != self._head:  # shortened by another program
                    self._read_to = 0
                file.seek(self._read_to)
                whole = file.read().rpartition(b"\n")[0]
                if not self._read_to:
                    self.done, self.undone, self._known, self._forgotten = [], [], {}, {}
                    self._head, self._statuses, self._lines = whole[:_HEAD], None, 0
            lines = list(filter(None, whole.split(b"\n")))
            self._lines += len(lines)
            for line in lines:
                with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError, StopIteration):
                    self._take(json.loads(line))
            self._read_to += len(whole) + bool(whole)

    def begin(self, edit: CaptionEdit) -> None:
        """Write down what is about to be done; an edit that is known by its number goes on."""
        self._write(edit.line(), "Nothing was changed.")

    def moved(self, kind: Literal["undo", "redo"], edit: CaptionEdit) -> None:
        """Write down that an edit was undone or done again."""
        self._write({kind: edit.number, "at": round(time.time(), 3)}, "The captions are changed; do it again.")

    def written_by(self, path: str) -> tuple[By, int] | None:
        """Say who wrote a file last, and the checksum of what was written."""
        with self._lock:
            if self._statuses is None:
                self._statuses = dict(self._forgotten)
                for edit in self.done:
                    for file, was in edit.files.items():
                        self._note(self._statuses, file, edit.by, was.after)
            return self._statuses.get(path) or self._statuses.get(_lasting(path))

    @staticmethod
    def _note(statuses: dict[str, tuple[By, int]], path: str, by: By, after: bytes | None) -> None:
        last = statuses.get(path)
        if by == "bulk":  # a change to many leaves a draft a draft
            if last is None:
                return
            by = last[0]
        statuses[path] = statuses[_lasting(path)] = (by, checksum(after))

    def _take(self, line: dict[str, Any]) -> None:
        if "edit" in line:
            self._take_edit(line)
            return
        self._statuses = None
        if "forgotten" in line:
            self._forgotten = {path: (by, sum_) for path, by, sum_ in line["forgotten"]}
        else:
            kind = "undo" if "undo" in line else "redo"
            source, target = (self.done, self.undone) if kind == "undo" else (self.undone, self.done)
            place = next(place for place in reversed(range(len(source))) if source[place].number == line[kind])
            target.append(source.pop(place))
            self._known = {edit.number: edit for edit in self.done}

    def _take_edit(self, line: dict[str, Any]) -> None:
        edit = self._known.get(line["edit"]) or CaptionEdit(line["what"], line["by"], {}, line["edit"])
        edit.take(line)
        if edit.number not in self._known:
            self._known[edit.number] = edit
            self.done.append(edit)
        self.undone.clear()
        if all(was.before == was.after for was in edit.files.values()):
            self.done = [other for other in self.done if other is not edit]
            del self._known[edit.number]
            self._statuses = None
        elif self._statuses is not None:
            for path, _, after in line["files"]:
                self._note(self._statuses, path, edit.by, _bytes(after))

    def _write(self, line: dict[str, Any], otherwise: str) -> None:
        if self.file is None:
            self._take(json.loads(_line(line)))
            return
        try:
            self._append(line)
            self.reload()
            if (self.file.stat().st_size > LONGEST or self._lines > MOST) and not self.undone:
                self._shorten()
        except OSError as error:
            raise DatasetError(f"{self.file} cannot be written: {error.strerror}. {otherwise}") from error

    def _append(self, line: dict[str, Any]) -> None:
        assert self.file
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            torn = file.read(1) not in (b"", b"\n")  # a line that was cut off stays alone
            file.write((b"\n" if torn else b"") + _line(line))
            file.flush()
            os.fsync(file.fileno())

    def _shorten(self) -> None:
        """Write the file anew with the latest edits, one at least, and who wrote what before them."""
        assert self.file
        kept: list[bytes] = []
        length = 0
        for edit in reversed(self.done):
            text = _line(edit.line())
            length += len(text)
            if kept and (length > LONGEST // 2 or len(kept) == MOST // 2):
                break
            kept.append(text)
        for edit in self.done[: len(self.done) - len(kept)]:
            for path, was in edit.files.items():
                self._note(self._forgotten, path, edit.by, was.after)
        forgotten = [[path, by, sum_] for path, (by, sum_) in self._forgotten.items()]
        head = _line({"journal": uuid.uuid4().hex, "forgotten": forgotten})
        write_bytes(self.file, head + b"".join(reversed(kept)))
        self.reload()


def _lasting(path: str) -> str:
    """Write a path without its folder's repeats, which change: ``img/10_castle/a.txt`` as ``img/castle/a.txt``."""
    return _REPEATS.sub("", path)


def checksum(content: bytes | None) -> int:
    """Return a number by which to know what a file holds."""
    return zlib.crc32(content or b"")


def _line(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"  # in ASCII: names and captions may hold bytes that are no UTF-8


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "surrogateescape")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other programs out of a folder, where the system can: Windows and some network drives cannot."""
    handle = None
    try:
        with contextlib.suppress(OSError):  # Windows opens no folders
            handle = os.open(folder, os.O_RDONLY)
        until = time.monotonic() + PATIENCE
        while handle is not None and not _take_lock(handle):
            if time.monotonic() > until:
                raise DatasetError(
                    f"Another program has been changing the captions of {folder} for {PATIENCE} seconds. "
                    "Nothing was changed; try again when it is done."
                )
            time.sleep(0.01)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _take_lock(handle: int) -> bool:
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):  # no locks on this system, or this drive
        return True
    return True
