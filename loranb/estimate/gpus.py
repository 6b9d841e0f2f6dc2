"""GPUs that people rent or own: their memory, and whether they compute in bf16."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache

from loranb.device import FIRST_WITH_BF16, short_name


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Args:
        name: as people call it.
        memory: GiB that programs can have, as its driver reports it; a few percent less than is sold.
        bf16: whether it computes in bf16 itself (compute capability 8 and up).
    """

    name: str
    memory: float
    bf16: bool = True

    @property
    def bytes(self) -> int:
        """Its memory in bytes."""
        return int(self.memory * 2**30)


# Memory as the drivers report it for these cards (nvidia-smi, in MiB, divided by 1024).
GPUS = (
    Gpu("T4", 15.0, bf16=False),
    Gpu("P100", 16.0, bf16=False),
    Gpu("V100", 16.0, bf16=False),
    Gpu("RTX 3060", 12.0),
    Gpu("RTX 4070", 12.0),
    Gpu("RTX 4080", 16.0),
    Gpu("RTX A4000", 16.0),
    Gpu("L4", 22.5),
    Gpu("A10", 22.5),
    Gpu("RTX 3090", 24.0),
    Gpu("RTX 4090", 24.0),
    Gpu("RTX A5000", 24.0),
    Gpu("RTX 5090", 31.8),
    Gpu("A100 40GB", 40.0),
    Gpu("L40S", 45.0),
    Gpu("RTX A6000", 48.0),
    Gpu("A100 80GB", 80.0),
    Gpu("H100", 79.6),
    Gpu("H200", 140.4),
)


def named(name: str) -> Gpu | None:
    """Return a GPU by its name, however it is written: ``Tesla T4``, ``a100-80gb``; None for others."""
    wanted = _words(name)
    if not wanted:
        return None
    whole = [gpu for gpu in GPUS if _words(gpu.name) <= wanted]
    begun = [gpu for gpu in GPUS if wanted <= _words(gpu.name)]
    return next(iter(sorted(whole, key=lambda gpu: -len(_words(gpu.name))) or begun), None)


@lru_cache(maxsize=1)
def here() -> Gpu | None:
    """Return this machine's first GPU, as its driver tells it without torch; None where there is none."""
    program = shutil.which("nvidia-smi")
    if not program:
        return None
    asked = [program, "--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
        return from_driver(said)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


def from_driver(said: str) -> Gpu:
    """Read a line of nvidia-smi: name, MiB, compute capability."""
    name, memory, capability = (part.strip() for part in said.strip().splitlines()[0].rsplit(",", 2))
    return Gpu(short_name(name), int(memory) / 1024, float(capability) >= FIRST_WITH_BF16)


def _words(name: str) -> set[str]:
    """Take a name apart: ``RTX4090`` and ``A10G`` are written with and without what follows."""
    parted = re.sub(r"(rtx)(\d)", r"\1 \2", name.lower())
    return {re.sub(r"^(a10)g$", r"\1", word) for word in re.findall(r"[a-z0-9]+", parted)}
