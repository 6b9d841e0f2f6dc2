"""Know files by their content: the SHA-256 of each, remembered while the file stays as it is."""

import contextlib
import hashlib
import json
import os
import threading
from pathlib import Path

from loranb.files import write_text


class Contents:
    """The contents of a project's files.

    What was read once is remembered by path, time and size, in memory and, after `keep`, on disk:
    eight megabytes take milliseconds to read, a thousand times eight don't.

    Args:
        root: the project's folder; paths are remembered relative to it.
        file: where they are kept; safe to delete.
    """

    def __init__(self, root: Path, file: Path):
        self._root, self._file = root, file
        self._known = self._kept()
        self._lock = threading.Lock()

    def of(self, path: Path) -> str:
        """Return the SHA-256 of a file, in hexadecimal.

        Raises:
            OSError: it cannot be read.
        """
        stat = path.stat()
        if known := self._recall(path, stat):
            return known
        with path.open("rb") as file:
            return self._note(path, stat, hashlib.file_digest(file, "sha256").hexdigest())

    def known(self, path: Path) -> str | None:
        """Return the SHA-256 of a file that need not be read for it, else None.

        Raises:
            OSError: it is not there.
        """
        return self._recall(path, path.stat())

    def read(self, path: Path) -> tuple[str, bytes]:
        """Read a file, once, and return its SHA-256 and its bytes.

        Raises:
            OSError: it cannot be read.
        """
        stat, content = path.stat(), path.read_bytes()
        return self._note(path, stat, hashlib.sha256(content).hexdigest()), content

    def _recall(self, path: Path, stat: os.stat_result) -> str | None:
        entry = self._known.get(os.path.relpath(path, self._root))
        return entry[2] if entry and entry[:2] == [stat.st_mtime_ns, stat.st_size] else None

    def _note(self, path: Path, stat: os.stat_result, digest: str) -> str:
        with self._lock:
            self._known[os.path.relpath(path, self._root)] = [stat.st_mtime_ns, stat.st_size, digest]
        return digest

    def keep(self) -> None:
        """Write down what is remembered of files that are still there, beside what others wrote meanwhile."""
        with self._lock:
            known = self._kept() | self._known
            there = {name: entry for name, entry in known.items() if (self._root / name).exists()}
            write_text(self._file, json.dumps(there))

    def _kept(self) -> dict[str, list]:
        """Read what was written down: path: [mtime_ns, size, sha256]."""
        with contextlib.suppress(OSError, ValueError):  # not there, or cut off: files are read anew
            known = json.loads(self._file.read_text(encoding="utf-8"))
            return known if isinstance(known, dict) else {}
        return {}
