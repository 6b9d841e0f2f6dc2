"""The health of pictures: what is wrong with them, what that means for training, and what to do.

``check(project)`` says all of it in a `Report`. `Surveyor` only looks at files, and tells `Facts` that follow
from their bytes alone; those are measured once and kept.

The names below are resolved when they are first used: who wants the facts need not load the plan.
"""

import importlib
from typing import Any

_PUBLIC = {
    "CODES": "findings",
    "Checked": "checked",
    "Facts": "facts",
    "Finding": "findings",
    "KINDS": "advice",
    "Looked": "survey",
    "Report": "report",
    "Surveyor": "survey",
    "check": "report",
    "in_words": "wording",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
