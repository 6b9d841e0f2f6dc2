"""What the training stages share: optimizer, learning rate, averaged weights, checkpoints, a line now and then."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import ModelMixin
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from transformers import PreTrainedModel

SAVE_EVERY = 200  # steps
RISE, FALL = 100, 0.4  # warm-up in steps, decay as a share of the steps (assumed)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Rise over the first steps, stay, fall to nought over the last two fifths."""
    return peak * min(1.0, (step + 1) / RISE) * min(1.0, (steps - step) / (FALL * steps))


def keep(part: ModelMixin | PreTrainedModel, folder: Path) -> None:
    """Save a finished part; its folder is there whole or not at all, so it also says that the stage is over."""
    aside = folder.with_name(folder.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    part.save_pretrained(aside)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


class Stage:
    """Trains some modules for a number of steps; goes on from its checkpoint in `work`.

    Args:
        name: of the stage, and of its checkpoint.
        work: folder of the checkpoints.
        steps: how many in all.
        peak: highest learning rate.
        modules: what is trained, by name.
    """

    def __init__(self, name: str, work: Path, steps: int, peak: float, modules: dict[str, nn.Module]):
        self.file, self.steps, self.peak, self.modules = work / f"{name}.pt", steps, peak, modules
        self.parameters = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=peak, betas=(0.9, 0.99), weight_decay=1e-3)
        self.averages = {
            name: EMAModel(m.parameters(), decay=0.998, use_ema_warmup=True) for name, m in modules.items()
        }
        self.step = 0
        if self.file.exists():
            self._load(torch.load(self.file, weights_only=True))

    def run(self, loss_of: Callable[[int], Tensor]) -> None:
        """Take the remaining steps, then put the averaged weights into the modules.

        Args:
            loss_of: gives the loss of a step, from the step's number alone.
        """
        began, mean = time.monotonic(), None
        for step in range(self.step, self.steps):
            loss = loss_of(step)
            self._update(loss)
            mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
            self.step = step + 1
            if self.step % 50 == 0:
                took = time.monotonic() - began
                print(f"{self.file.stem} {self.step}/{self.steps} loss {mean:.4f} {took:.0f} s", flush=True)
            if self.step % SAVE_EVERY == 0:
                self._save()
        for name, average in self.averages.items():
            average.copy_to(self.modules[name].parameters())

    def _update(self, loss: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.steps, self.peak)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        for name, average in self.averages.items():
            average.step(self.modules[name].parameters())

    def _save(self) -> None:
        state = {
            "step": self.step,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "averages": {name: average.state_dict() for name, average in self.averages.items()},
            "optimizer": self.optimizer.state_dict(),
        }
        aside = self.file.with_suffix(".tmp")
        torch.save(state, aside)
        aside.replace(self.file)

    def _load(self, state: dict) -> None:
        self.step = state["step"]
        self.optimizer.load_state_dict(state["optimizer"])
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
            self.averages[name].load_state_dict(state["averages"][name])
