"""The captions of pictures in memory, with the state of the files that they were read from."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loranb.dataset import tag_text
from loranb.dataset.captions import EXTENSIONS, LEGACY, CaptionFile, parse
from loranb.errors import DatasetError

State = tuple[int, int, int]  # time, size and number of a file; it was changed if one of them differs


@dataclass(frozen=True)
class HeldCaption:
    """A caption as its file held it when it was read."""

    file: Path  # where it lies, or would lie
    state: State | None = None  # None is no file
    content: bytes | None = None
    caption: CaptionFile = CaptionFile()
    problem: str = ""
    others: tuple[str, ...] = ()  # suffixes of captions beside it that are not read

    @property
    def text(self) -> str:
        """What it says."""
        return self.caption.text

    @functools.cached_property
    def lower(self) -> str:
        """What it says in small letters on one line, to search in."""
        return " ".join(self.text.lower().split())

    @functools.cached_property
    def tags(self) -> list[tuple[str, str, str]]:
        """Its tags: as they stand, without weight and brackets, and as they are called."""
        return [(tag, tag_text.spelling(tag), tag_text.name(tag)) for tag in tag_text.tags(self.text)]


class HeldCaptions:
    """The captions of pictures; those of one stem in one folder share theirs.

    Args:
        pictures: whose captions to read.
    """

    def __init__(self, pictures: Sequence[Path]):
        self._stems = {picture: os.path.splitext(picture)[0] for picture in pictures}  # noqa: PTH122 - four times as quick
        states = _states({picture.parent for picture in pictures})
        self._held = {stem: _read(stem, states) for stem in self._stems.values()}
        self._problems = {stem: held.problem for stem, held in self._held.items() if held.problem}

    def __getitem__(self, picture: Path) -> HeldCaption:
        stem = self._stem(picture)
        return self._held[stem] if stem in self._held else self.read(picture)

    @property
    def problems(self) -> dict[Path, str]:
        """Why captions cannot be read, by their pictures."""
        if not self._problems:
            return {}
        return {picture: self._problems[stem] for picture, stem in self._stems.items() if stem in self._problems}

    def file(self, picture: Path) -> Path:
        """Return the file that a picture's caption lies in, or would lie in."""
        return self[picture].file

    def read(self, picture: Path) -> HeldCaption:
        """Read a picture's caption anew."""
        return self._read(self._stem(picture))

    def read_file(self, file: Path) -> None:
        """Read a caption anew by its file."""
        self._read(os.path.splitext(file)[0])  # noqa: PTH122

    def look_again(self, pictures: Iterable[Path]) -> set[Path]:
        """Read the captions whose files are not as they were; return their pictures."""
        pictures = list(pictures)
        states = _states({picture.parent for picture in pictures})
        changed = set()
        for picture in pictures:
            stem = self._stem(picture)
            held = self._held.get(stem)
            found = {suffix: states.get(stem + suffix) for suffix in EXTENSIONS}
            there = tuple(suffix for suffix in EXTENSIONS if found[suffix])
            before = (held.file.suffix, *held.others) if held and held.state else ()
            if held is None or there != before or (there and found[there[0]] != held.state):
                changed.add(stem)
        for stem in changed:
            self._keep(stem, states)
        return {picture for picture in pictures if self._stem(picture) in changed}

    def notes(self) -> list[str]:
        """Say what is to be known of the files."""
        held = list(self._held.values())
        said = [
            (
                [h.file.name for h in held if h.others],
                "have both a .txt and a .caption file; the .txt is used, and the other is left as it is",
            ),
            (
                [h.file.name for h in held if h.state and h.file.suffix == ".caption"],
                "are in a .caption file; they are read there and written back there",
            ),
            (
                [h.file.name for h in held if h.caption.encoding == LEGACY and not h.problem],
                "are not UTF-8 and were read as Windows-1252; look at their accents. They become UTF-8 when changed",
            ),
            (
                [h.file.name for h in held if h.caption.encoding.startswith(("utf-16", "utf-32"))],
                "are in UTF-16 or UTF-32, which most trainers cannot read; save them as UTF-8 for those",
            ),
        ]
        return [f"{len(names)} captions {words}: {_few(names)}." for names, words in said if names]

    def _stem(self, picture: Path) -> str:
        return self._stems.get(picture) or os.path.splitext(picture)[0]  # noqa: PTH122

    def _read(self, stem: str) -> HeldCaption:
        states: dict[str, State] = {}
        for suffix in EXTENSIONS:
            with contextlib.suppress(OSError):
                states[stem + suffix] = _state(os.stat(stem + suffix))  # noqa: PTH116
        return self._keep(stem, states)

    def _keep(self, stem: str, states: Mapping[str, State]) -> HeldCaption:
        held = self._held[stem] = _read(stem, states)
        self._problems.pop(stem, None)
        if held.problem:
            self._problems[stem] = held.problem
        return held


def _read(stem: str, states: Mapping[str, State]) -> HeldCaption:
    there = [suffix for suffix in EXTENSIONS if stem + suffix in states]
    file = stem + (there or EXTENSIONS)[0]
    if not there:
        return HeldCaption(Path(file))
    make: Callable[..., HeldCaption] = functools.partial(HeldCaption, Path(file), states[file], others=tuple(there[1:]))
    try:
        with open(file, "rb") as opened:  # noqa: PTH123
            content = opened.read()
    except FileNotFoundError:
        return HeldCaption(Path(file))
    except OSError as error:
        return make(problem=f"{file} cannot be read: {error.strerror}. Check what it is and who may read it.")
    try:
        return make(content=content, caption=parse(content, Path(file)))
    except DatasetError as error:
        return make(content=content, problem=str(error))


def _states(folders: Iterable[Path]) -> dict[str, State]:
    """Look at the captions in folders; one call for each folder is many times as quick as one for each file."""
    found: dict[str, State] = {}
    for folder in folders:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(EXTENSIONS):
                    with contextlib.suppress(FileNotFoundError):
                        found[os.path.join(folder, entry.name)] = _state(entry.stat())  # noqa: PTH118
    return found


def _state(stat: os.stat_result) -> State:
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _few(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
