"""The cheapest change of settings with which a run fits a GPU."""

import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from loranb.estimate.bases import Base
from loranb.estimate.gpus import Gpu, here
from loranb.estimate.memory import memory
from loranb.plan import Plan
from loranb.plan import plan as plan_of
from loranb.settings import Settings
from loranb.settings.optimizers import BITSANDBYTES

MOST = 5  # changes at once


@dataclass(frozen=True)
class Saving:
    """A change that saves memory.

    Args:
        words: what it does, with what it costs.
        cost: by how much a run gets longer, in percent; what changes the result as well is dearer.
        changes: values by ``group.name``, for `Settings.assign_all`.
    """

    words: str
    cost: float
    changes: Mapping[str, Any]


def cheapest(settings: Settings, plan: Plan, base: Base, gpu: Gpu) -> Saving | None:
    """Find the cheapest change, or a few together, with which a run fits; None where it fits or nothing helps.

    Costs are published shares of other trainers' steps, and only order the changes.
    """
    fits = _Fits(settings, plan, base, gpu)
    if fits({}):
        return None
    known = [saving for saving in _savings(settings) if not (_lacks_bitsandbytes(gpu) and _needs_it(saving))]
    if not fits({path: value for one in sorted(known, key=_cost) for path, value in one.changes.items()}):
        return None
    tried = sorted(
        (several for count in range(1, MOST + 1) for several in combinations(known, count) if _apart(several)),
        key=lambda several: (sum(map(_cost, several)), len(several)),
    )
    for several in tried:
        changes = {path: value for one in several for path, value in one.changes.items()}
        if fits(changes):
            return Saving("; ".join(one.words for one in several), sum(map(_cost, several)), changes)
    return None


def _lacks_bitsandbytes(gpu: Gpu) -> bool:
    """Whether it is known not to be there: of another machine's GPU nobody knows."""
    return gpu == here() and importlib.util.find_spec(BITSANDBYTES) is None


def _needs_it(saving: Saving) -> bool:
    changes = saving.changes
    return changes.get("optimizer.name") == "AdamW8bit" or changes.get("memory.base") == "4bit"


def _cost(saving: Saving) -> float:
    return saving.cost


class _Fits:
    """Whether a run fits a GPU after some changes; the plan of another resolution is made once."""

    def __init__(self, settings: Settings, plan: Plan, base: Base, gpu: Gpu):
        self.settings, self.base, self.gpu = settings, base, gpu
        self.plans = {settings.dataset.resolution: plan}

    def __call__(self, changes: Mapping[str, Any]) -> bool:
        changed = _changed(self.settings, changes)
        resolution, known = changed.dataset.resolution, self.plans
        if resolution not in known:
            first = known[self.settings.dataset.resolution]
            known[resolution] = plan_of(changed, [one.image for one in (*first.shown, *first.held_out)])
        there = replace(known[resolution], batch_size=changed.length.batch_size)
        return memory(changed, there, self.base).peak <= self.gpu.bytes


def _changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Change settings without checking them anew, which takes longer than all the rest; the values are our own."""
    groups: dict[str, dict[str, Any]] = {}
    for path, value in changes.items():
        group, _, name = path.partition(".")
        groups.setdefault(group, {})[name] = value
    return settings.model_copy(
        update={group: getattr(settings, group).model_copy(update=values) for group, values in groups.items()}
    )


def _apart(several: tuple[Saving, ...]) -> bool:
    paths = [path for one in several for path in one.changes]
    return len(paths) == len(set(paths))


def _savings(settings: Settings) -> Iterator[Saving]:
    """List what can be changed, each with its cost in percent of a run's time (published, or assumed)."""
    memory_of, length = settings.memory, settings.length
    if not (settings.dataset.cache_latents or settings.dataset.random_crop or settings.dataset.colour):
        yield Saving("encode pictures once (memory and time saved)", 0, {"dataset.cache_latents": True})
    if settings.dataset.vae_batch_size > 1:
        yield Saving("pictures encoded one by one", 0.5, {"dataset.vae_batch_size": 1})
    if settings.optimizer.name == "AdamW":
        yield Saving("optimizer AdamW8bit (no time lost)", 1, {"optimizer.name": "AdamW8bit"})
    if memory_of.gradient_checkpointing == "none":
        words = "gradient checkpointing selective (about a tenth slower)"
        yield Saving(words, 9, {"memory.gradient_checkpointing": "selective"})
    for batch in _smaller(length.batch_size):
        times = -(-length.batch_size // batch) * length.gradient_accumulation
        words = f"batches of {batch}, {times} added up (the same step, slower on fast cards)"
        cost = 12 + length.batch_size / batch
        yield Saving(words, cost, {"length.batch_size": batch, "length.gradient_accumulation": times})
    if memory_of.gradient_checkpointing != "full":
        yield Saving("gradient checkpointing full (a third slower)", 35, {"memory.gradient_checkpointing": "full"})
    if memory_of.base == "as is":
        yield Saving("the base in 8 bits (slower, a little less exact)", 50, {"memory.base": "8bit"})
        yield Saving("the base in 4 bits (slower, less exact)", 70, {"memory.base": "4bit"})
    if settings.lora.text_encoder and settings.lora.unet:
        yield Saving("the U-Net alone (new words are learnt less well)", 80, {"lora.text_encoder": False})
    smaller = settings.dataset.resolution * 3 // 4 // 64 * 64
    if smaller >= 512:
        yield Saving(f"a resolution of {smaller} (less detail)", 90, {"dataset.resolution": smaller})


def _smaller(batch: int) -> list[int]:
    """List halves of a batch, down to 1."""
    return [batch // 2**n for n in range(1, batch.bit_length()) if batch % 2**n == 0] or ([1] if batch > 1 else [])
