"""Captioners: what puts a picture into words.

One file each, found by its name; adding one is adding a file. Each file has

- ``TITLE``: its name for people; ``KIND``: whether it says ``"tags"`` or a ``"sentence"``;
- ``MODELS``: the hub ids of models it is known to run, each with a note; the first is the usual one;
- ``Options``: a `loranb.settings.declaration.Group` whose first setting is ``model``. Form and command
  line are derived from it;
- ``load(options, progress=None)``: returns a `Captioner`.

What is written into a caption file besides (trigger word, prefix, undesired tags, order) is no
captioner's business; see `loranb.captioning`. Importing this package loads no model library.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from loranb.errors import CaptionerError

if TYPE_CHECKING:
    from PIL.Image import Image


class Said(NamedTuple):
    """What a captioner says of one picture.

    A sentence is one "tag" without confidence; a tagger gives each tag its probability, 0 to 1.
    """

    tags: tuple[str, ...]
    confidence: tuple[float, ...] = ()


class Captioner(Protocol):
    """A captioner that is loaded."""

    kind: Literal["tags", "sentence"]
    batch: int  # how many pictures it looks at together; giving it as many at a time serves it best

    def look(self, pictures: "Sequence[Image]") -> list[Said]:
        """Say what is in each picture, of whatever size and mode. What is said of one does not depend on the others.

        Raises:
            CaptionerError: it cannot be run, such as for want of GPU memory.
        """
        ...

    def close(self) -> None:
        """Let go of the weights and give GPU memory back; it can look at nothing afterwards."""
        ...


def names() -> list[str]:
    """List the captioners there are, without importing any."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def module(name: str) -> ModuleType:
    """Import one captioner by name: ``module("wd14").load(module("wd14").Options(model="demo"))``.

    Raises:
        CaptionerError: there is no captioner of that name.
    """
    if name not in names():
        raise CaptionerError(f"There is no captioner {name!r}; there are {', '.join(names())}.")
    return importlib.import_module(f"{__name__}.{name}")
