"""The declarations of number formats and what is traded for memory."""

from typing import Any, Literal

from pydantic import field_validator

from loranb.settings.declaration import Group, setting

Stored = Literal["as is", "8bit", "fp8", "4bit"]
Recompute = Literal["none", "selective", "full"]
_SWITCH = {True: "full", False: "none", "true": "full", "false": "none"}  # it was a switch, as in kohya's tools


class MemorySettings(Group):
    """Memory and speed."""

    precision: Literal["auto", "fp32", "fp16", "bf16"] = setting(
        "auto",
        "Number format of the base model's arithmetic. auto: bf16 on GPUs that have it (compute capability 8 and up), "
        "fp16 on older ones such as a T4, fp32 without a GPU. The LoRA itself is always trained in fp32.",
        kohya="mixed_precision",
        ss="ss_mixed_precision",
    )
    gradient_checkpointing: Recompute = setting(
        "none",
        "Compute parts of the forward pass twice instead of keeping them; what is learned stays the same. none: the "
        "quickest, where it fits; selective: the feed-forward layers only, about a fifth less memory for a tenth "
        "more time; full: whole blocks, needs the least memory and about a third more time (shares as published by "
        "other trainers). Raise it when the GPU's memory does not suffice, before you lower the resolution.",
        kohya="gradient_checkpointing",
        ss="ss_gradient_checkpointing",
    )

    @field_validator("gradient_checkpointing", mode="before")
    @classmethod
    def _was_a_switch(cls, value: Any) -> Any:
        key = value.strip().lower() if isinstance(value, str) else value
        return _SWITCH.get(key, key) if isinstance(key, bool | str) else value
