"""What captioners said of a project's pictures, kept in ``.loranb/said``.

So a second run that words it otherwise takes no time, and one that was stopped goes on where it was.
A picture is known by its content and by how it is turned, cropped and laid on a background; a captioner by
its name, its options and its files. Several processes may write at once, each into a file of its own.
"""

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loranb import __version__, captioners
from loranb.captioners import Said
from loranb.dataset.images import READING
from loranb.dataset.reader import Pictures
from loranb.settings.declaration import Group

_PACE = {"batch"}  # options that change how fast something is said, and not what


class Memory:
    """What one captioner with certain options said.

    Args:
        pictures: of whose project.
        captioner: the captioner's name.
        options: how it is run.
    """

    def __init__(self, pictures: Pictures, captioner: str, options: Group):
        self._pictures = pictures
        values = options.model_dump(exclude=_PACE)
        told = json.dumps([__version__, READING, values, _files(captioner, values)], default=str)
        named = f"{captioner}-{_digest(told)}"
        self._folder = pictures.project.cache / "said" / named
        self._file = self._folder / f"{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
        self._known: dict[str, Said] = {}
        self.read_again()

    def read_again(self) -> None:
        """Read what this and other processes have written; lines that were cut off are passed over."""
        for file in sorted(self._folder.glob("*.jsonl")):
            with contextlib.suppress(OSError):
                for line in file.read_bytes().split(b"\n"):
                    with contextlib.suppress(ValueError, TypeError):
                        picture, tags, confidence = json.loads(line)
                        self._known[picture] = Said(tuple(tags), tuple(confidence))

    def of(self, picture: Path) -> Said | None:
        """Return what was said of a picture; None where nothing was.

        Raises:
            DatasetError: the picture cannot be read.
        """
        return self._known.get(self._key(picture))

    def keep(self, said: Iterable[tuple[Path, Said]]) -> None:
        """Write down what was said of pictures; nothing is lost but time where that cannot be done."""
        lines = []
        for picture, words in said:
            key = self._key(picture)
            self._known[key] = words
            lines.append(json.dumps([key, words.tags, words.confidence]) + "\n")
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write("".join(lines))

    def _key(self, picture: Path) -> str:
        pictures = self._pictures
        return _digest(f"{pictures.content(picture)} {pictures.edit(picture)} {pictures.background}")


def _files(captioner: str, values: Mapping[str, Any]) -> list[Any]:
    """Tell a model that lies in a folder by its files, so that another one in the same place is asked anew."""
    model = values.get("model", "")
    layout = getattr(captioners.module(captioner), "LAYOUT", None)
    folder = (layout.builtin.get(model) if layout else None) or Path(model).expanduser()
    if not model or not folder.is_dir():
        return []
    stats = ((file.name, file.stat()) for file in sorted(folder.iterdir()) if file.is_file())
    return [str(folder.resolve()), [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
