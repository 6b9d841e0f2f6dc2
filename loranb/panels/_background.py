"""Work that takes minutes, beside the notebook's other work where this page shows what comes of it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from loranb.panels import _platform

EVERY = 0.25  # seconds between two looks at how far it is
LAST = 60.0  # seconds that what is in work may still take after a stop

Report = Callable[..., None]  # given whatever the work tells of itself
Stop = Callable[[], bool]


class Work:
    """Something that runs in a thread of its own; it touches no widget: whoever wants to know asks.

    Args:
        do: called with a function to report by and one that says whether to stop.
    """

    def __init__(self, do: Callable[[Report, Stop], Any]):
        self.said: tuple | None = None  # what was reported last
        self.result: Any = None
        self.error: BaseException | None = None
        self._do, self._stop = do, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    @property
    def stopped(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask it to end."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait for its end, so long at the most."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            self.result = self._do(self._note, self._stop.is_set)
        except Exception as error:  # shown by whoever asks
            self.error = error

    def _note(self, *said: Any) -> None:
        self.said = said


class Follower:
    """Runs one piece of work at a time, and tells how far it is.

    Where the page shows what is changed in the background, the notebook stays free, and a Stop
    button works. Elsewhere the work is waited for, and the notebook's own ■ stops it.

    Args:
        went_on: called with what the work reported last, now and then.
        ended: called with the work when it has ended.
    """

    def __init__(self, went_on: Report, ended: Callable[[Work], None]):
        self._went_on, self._ended = went_on, ended
        self.work: Work | None = None  # that goes on
        self._task: asyncio.Task | None = None  # held, or it could be collected half way

    @property
    def running(self) -> bool:
        """Whether some work goes on, or its end has not been told yet."""
        return self.work is not None

    def start(self, do: Callable[[Report, Stop], Any]) -> None:
        """Begin; does nothing while earlier work goes on."""
        if not self.running:
            self.follow(Work(do))

    def follow(self, work: Work) -> None:
        """Tell of work that was begun elsewhere, such as by a cell that has been run again since."""
        self.work = work
        if _platform.keeps_the_notebook_free():
            self._task = asyncio.get_running_loop().create_task(self._watch(work))
        else:
            self._wait(work)
            self._end(work)

    def stop(self) -> None:
        """End what goes on; what is done is kept."""
        if self.work:
            self.work.stop()

    def _wait(self, work: Work) -> None:
        try:
            while work.running:
                work.wait(EVERY)
                self._tell(work)
        except KeyboardInterrupt:
            work.stop()
            work.wait(LAST)

    async def _watch(self, work: Work) -> None:
        while work.running:
            self._tell(work)
            await asyncio.sleep(EVERY)
        self._end(work)

    def _tell(self, work: Work) -> None:
        if work.said is not None:
            self._went_on(*work.said)

    def _end(self, work: Work) -> None:
        self.work = None
        self._ended(work)


class Soon:
    """Does something once after a while, however often it is asked for meanwhile; at once where no while can be waited.

    Args:
        do: what is to be done.
        seconds: to wait.
    """

    def __init__(self, do: Callable[[], None], seconds: float):
        self._do, self._seconds = do, seconds
        self._waiting: asyncio.TimerHandle | None = None

    def __call__(self) -> None:
        """Ask for it."""
        if not _platform.keeps_the_notebook_free():
            self._do()
        elif self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(self._seconds, self.now)

    def now(self) -> None:
        """Do it without waiting any longer."""
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
        self._do()
