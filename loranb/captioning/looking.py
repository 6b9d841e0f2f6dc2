"""Have a captioner look at pictures: many at a time, the next ones decoded meanwhile, and nothing twice."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from loranb import captioners
from loranb.captioners import Captioner, Said
from loranb.captioning.memory import Memory
from loranb.dataset.images import WORKERS
from loranb.dataset.progress import Progress, silent
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.settings.declaration import Group

if TYPE_CHECKING:
    from PIL.Image import Image

Stop = Callable[[], bool]


class Choice(NamedTuple):
    """A captioner and how it is run."""

    name: str
    options: Group

    def load(self, progress: Progress) -> Captioner:
        """Load it; see `loranb.captioners`."""
        return captioners.module(self.name).load(self.options, progress)


@dataclass
class Seen:
    """What came of looking at pictures, however far it went."""

    said: dict[Path, Said] = field(default_factory=dict)
    problems: dict[Path, str] = field(default_factory=dict)  # why a picture could not be looked at
    stopped: bool = False
    looked: int = 0  # pictures that the captioner looked at; what was remembered is not among them
    seconds: float = 0.0  # that this took, without loading

    @property
    def done(self) -> int:
        """How many pictures are through."""
        return len(self.said) + len(self.problems)

    @property
    def per_second(self) -> float:
        """Pictures a second; 0 where nothing had to be looked at."""
        return self.looked / self.seconds if self.seconds else 0.0


def look(
    pictures: Pictures, paths: Sequence[Path], choice: Choice, progress: Progress = silent, stop: Stop = lambda: False
) -> Seen:
    """Have a captioner look at pictures; what it said of them before is remembered.

    It is loaded only where there is something new to look at, and let go of at the end. What it says is
    written down after each batch, so that a run that ends early goes on where it was.

    Args:
        pictures: reads them.
        paths: the pictures.
        choice: the captioner.
        progress: told how many are through, and how many a second; while a model is fetched, how much of it is there.
        stop: asked after each batch; once it says yes, the others are left out. An interrupt does the same.

    Raises:
        CaptionerError: the captioner cannot be loaded or run.
    """
    memory, seen = Memory(pictures, choice.name, choice.options), Seen()
    try:
        new = _recall(pictures, memory, paths, seen)
        if new and not stop():
            _look_at(pictures, new, choice.load(progress), Watched(memory, seen, len(paths), progress, stop))
    except KeyboardInterrupt:
        seen.stopped = True
    seen.stopped = seen.stopped or seen.done < len(paths)
    return seen


class Watched(NamedTuple):
    """What is told of the work while it is done, and who may stop it."""

    memory: Memory
    seen: Seen
    total: int
    progress: Progress
    stop: Stop

    def tell(self) -> None:
        """Say how far it is."""
        seen = self.seen
        self.progress(seen.done, self.total, f"Captioning, {seen.per_second:.3g} pictures a second")


def _recall(pictures: Pictures, memory: Memory, paths: Sequence[Path], seen: Seen) -> list[Path]:
    """Take what is known from memory, and return the pictures that are left."""

    def known(path: Path) -> Said | str | None:
        try:
            return memory.of(path)
        except DatasetError as error:
            return str(error)

    with ThreadPoolExecutor(WORKERS) as pool:  # the bytes of every picture are read, the first time
        found = dict(zip(paths, pool.map(known, paths), strict=True))
    pictures.keep()
    seen.said.update({path: said for path, said in found.items() if isinstance(said, Said)})
    seen.problems.update({path: said for path, said in found.items() if isinstance(said, str)})
    return [path for path, said in found.items() if said is None]


def _look_at(pictures: Pictures, paths: Sequence[Path], captioner: Captioner, watched: Watched) -> None:
    seen, began = watched.seen, time.monotonic()
    try:
        with contextlib.closing(_batches(pictures, paths, captioner.batch, seen.problems)) as batches:
            for batch in batches:
                said = dict(zip(batch, captioner.look(list(batch.values())), strict=True))
                watched.memory.keep(said.items())
                seen.said.update(said)
                seen.looked, seen.seconds = seen.looked + len(said), time.monotonic() - began
                watched.tell()
                if watched.stop():
                    return
    finally:
        captioner.close()


def _batches(
    pictures: Pictures, paths: Sequence[Path], size: int, problems: dict[Path, str]
) -> "Iterator[dict[Path, Image]]":
    """Read pictures in batches, the next batch while one is looked at; those that cannot be read are problems."""
    rest, waiting = iter(paths), deque[tuple[Path, Future]]()
    pool = ThreadPoolExecutor(WORKERS)

    def read_ahead() -> None:
        for path in islice(rest, size + WORKERS - len(waiting)):
            waiting.append((path, pool.submit(pictures.open, path)))

    try:
        batch: dict[Path, Image] = {}
        read_ahead()
        while waiting:
            path, reading = waiting.popleft()
            try:
                batch[path] = reading.result()
            except DatasetError as error:
                problems[path] = str(error)
            read_ahead()
            if batch and (len(batch) == size or not waiting):
                yield batch
                batch = {}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
