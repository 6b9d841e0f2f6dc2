"""What a run with some settings will be: steps, memory, files, minutes, the rate, subjects and buckets."""

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ipywidgets as w

from loranb.estimate import GPUS, UNKNOWN, Estimate, Gpu, here
from loranb.estimate.formula import formula
from loranb.estimate.memory import COMPUTED
from loranb.estimate.words import duration, size
from loranb.files import write_text
from loranb.panels._memory_bar import memory_bar
from loranb.panels._platform import with_tooltip
from loranb.panels._rate_curve import rate_curve
from loranb.panels._show import Kind, message, shown, small, table, title
from loranb.plan import Plan
from loranb.settings import Settings

_KINDS: Mapping[str, Kind] = {"fits": "good", "tight": "warning", "does not fit": "error"}


class PlanView(w.VBox):
    """The plan, which follows each change of the settings.

    Args:
        kept: where the choice of GPU is kept.
        gpu_chosen: called when another GPU was chosen.
        mend: called with the changes that make a run fit.
    """

    def __init__(self, kept: Path, gpu_chosen: Callable[[], None], mend: Callable[[Mapping[str, Any]], None]):
        self._kept, self._gpu_chosen, self._mend = kept, gpu_chosen, mend
        self._changes: Mapping[str, Any] = {}
        self._gpus = _offered()
        self.text, self.verdict, self.parts, self.more, self.notice = (w.HTML() for _ in range(5))
        first = _remembered(kept)
        self.choice = w.Dropdown(
            options=[("choose …", ""), *((label, label) for label in self._gpus)],
            value=first if first in self._gpus else next(iter(self._gpus)) if here() else "",
            layout=w.Layout(width="200px"),
        )
        with_tooltip(self.choice, "The GPU that will be trained on")
        self.choice.observe(shown(lambda _: self._chosen(), self.notice), "value")
        self.fit = w.Button(icon="wrench", layout=w.Layout(width="140px", display="none"))
        self.fit.on_click(shown(lambda _: self._mend(self._changes), self.notice))
        row = w.HBox([w.HTML("GPU"), self.choice])
        row.add_class("lb-tools")
        super().__init__(
            [self.text, row, self.verdict, self.fit, self.notice, self.parts, self.more], layout=w.Layout(width="100%")
        )

    @property
    def gpu(self) -> Gpu | None:
        """The GPU that was chosen, or this machine's; None where neither is known."""
        return self._gpus.get(self.choice.value)

    @property
    def value(self) -> str:
        """What is shown, as HTML."""
        return "".join(part.value for part in (self.text, self.verdict, self.parts, self.more))

    def show(self, settings: Settings, plan: Plan | None, known: Estimate | None, why_not: str = "") -> None:
        """Show a plan and what it needs, or why there is none."""
        if plan is None or known is None:
            self.text.value = title("Plan") + message("warning", why_not)
            self.verdict.value = self.parts.value = self.more.value = ""
            self._offer({}, "")
            return
        self.text.value = title("Plan") + message("info", _said(plan, known)) + formula(plan)
        self.verdict.value, self.parts.value = _verdict(known), _parts(known)
        fitting = known.cheapest
        self._offer(fitting.changes if fitting else {}, fitting.words if fitting else "")
        self.more.value = "".join([_files(known), _rate(settings, plan), _subjects(plan), _buckets(plan)])

    def _offer(self, changes: Mapping[str, Any], words: str) -> None:
        self._changes = changes
        self.fit.layout.display = "" if changes else "none"
        if changes:
            self.fit.description = "Make it fit"
            with_tooltip(self.fit, f"{words}: " + "; ".join(f"{path} = {value}" for path, value in changes.items()))

    def _chosen(self) -> None:
        with contextlib.suppress(OSError):  # it is chosen anew then
            write_text(self._kept, json.dumps({"gpu": self.choice.value}))
        self._gpu_chosen()


def _offered() -> dict[str, Gpu]:
    """Return the GPUs to choose from by their labels, this machine's first."""
    mine = here()
    known = {f"{gpu.name}, {gpu.memory:.0f} GiB": gpu for gpu in GPUS}
    return ({f"here: {mine.name}": mine} if mine else {}) | known


def _remembered(kept: Path) -> str:
    try:
        return str(json.loads(kept.read_text(encoding="utf-8"))["gpu"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _said(plan: Plan, known: Estimate) -> str:
    lines = [plan.sentence()]
    if known.steps_without_regularisation is not None:
        lines.append(f"Without regularisation pictures: {known.steps_without_regularisation:,} steps.")
    if plan.held_out:
        lines.append(f"{len(plan.held_out)} pictures are kept back for validation.")
    if known.seconds is not None:
        lines.append(f"About {duration(known.seconds)}, as this machine has trained before.")
    return "\n".join(lines)


def _verdict(known: Estimate) -> str:
    if known.memory is None:
        return small(UNKNOWN)
    needed, gpu = known.memory, known.gpu
    said = f"{size(needed.peak)} of GPU memory"
    if gpu:
        said = f"{said} are needed, and {gpu.name} has {gpu.memory:.0f} GiB: {known.verdict}"
    if known.cheapest:
        said += f". It would fit with {known.cheapest.words}"
    if needed.samples > needed.training:
        said += f".\nThe most is needed while samples are drawn; {size(needed.training)} in a step"
    return message(_KINDS.get(known.verdict, "info"), f"{said}.")


def _parts(known: Estimate) -> str:
    if known.memory is None:
        return ""
    bar = memory_bar(known.memory.parts, known.gpu.bytes if known.gpu else None)
    return bar + small(f"{COMPUTED[:1].upper()}{COMPUTED[1:]}.")


def _files(known: Estimate) -> str:
    if known.disk is None:
        return ""
    files = "1 LoRA file" if known.disk.files == 1 else f"{known.disk.files:,} LoRA files"
    state, latents = known.disk.state, known.disk.latents
    beside = f"{size(state)} to go on from" + (f" and {size(latents)} of encoded pictures" if latents else "")
    return small(
        f"{files} of {size(known.disk.file)}; with {beside}, {size(known.disk.total)} on the disk. "
        f"{known.parameters:,} parameters are trained."
    )


def _rate(settings: Settings, plan: Plan) -> str:
    return title("Learning rate", "step by step") + rate_curve(settings, plan.steps)


def _subjects(plan: Plan) -> str:
    if len(plan.subjects) < 2:
        return ""
    rows = [(s.folder, s.images, s.repeats, s.items, f"{s.share:.0%}") for s in plan.subjects]
    hint = "How often each is shown in an epoch. More repeats give a subject with few pictures its share."
    return title("Subjects", hint) + table(["folder", "pictures", "repeats", "shown", "share"], rows)


def _buckets(plan: Plan) -> str:
    cut = plan.cropped()
    rows = [
        (f"{b.size[0]} × {b.size[1]}", b.images, b.items, b.batches, f"{cut.get(b.size, 0):.0%}") for b in plan.buckets
    ]
    hint = "Pictures of like shape are trained together at the size that fits them; what sticks out is cut off."
    return title("Buckets", hint) + table(["size", "pictures", "shown", "batches", "cut off"], rows)
