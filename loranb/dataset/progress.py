"""How long work says how far it is, and how it is stopped."""

import time
from collections.abc import Callable

# Called with what is done, what there is to do (0 where nobody knows) and what is being done: files when
# files are copied, bytes when one is fetched or unpacked. An exception raised in it stops the work.
Progress = Callable[[int, int, str], None]


def silent(_done: int, _total: int, _doing: str) -> None:
    """Say nothing."""


def spoken(tell: Callable[[str], None], every: float = 1.0) -> Progress:
    """Return a progress that is told in lines, every so many seconds and at its end."""
    said = [time.monotonic()]

    def tell_now_and_then(done: int, total: int, doing: str) -> None:
        if time.monotonic() - said[0] >= every or done == total:
            said[0] = time.monotonic()
            tell(f"{done / total:4.0%} {doing}" if total else doing)

    return tell_now_and_then
