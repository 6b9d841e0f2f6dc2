"""All that can be said of a run beforehand, beside its steps: memory, disk, minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loranb.errors import SettingsError
from loranb.estimate.bases import Base, base_of
from loranb.estimate.disk import Disk, disk
from loranb.estimate.filled import as_run
from loranb.estimate.fitting import Saving, cheapest
from loranb.estimate.gpus import Gpu
from loranb.estimate.memory import COMPUTED, Memory, memory
from loranb.estimate.size import parameters
from loranb.estimate.speed import Speed, speed_for
from loranb.estimate.work import per_epoch
from loranb.plan import Plan, plan
from loranb.settings import Settings

UNKNOWN = "What this base model is made of is not known before it is fetched; memory, file size and minutes come then."


@dataclass(frozen=True)
class Estimate:
    """What a run will need and leave.

    Args:
        base: what the base model is made of; None where nobody knows yet, and nothing below is known then.
        parameters: of the LoRA.
        disk: what is written.
        memory: on the GPU, by part.
        gpu: for which `verdict` and `cheapest` are.
        verdict: "fits", "tight" or "does not fit"; empty without a GPU.
        cheapest: the change that makes it fit, where it does not.
        seconds: of all steps; None before this machine has trained something of like size.
        speed: what `seconds` comes from.
        steps_without_regularisation: None where there are no such pictures.
    """

    base: Base | None
    parameters: int = 0
    disk: Disk | None = None
    memory: Memory | None = None
    gpu: Gpu | None = None
    verdict: str = ""
    cheapest: Saving | None = None
    seconds: float | None = None
    speed: Speed | None = None
    steps_without_regularisation: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it under names that stay; bytes, seconds, and None for what is not known."""
        known, needed = self.disk, self.memory
        return {
            "lora": {"parameters": self.parameters or None, "file_bytes": known.file if known else None},
            "disk": {
                "lora_files": known.files if known else None,
                "state_bytes": known.state if known else None,
                "latents_bytes": known.latents if known else None,
                "total_bytes": known.total if known else None,
            },
            "gpu_memory": {
                "how": COMPUTED,
                "parts_bytes": needed.parts if needed else None,
                "training_bytes": needed.training if needed else None,
                "samples_bytes": needed.samples if needed else None,
                "pictures_bytes": needed.pictures if needed else None,
                "peak_bytes": needed.peak if needed else None,
                "gpu": self.gpu.name if self.gpu else None,
                "gpu_bytes": self.gpu.bytes if self.gpu else None,
                "verdict": self.verdict or None,
                "cheapest_change": _change(self.cheapest),
            },
            "seconds": round(self.seconds, 1) if self.seconds is not None else None,
            "measured_on": self.speed.device if self.speed else None,
            "steps_without_regularisation": self.steps_without_regularisation,
        }


def estimate(settings: Settings, horizon: Plan, gpu: Gpu | None = None, speeds: Sequence[Speed] = ()) -> Estimate:
    """Say what a run will need and leave; takes some milliseconds and no torch.

    Args:
        settings: of the run.
        horizon: its plan.
        gpu: what it is to run on.
        speeds: of this machine, as `loranb.estimate.speed.speeds_here` lists them; they say nothing of another GPU.
    """
    settings = as_run(settings)
    base = base_of(settings.model.base, settings.model.family)
    without = _without_regularisation(settings, horizon)
    if base is None:
        return Estimate(None, gpu=gpu, steps_without_regularisation=without)
    try:
        found = Estimate(
            base, parameters(base, settings.lora), disk(settings, horizon, base), memory(settings, horizon, base), gpu
        )
    except SettingsError:  # a list of numbers for other blocks than the base model has; conflicts say it
        return Estimate(None, gpu=gpu, steps_without_regularisation=without)
    per_step = per_epoch(settings, horizon, base) / horizon.steps_per_epoch
    mine = [speed for speed in speeds if gpu is None or gpu.name == speed.device]
    if speed := speed_for(mine, settings.memory.precision, per_step):
        found = replace(found, seconds=per_step * horizon.steps / speed.operations, speed=speed)
    if gpu and found.memory:
        change = cheapest(settings, horizon, base, gpu)
        found = replace(found, verdict=found.memory.verdict(gpu), cheapest=change)
    return replace(found, steps_without_regularisation=without)


def _without_regularisation(settings: Settings, horizon: Plan) -> int | None:
    if not horizon.regularisation:
        return None
    images = [planned.image for planned in (*horizon.images, *horizon.held_out)]
    return plan(settings.assign("dataset.regularisation", False), images).steps


def _change(saving: Saving | None) -> Mapping[str, Any] | None:
    return {"words": saving.words, "settings": dict(saving.changes)} if saving else None
