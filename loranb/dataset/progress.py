"""How long work says how far it is, and how it is stopped."""

from collections.abc import Callable

# Called with what is done, what there is to do (0 where nobody knows) and what is being done: files when
# files are copied, bytes when one is fetched or unpacked. An exception raised in it stops the work.
Progress = Callable[[int, int, str], None]


def silent(_done: int, _total: int, _doing: str) -> None:
    """Say nothing."""
