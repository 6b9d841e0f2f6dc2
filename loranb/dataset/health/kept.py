"""What was measured, remembered by content in one file that a stop half way does not harm."""

import contextlib
import importlib.util
import json
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Any

import PIL
import simplejpeg

from loranb.dataset.health.facts import MEASURES, Facts
from loranb.dataset.images import READING
from loranb.files import write_text

MOST = 20_000  # pictures, some 90 MB; beyond it only those are remembered that were just asked for


class Kept:
    """Facts of pictures, a line of JSON each, below a line that says how they were measured.

    A line is written as soon as a picture is measured; one that is cut off is passed over. Where anything
    is measured or read otherwise than it was then, all is forgotten.

    Args:
        file: where they are kept; safe to delete.
    """

    def __init__(self, file: Path):
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        self._begun = False  # whether the file is there and of these measures
        with contextlib.suppress(OSError, UnicodeDecodeError):
            self._read(file.read_text(encoding="utf-8"))

    def __len__(self) -> int:
        return len(self._known)

    def get(self, content: str) -> Facts | None:
        """Return what is known of a picture by the SHA-256 of its bytes."""
        try:
            return Facts.from_json(self._known[content])
        except (LookupError, ValueError, TypeError):
            return None

    def add(self, content: str, facts: Facts) -> None:
        """Remember a picture; nothing is lost but time where the file cannot be written."""
        with self._lock, contextlib.suppress(OSError):
            self._known[content] = facts.as_json()
            if not self._begun:
                write_text(self._file, _line(measured()))
                self._begun = True
            with self._file.open("a", encoding="utf-8") as file:
                file.write("\n" + _line([content, self._known[content]]))  # after a line that may be cut off

    def forget_all_but(self, contents: Collection[str]) -> None:
        """Forget other pictures, if they have become too many."""
        with self._lock, contextlib.suppress(OSError):
            if len(self._known) > MOST:
                self._known = {content: self._known[content] for content in contents if content in self._known}
                lines = (_line([content, values]) for content, values in self._known.items())
                write_text(self._file, "".join([_line(measured()), *lines]))

    def _read(self, text: str) -> None:
        first, *lines = text.splitlines() or [""]
        self._begun = first + "\n" == _line(measured())
        for line in lines if self._begun else ():
            with contextlib.suppress(ValueError, TypeError):
                content, values = json.loads(line)
                self._known[content] = values


def measured() -> dict[str, Any]:
    """Say how things are measured here: by whom, and by which decoders."""
    return {
        "measures": MEASURES,
        "reading": READING,
        "pillow": PIL.__version__,
        "simplejpeg": simplejpeg.__version__,
        "heif": importlib.util.find_spec("pillow_heif") is not None,
    }


def _line(values: Any) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n"
