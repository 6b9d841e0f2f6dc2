"""One piece of advice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Advice:
    """What is unwise in some settings, and the changes that would mend it.

    Args:
        words: which settings with which values, what that does, and what to do instead.
        mend: values by ``group.name``, for `Settings.assign_all`; empty where only a person can decide.
    """

    words: str
    mend: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.words
