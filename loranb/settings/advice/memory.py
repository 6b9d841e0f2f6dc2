"""What is unwise about number formats on a GPU, averages, and pictures that are kept back."""

from collections.abc import Iterator

from loranb.settings import Settings
from loranb.settings.advice.advice import Advice, Card, Horizon

FEW = 20  # pictures; ours: keeping one of ten back leaves too little to learn from, and too little to measure


def about(settings: Settings) -> Iterator[Advice]:
    """Say what does nothing."""
    if settings.optimizer.text_encoder_stop and not settings.lora.text_encoder:
        yield Advice(
            f"optimizer.text_encoder_stop = {settings.optimizer.text_encoder_stop} does nothing: lora.text_encoder is "
            "off, so the text encoder is never trained.",
            {"optimizer.text_encoder_stop": 0},
        )


def of_run(settings: Settings, plan: Horizon) -> Iterator[Advice]:
    """Say what does not suit the run's length or pictures."""
    ema = settings.optimizer.ema
    if ema is not None and (back := 1 / (1 - ema)) > plan.steps / 2:
        shorter = round(1 - 10 / plan.steps, 4) if plan.steps > 20 else None
        yield Advice(
            f"optimizer.ema = {ema:g} looks back over about {back:,.0f} steps, and the run has {plan.steps:,}: what is "
            "saved would lag far behind what was learned. A tenth of the run is smooth enough.",
            {"optimizer.ema": shorter},
        )
    share = settings.validation.share
    if share and len(plan.images) < FEW:
        yield Advice(
            f"validation.share = {share:g} leaves {len(plan.images)} pictures to learn from. With so few, each picture "
            "is better trained on; put others into a folder of their own (validation.folder), or leave it.",
            {"validation.share": 0.0},
        )


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
