"""What is unwise about number formats on a GPU."""

from collections.abc import Iterator

from loranb.settings import Settings
from loranb.settings.advice.advice import Advice, Card


def on_card(settings: Settings, gpu: Card) -> Iterator[Advice]:
    """Say what does not suit the GPU that will be trained on."""
    precision = settings.memory.precision
    mend = {"memory.precision": "auto"}
    if precision == "fp16" and gpu.bf16:
        yield Advice(
            f"memory.precision = 'fp16' on {gpu.name}, which has bf16: as quick, and nothing in it grows too large for "
            "its format. auto chooses bf16 there, and fp16 where that is all there is.",
            mend,
        )
    if precision == "bf16" and not gpu.bf16:
        yield Advice(
            f"memory.precision = 'bf16' on {gpu.name}, which can only imitate it, many times more slowly. auto chooses "
            "fp16 there.",
            mend,
        )
    if precision == "fp32":
        yield Advice(
            f"memory.precision = 'fp32' on {gpu.name} takes twice the memory of {'bf16' if gpu.bf16 else 'fp16'} and "
            "more than twice the time, and the LoRA is no better for it: it is kept in fp32 in any case.",
            mend,
        )
