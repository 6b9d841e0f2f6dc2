"""Downloads from the Hugging Face hub: how far they are, and how they are stopped."""

import threading
from collections.abc import Callable
from typing import Any

from loranb.dataset.progress import Progress


class _Stopped(Exception):
    """Raised in the hub's threads when whoever waits wants no more."""


class Counted:
    """Counts the bytes of a download in other threads, and tells them in the one that waits."""

    def __init__(self, name: str):
        self._name = name
        self._bars: list[Any] = []
        self._stopped = False

    def bar(self) -> type:
        """Return a progress bar in tqdm's manner, which shows nothing and counts here."""
        from tqdm import tqdm

        counter = self

        class Bar(tqdm):
            monitor_interval = 0  # no thread of its own

            def __init__(self, *things: Any, **options: Any):
                super().__init__(*things, **{**options, "disable": True})
                if options.get("unit") == "B":  # not the one that counts files
                    counter._bars.append(self)

            def update(self, n: float | None = 1) -> None:
                if counter._stopped:
                    raise _Stopped
                self.n += n or 0

        return Bar

    def wait(self, download: Callable[[], str], progress: Progress) -> str:
        """Run a download in a thread of its own, and say how far it is until it ends."""
        result: list[str] = []
        error: list[BaseException] = []

        def run() -> None:
            try:
                result.append(download())
            except BaseException as raised:
                error.append(raised)

        thread = threading.Thread(target=run, name="loranb-hub", daemon=True)
        thread.start()
        try:
            while True:
                thread.join(0.25)
                self._tell(progress)
                if not thread.is_alive():
                    break
        finally:
            self._stopped = True
        if error:
            raise error[0]
        return result[0]

    def _tell(self, progress: Progress) -> None:
        furthest = max(self._bars, key=lambda bar: bar.n, default=None)  # of bytes that came and bytes written
        if furthest is not None:
            progress(int(furthest.n), int(furthest.total or 0), f"Fetching {self._name}")
