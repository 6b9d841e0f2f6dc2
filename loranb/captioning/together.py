"""Look at pictures in several processes, one a GPU; they share what they find in the project's memory.

The processes are accelerate's: under its launcher, or under torchrun, each learns which of how many it is.
"""

import argparse
import datetime
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from loranb.errors import CaptionerError

Item = TypeVar("Item")
LONGEST_WAIT = datetime.timedelta(days=1)  # of one process for the others; accelerate's own is minutes


class Share(NamedTuple):
    """Which process of how many this is."""

    index: int
    count: int
    wait: Callable[[], None]  # until all processes are here

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return this process's share."""
        return list(items[self.index :: self.count])


def share() -> Share:
    """Return this process's place among those that accelerate's launcher started, and take its GPU."""
    import torch
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available(), timeout=LONGEST_WAIT)
    return Share(state.process_index, state.num_processes, state.wait_for_everyone)


def look(processes: int, arguments: Sequence[str]) -> bool:
    """Have several processes look at pictures, and wait for them; False where an interrupt stopped them.

    Whatever becomes of them, what they found is in memory, and whoever asks for the rest looks at it.

    Args:
        processes: how many.
        arguments: those of ``python -m loranb.captioning``.

    Raises:
        CaptionerError: there are fewer GPUs than processes.
    """
    import torch

    gpus = torch.cuda.device_count()
    if 0 < gpus < processes:
        raise CaptionerError(
            f"processes = {processes}; each needs a GPU of its own, and there "
            f"{'is 1' if gpus == 1 else f'are {gpus}'}. Ask for no more than that."
        )
    with tempfile.TemporaryDirectory() as folder:
        asked_to_stop = Path(folder) / "stop"
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        process = subprocess.Popen(
            [sys.executable, "-m", *launcher, "-m", "loranb.captioning", *arguments, "--only-look", asked_to_stop],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // processes)), **os.environ},
            start_new_session=True,  # an interrupt does not reach them
        )
        try:
            process.wait()
        except KeyboardInterrupt:
            _stop(process, asked_to_stop)
            return False
    return True


def _stop(process: subprocess.Popen[bytes], asked_to_stop: Path) -> None:
    """Ask the processes to stop after the batch they are at; a second interrupt ends them at once."""
    asked_to_stop.touch()
    try:
        process.wait()
    except KeyboardInterrupt:
        process.terminate()  # torchrun ends the others
        process.wait()


def arguments(asked: argparse.Namespace) -> list[str]:
    """Return the arguments with which the processes look at what is asked for."""
    given = [str(Path(asked.project).resolve()), "--with", asked.captioner, "--mode", _mode(asked)]
    given += [part for text in asked.option for part in ("--option", text)]
    given += ["--model", asked.model] if asked.model else []
    return given + (["--subject", asked.subject] if asked.subject else [])


def _mode(asked: argparse.Namespace) -> str:
    return "overwrite" if asked.overwrite else asked.mode or "missing"
