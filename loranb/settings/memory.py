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
        "fp16 on older ones such as a T4, fp32 without a GPU. The LoRA itself is trained in fp32 all the same.",
        kohya="mixed_precision",
        ss="ss_mixed_precision",
    )
    lora_precision: Literal["fp32", "bf16", "fp16"] = setting(
        "fp32",
        "Number format of the LoRA's own weights and gradients while it is trained. fp32 is exact; bf16 and fp16 halve "
        "their memory, which matters for ranks of 64 and more. Each step is then taken in fp32 and rounded by "
        "chance, so that small steps are not lost; kohya's full_bf16 and full_fp16 lose them.",
        advanced=True,
    )
    base: Stored = setting(
        "as is",
        "In how many bits the U-Net's frozen weights are kept. as is: in the precision above; 8bit and fp8: half of "
        "that; 4bit (NF4, needs bitsandbytes): a quarter. Fewer bits let a large model fit a small GPU; each step "
        "takes longer, and the LoRA also learns to make up for what the base lost: measured on the demo model, 8bit "
        "changes a prediction by 0.3 %, fp8 by 0.9 %, 4bit by 2.9 %. Try gradient checkpointing first.",
        advanced=True,
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
    vae_tiling: bool = setting(
        False,
        "Encode and draw pictures with the VAE tile by tile. Needs much less GPU memory for large pictures, and a "
        "little more time; colours may differ slightly between tiles. For SDXL at 1024 and above on 8 GB, where "
        "encoding or the samples run out of memory; training itself needs no less.",
        advanced=True,
    )
    cpu_threads: int = setting(
        0,
        "How many processor threads PyTorch computes with; 0 leaves it to PyTorch, which takes all cores. Fewer leave "
        "some for other work; with a GPU it makes little difference.",
        unit="threads",
        ge=0,
        le=256,
        advanced=True,
    )
    compile: Literal["no", "inductor", "aot_eager", "eager"] = setting(
        "no",
        "Whether torch.compile makes the U-Net's transformer blocks into faster code, and by what. inductor: takes a "
        "minute at the first step and again for each size of batch, then up to a third less time for each; worth it "
        "for long runs on fast GPUs. aot_eager and eager bring nothing; they show what fails when inductor does.",
        advanced=True,
        kohya="dynamo_backend",
    )

    @field_validator("gradient_checkpointing", mode="before")
    @classmethod
    def _was_a_switch(cls, value: Any) -> Any:
        key = value.strip().lower() if isinstance(value, str) else value
        return _SWITCH.get(key, key) if isinstance(key, bool | str) else value
