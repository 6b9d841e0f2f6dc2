"""The declarations of number formats and what is traded for memory."""

from typing import Literal

from loranb.settings.declaration import Group, setting


class MemorySettings(Group):
    """Memory and speed."""

    precision: Literal["auto", "fp32", "fp16", "bf16"] = setting(
        "auto",
        "Number format of the base model's arithmetic. auto: bf16 on GPUs that have it (compute capability 8 and up), "
        "fp16 on older ones such as a T4, fp32 without a GPU. The LoRA itself is always trained in fp32.",
        kohya="mixed_precision",
        ss="ss_mixed_precision",
    )
    gradient_checkpointing: bool = setting(
        False,
        "Compute parts of the forward pass twice instead of keeping them. Needs much less GPU memory, and about "
        "a third more time.",
        kohya="gradient_checkpointing",
        ss="ss_gradient_checkpointing",
    )
