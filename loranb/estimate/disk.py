"""What a run writes to the disk: LoRA files, the state it goes on from, encoded pictures."""

from dataclasses import dataclass

from loranb.estimate.activations import LATENT
from loranb.estimate.bases import Base
from loranb.estimate.memory import STATE, USUAL_STATE, encoded_once
from loranb.estimate.size import file_bytes, parameters
from loranb.plan import Plan
from loranb.settings import SavingSettings, Settings


@dataclass(frozen=True)
class Disk:
    """Bytes that a run takes.

    Args:
        file: of one LoRA file.
        files: how many there are at the end.
        state: of what the run goes on from, kept once.
        latents: of the encoded pictures in the project's cache, which other runs find again.
    """

    file: int
    files: int
    state: int
    latents: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.file * self.files + self.state + self.latents


def disk(settings: Settings, plan: Plan, base: Base) -> Disk:
    """Compute what a run takes; sample pictures, some hundred kilobytes each, are not counted."""
    count = parameters(base, settings.lora)
    average = 4 if settings.optimizer.ema else 0
    return Disk(
        file=file_bytes(base, settings.lora, settings.saving.precision),
        files=lora_files(settings.saving, plan),
        state=count * (4 + average + STATE.get(settings.optimizer.name, USUAL_STATE)),
        latents=_latents(settings, plan) if encoded_once(settings) else 0,
    )


def lora_files(saving: SavingSettings, plan: Plan) -> int:
    """Count the LoRA files of a run: those on the way, of which the last ones are kept, and the finished one."""
    ends = {epoch * plan.steps_per_epoch for epoch in range(saving.every_epochs, plan.epochs, saving.every_epochs)}
    by_steps = set(range(saving.every_steps, plan.steps, saving.every_steps)) if saving.every_steps else set()
    on_the_way = len({step for step in ends | by_steps if step < plan.steps})
    return 1 + (min(on_the_way, saving.keep_last) if saving.keep_last else on_the_way)


def _latents(settings: Settings, plan: Plan) -> int:
    """Mean and log-variance of four channels in fp32, and the same of the mirrored picture."""
    places = sum(
        (planned.fit.bucket[0] // LATENT) * (planned.fit.bucket[1] // LATENT)
        for planned in (*plan.shown, *plan.held_out)
    )
    return 2 * 4 * 4 * places * (2 if settings.dataset.flip else 1)
