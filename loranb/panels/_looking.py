"""Look at a project's pictures beside the notebook's other work."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from loranb.dataset.health.report import Report, check
from loranb.panels import _platform
from loranb.project import Project

EVERY = 0.25  # seconds between two looks at how far it is
LAST = 60.0  # seconds that the pictures in work may still take after a stop
_AT_WORK: dict[Path, "Looking"] = {}  # the last of each project


class Looking:
    """A check of a project that runs in a thread of its own; what it measures is kept on disk as it goes.

    It touches no widget: whoever wants to know asks. A later one of the same project, such as that of a
    cell that was run again, ends it.

    Args:
        project: whose pictures.
        kind: of LoRA; blank where it is not known.
    """

    def __init__(self, project: Project, kind: str):
        self.done, self.total = 0, 0
        self.report: Report | None = None
        self.error: Exception | None = None
        self._project, self._kind = project, kind
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        if earlier := _AT_WORK.get(project.root):
            earlier.stop()
        _AT_WORK[project.root] = self
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait for its end."""
        self._thread.join(None if seconds == math.inf else seconds)

    def stop(self) -> None:
        """End it after the pictures that are being looked at; its report is of those before."""
        self._stop.set()

    def _look(self) -> None:
        try:
            self.report = check(self._project, self._kind, self._note, self._stop.is_set)
        except Exception as error:  # shown by whoever asks
            self.error = error

    def _note(self, done: int, total: int, _doing: str) -> None:
        self.done, self.total = done, total


class Looker:
    """Looks at a project's pictures whenever asked, one look at a time, and tells what was found.

    Args:
        project: whose pictures.
        went_on: told of a look that goes on, now and then.
        ended: told of one that ended or was stopped, or whose end this page would not show; it has no report then.
    """

    def __init__(self, project: Project, went_on: Callable[[Looking], None], ended: Callable[[Looking], None]):
        self._project, self._went_on, self._ended = project, went_on, ended
        self._looking: Looking | None = None
        self._asked: str | None = None  # a kind of LoRA that another look was asked for, meanwhile
        self._task: asyncio.Task | None = None  # held, or it could be collected half way

    @property
    def running(self) -> bool:
        """Whether a look goes on."""
        return self._looking is not None and self._looking.running

    def look(self, kind: str, wait: float) -> None:
        """Look at what is new; what is longer goes on in the background, where this page shows what comes of it.

        Args:
            kind: of LoRA.
            wait: seconds to wait for its end; without a notebook, it is waited for anyhow.
        """
        if self._task and not self._task.done():
            self._asked = kind
            return
        self._looking = Looking(self._project, kind)
        self._wait(wait if _in_notebook() else math.inf)
        if self._looking.running and _platform.background_updates_arrive():
            self._task = asyncio.get_running_loop().create_task(self._follow(self._looking))
        else:
            self._ended(self._looking)

    def stop(self) -> None:
        """End the look that goes on."""
        self._asked = None
        if self._looking:
            self._looking.stop()

    def _wait(self, seconds: float) -> None:
        until, looking = time.monotonic() + seconds, self._looking
        try:
            while looking.running and time.monotonic() < until:
                looking.wait(min(EVERY, max(0.0, until - time.monotonic())))
                self._went_on(looking)
        except KeyboardInterrupt:  # what was looked at is kept
            looking.stop()
            looking.wait(LAST)

    async def _follow(self, looking: Looking) -> None:
        while True:
            while looking.running:
                self._went_on(looking)
                await asyncio.sleep(EVERY)
            self._ended(looking)
            if self._asked is None:
                return
            kind, self._asked = self._asked, None
            self._looking = looking = Looking(self._project, kind)


def _in_notebook() -> bool:
    """Whether work can go on after a cell has ended."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
