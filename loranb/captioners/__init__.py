"""Captioners: what puts a picture into words.

One file each, found by its name; adding one is adding a file with a ``load`` function, which
returns a `Captioner`. Importing this package loads no model library.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image


class Captioner(Protocol):
    """What puts pictures into words."""

    def caption(self, pictures: "Sequence[Image]") -> list[str]:
        """Return one caption a picture, without trigger word or prefix; see `compose`."""
        ...


def names() -> list[str]:
    """List the captioners there are, without importing any."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def captioner(name: str) -> Callable[..., Captioner]:
    """Import one captioner by name and return its ``load``: ``captioner("wd14")("demo")``.

    Raises:
        LookupError: there is no captioner of that name.
    """
    if name not in names():
        raise LookupError(f"There is no captioner {name!r}; there are {', '.join(names())}.")
    return importlib.import_module(f"{__name__}.{name}").load


def compose(
    tags: Iterable[str],
    trigger: str | None = None,
    prefix: str | None = None,
    undesired: Iterable[str] = (),
    separator: str = ", ",
) -> str:
    """Make a caption: "trigger, prefix, tag, tag".

    The trigger word comes first, where "keep first tokens" protects it from shuffling. A tag is
    left out where it is undesired or was said before; case, and spaces for underscores, make no
    difference there.

    Args:
        tags: in the order wanted; a whole sentence may stand as one tag.
        trigger: the word that shall call up what is learned.
        prefix: what every picture shows, such as the class.
        undesired: tags to leave out; trigger and prefix always stay.
        separator: what stands between two tags.
    """
    first = [part.strip() for part in (trigger, prefix) if part and part.strip()]
    unwanted = {_same(tag) for tag in undesired}
    kept = first + [tag.strip() for tag in tags if tag.strip() and _same(tag) not in unwanted]
    said: dict[str, str] = {}
    for tag in kept:
        said.setdefault(_same(tag), tag)
    return separator.join(said.values())


def _same(tag: str) -> str:
    return tag.strip().replace("_", " ").casefold()
