"""Kohya's keys of number formats and of what is compiled."""

from loranb.interop._reading import Reading
from loranb.settings import fields

LORA, BASE, COMPILE = "memory.lora_precision", "memory.base", "memory.compile"


def precision(reading: Reading) -> None:
    """Read in which format the LoRA's weights are trained and the base is kept."""
    for key, name in (("full_bf16", "bf16"), ("full_fp16", "fp16")):
        if reading.flag(key):
            reading.assign(key, LORA, name)
        reading.ignore(key, f"off: {LORA} stays fp32.")
    for key in ("fp8_base", "fp8_base_unet"):
        if reading.flag(key):
            reading.assign(key, BASE, "fp8")
        reading.ignore(key, f"off: {BASE} stays as it is.")


def compiling(reading: Reading) -> None:
    """Read whether the model is compiled; sd-scripts has a switch beside the name of the backend."""
    backend = str(reading.value("dynamo_backend") or "").strip().lower()
    if reading.flag("torch_compile"):
        reading.assign("torch_compile", COMPILE, backend or "inductor")
        reading.done("dynamo_backend", COMPILE)
    elif backend and not reading.of_form:
        reading.ignore("dynamo_backend", "torch_compile is off.")
    if backend and backend not in next(field.choices for field in fields() if field.path == COMPILE):
        reading.ignore("dynamo_backend", f"{backend} is not offered; inductor is PyTorch's own.")
    elif backend and "torch_compile" not in reading.mapped:
        reading.assign("dynamo_backend", COMPILE, backend)
    reading.ignore("torch_compile", f"off: {COMPILE} stays 'no'.")


def stopping(reading: Reading) -> None:
    """Say it where something works here that kohya's trainer never did."""
    share = reading.number("stop_text_encoder_training")
    if share:
        reading.advise(
            f"stop_text_encoder_training = {share:g}: kohya's trainer passes over it with a warning, and trains the "
            "text encoder to the end. Here it ends there, as asked. Set optimizer.text_encoder_stop to 0 for kohya's.",
            {"optimizer.text_encoder_stop": 0},
        )
