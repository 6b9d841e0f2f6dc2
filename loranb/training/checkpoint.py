"""Save the LoRA, and what is needed to go on exactly where a run stopped.

Randomness is drawn from the step's number alone, so the state is the LoRA's weights in fp32, the
optimizer's, fp16's gradient scale and the number of the step.
"""

import io
import time
import zlib
from pathlib import Path

import torch

from loranb.errors import TrainingError
from loranb.files import write_bytes
from loranb.lora.file import save_lora
from loranb.lora.metadata import Moment, metadata
from loranb.lora.thumbnail import newest_sample, thumbnail
from loranb.training.narrow import widened
from loranb.training.optimizers import class_name, describe, restore
from loranb.training.prepared import Prepared
from loranb.training.run import Run

DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}


class Checkpoint:
    """Writes and reads the state of one run.

    Args:
        run: where to.
        ready: what is trained; its settings have their blanks filled in.
    """

    def __init__(self, run: Run, ready: Prepared):
        self.run, self._ready = run, ready
        self.settings, self.plan, self.adapter, self.optimizer = (
            ready.settings,
            ready.horizon,
            ready.adapter,
            ready.optimizer,
        )
        self.scaler = ready.accelerator.scaler  # None where there is none
        model = ready.model
        self._base = {
            "name": model.name,
            "version": model.family.base_model_version,
            "architecture": model.family.architecture(model.predicts),
            "prediction": model.predicts,
        }
        self._started = time.time()

    def load(self) -> int:
        """Go back to the last saved state; returns the steps taken, 0 for a new run.

        Raises:
            TrainingError: the state is damaged or belongs to other settings.
        """
        file = self.run.state_file
        if not file.exists():
            return 0
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            self.adapter.load(state["lora"])
            _same_optimizer(state.get("optimizer_class"), class_name(self.optimizer))
            with widened(self._ready.trainable, 0, 0):  # torch puts an optimizer's state into its weights' format
                restore(self.optimizer, state["optimizer"])
            if self._ready.ema:
                self._ready.ema.load(state["ema"])
            if self.scaler is not None and state["scaler"]:
                self.scaler.load_state_dict(state["scaler"])
        except Exception as error:  # a damaged file fails in many ways
            raise TrainingError(
                f"The saved state {file} cannot be used: {error} Delete the folder {file.parent} to begin "
                "the run anew; the LoRA files it has saved stay."
            ) from error
        self._started = state["started"]
        return state["step"]

    def save_epoch(self, epoch: int, step: int) -> str:
        """Save the LoRA and the state after an epoch; returns the file's path within the run."""
        return self._save_on_the_way(epoch, step, self.run.lora_file(epoch=epoch))

    def save_step(self, epoch: int, step: int) -> str:
        """Save the LoRA and the state within an epoch; returns the file's path within the run."""
        return self._save_on_the_way(epoch, step, self.run.lora_file(step=step))

    def save_last(self, epoch: int, step: int) -> str:
        """Save the LoRA and the state when the run ends: under its own name when it is complete, else by step."""
        done = step >= self.plan.steps
        return self._save(epoch, step, self.run.lora_file() if done else self.run.lora_file(step=step))

    def _save_on_the_way(self, epoch: int, step: int, file: Path) -> str:
        saved, most = self._save(epoch, step, file), self.settings.saving.keep_last
        earlier = [path for path in self.run.loras() if path not in (file, self.run.lora_file())]
        for old in earlier[: max(0, len(earlier) + 1 - most)] if most else ():
            old.unlink(missing_ok=True)
        return saved

    def _save(self, epoch: int, step: int, file: Path) -> str:
        """Write the file before the state: a LoRA that has burnt out is refused, and the last good state stays."""
        moment = Moment(epoch, step, self._started, time.time(), zlib.crc32(self.run.name.encode()))
        told = metadata(self.settings, self.plan, self._base, moment, describe(self.optimizer, self.settings.optimizer))
        if self.settings.metadata.thumbnail and (sample := newest_sample(self.run.samples)):
            told |= thumbnail(sample)
        with self._ready.averaged():
            tensors = self.adapter.tensors()
        save_lora(file, tensors, told, DTYPES[self.settings.saving.precision])
        self._save_state(step)
        return file.relative_to(self.run.folder).as_posix()

    def _save_state(self, step: int) -> None:
        state = {
            "step": step,
            "started": self._started,
            "lora": self.adapter.tensors(),
            "optimizer": self.optimizer.state_dict(),
            "ema": self._ready.ema.average if self._ready.ema else None,
            "optimizer_class": class_name(self.optimizer),
            "scaler": self.scaler.state_dict() if self.scaler is not None else None,
        }
        out = io.BytesIO()
        torch.save(state, out)
        write_bytes(self.run.state_file, out.getvalue())


def _same_optimizer(saved: str | None, here: str) -> None:
    """Refuse the state of another optimizer, such as of a machine with bitsandbytes."""
    if saved not in (None, here):
        raise TrainingError(f"it is of {saved}, and this machine has {here}. Go on where the run was begun.")
