"""One piece of advice, and what it asks of a plan, of a GPU and of a base model.

Settings know nothing of the plan that is made of them, so its shape is written down here: `loranb.plan.Plan` has it.
"""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Protocol


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


class Bucketful(Protocol):
    """The pictures trained at one size."""

    @property
    def items(self) -> int:
        """Pictures times their repeats."""


class Horizon(Protocol):
    """What a run will be."""

    @property
    def images(self) -> Sized:
        """The pictures."""

    @property
    def captions(self) -> Sequence[str]:
        """What is written of them."""

    @property
    def buckets(self) -> Sequence[Bucketful]:
        """The sizes that they are trained at."""

    @property
    def items(self) -> int:
        """Pictures shown in an epoch."""

    @property
    def steps(self) -> int:
        """All steps."""

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every picture is shown, times its repeats."""


class Card(Protocol):
    """A GPU."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def bf16(self) -> bool:
        """Whether it computes in bf16 itself; a T4 only imitates it."""


class Base(Protocol):
    """A base model, as far as it is known."""

    @property
    def title(self) -> str:
        """What it is called."""

    @property
    def resolution(self) -> int:
        """The side that it was trained at, in pixels."""
