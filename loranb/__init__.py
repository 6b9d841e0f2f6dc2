"""loranb: from a pile of pictures to a tested Stable Diffusion LoRA, in notebooks.

In a notebook::

    import loranb
    project = loranb.open("my_cat")  # a folder; "demo" comes with pictures
    loranb.images(project)           # 1. get pictures in
    loranb.captions(project)         # 2. say what they show
    loranb.configure(project)        # 3. settings and plan
    run = loranb.train(project)      # 4. train and watch
    loranb.test(project)             # 5. try the LoRA

Names are resolved when they are used: ``import loranb`` loads neither torch nor ipywidgets.
"""

import importlib
import logging
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from loranb.panels.captions import panel as captions
    from loranb.panels.images import panel as images
    from loranb.panels.settings import panel as configure
    from loranb.panels.testing import grid
    from loranb.panels.testing import panel as test
    from loranb.panels.training import panel as train
    from loranb.panels.training import watch
    from loranb.workplace import check, check_captions
    from loranb.workplace import open_project as open  # noqa: A004  `loranb.open("my_cat")` reads as meant

__version__ = "0.1.0"

# transformers complains at import that torchvision is missing; loranb does without it on purpose.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
# bitsandbytes complains at import, on some processors, of a package that would make it quicker there.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)

_PLACES = {
    "open": ("loranb.workplace", "open_project"),
    "check": ("loranb.workplace", "check"),
    "check_captions": ("loranb.workplace", "check_captions"),
    "images": ("loranb.panels.images", "panel"),
    "captions": ("loranb.panels.captions", "panel"),
    "configure": ("loranb.panels.settings", "panel"),
    "train": ("loranb.panels.training", "panel"),
    "watch": ("loranb.panels.training", "watch"),
    "test": ("loranb.panels.testing", "panel"),
    "grid": ("loranb.panels.testing", "grid"),
}
__all__ = ["captions", "check", "check_captions", "configure", "grid", "images", "open", "test", "train", "watch"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"loranb has no {name!r}; it has {', '.join(__all__)}.")
    module, attribute = _PLACES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
