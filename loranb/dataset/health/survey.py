"""Look at a project's pictures, several at a time, and remember what was found by their content."""

import contextlib
import os
import threading
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from loranb.dataset.contents import Contents
from loranb.dataset.health.facts import Facts, measure
from loranb.dataset.health.kept import Kept
from loranb.dataset.progress import Progress, silent
from loranb.project import Project

LARGEST_FILE = 2**30  # bytes; no photograph is larger, and one for each processor is read at a time
_LARGE = 2**26  # bytes; those are read one at a time


class Looked(NamedTuple):
    """A picture, the SHA-256 of its bytes (blank where they could not be read), and what is known of it."""

    path: Path
    content: str
    facts: Facts


class Surveyor:
    """Measures pictures and remembers them in the project's ``.loranb`` folder; nothing else is written.

    Args:
        project: whose pictures they are.
    """

    def __init__(self, project: Project):
        self._contents = Contents(project.root, project.cache / "contents.json")
        self._kept = Kept(project.cache / "health.jsonl")
        self._one_large = threading.Lock()

    def look(
        self, paths: Iterable[Path], progress: Progress = silent, stop: Callable[[], bool] = lambda: False
    ) -> list[Looked]:
        """Look at pictures; those that were looked at before and have not changed come from memory.

        All processors are used, and no more pictures than there are processors are in memory. What was
        measured is kept at once, so that nothing is measured twice when it is stopped and asked again.

        Args:
            paths: the pictures.
            progress: told how many are done; an exception raised in it stops the work.
            stop: asked after each picture; once it says yes, the others are left out.

        Returns:
            The pictures in the order they were asked for.
        """
        asked = list(dict.fromkeys(paths))
        known = {path: looked for path in asked if (looked := self._recall(path))}
        new = [path for path in asked if path not in known]
        found = {**known, **self._measure_all(new, len(known), progress, stop)}
        if new:
            self._kept.forget_all_but({looked.content for looked in found.values()})
        return [found[path] for path in asked if path in found]

    def _recall(self, path: Path) -> Looked | None:
        with contextlib.suppress(OSError):
            content = self._contents.known(path)
            facts = self._kept.get(content) if content else None
            return Looked(path, content, facts) if content and facts else None
        return None

    def _measure_all(
        self, paths: list[Path], before: int, progress: Progress, stop: Callable[[], bool]
    ) -> dict[Path, Looked]:
        found: dict[Path, Looked] = {}
        if not paths or stop():
            return found
        pool = ThreadPoolExecutor(min(_processors(), len(paths)))
        try:
            with warnings.catch_warnings(action="ignore"):  # what Pillow would say of EXIF and the like
                for future in as_completed([pool.submit(self._measure, path) for path in paths]):
                    found[future.result().path] = future.result()
                    progress(before + len(found), before + len(paths), "Looking at pictures")
                    if stop():
                        break
        finally:
            pool.shutdown(cancel_futures=True)
            with contextlib.suppress(OSError):  # a full disk costs only the time to look again
                self._contents.keep()
        return found

    def _measure(self, path: Path) -> Looked:
        try:
            size = path.stat().st_size
            if size > LARGEST_FILE:
                return Looked(path, "", Facts(problem="too_large", reason=f"is {size:,} bytes"))
            with self._one_large if size > _LARGE else contextlib.nullcontext():
                content, read = self._contents.read(path)
                facts = self._kept.get(content)
                if facts is None:
                    facts = measure(read)
                    self._kept.add(content, facts)
        except OSError as error:
            return Looked(path, "", Facts(problem="no_access", reason=f"cannot be opened: {error.strerror or error}"))
        except MemoryError:
            return Looked(path, "", Facts(problem="no_access", reason="needs more memory than is free"))
        return Looked(path, content, facts)


def _processors() -> int:
    """Return how many processors this process may use."""
    with contextlib.suppress(AttributeError):  # Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
