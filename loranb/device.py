"""Which device to compute on, and in which number format."""

from typing import TYPE_CHECKING

from loranb.errors import SettingsError

if TYPE_CHECKING:
    import torch

PRECISIONS = ("auto", "fp32", "fp16", "bf16")
FIRST_WITH_BF16 = 8  # compute capability: Ampere


def pick_device() -> "torch.device":
    """Return the GPU if CUDA (or ROCm, which answers to the same name) has one, else the CPU.

    Apple's MPS is left out: training and half precision on it are not tested here.
    """
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pick_dtype(precision: str, device: "torch.device") -> "torch.dtype":
    """Turn a precision of the settings into a number format for `device`.

    ``auto`` is fp32 without a GPU, where half precision is slower; bf16 on GPUs of compute
    capability 8 and up; fp16 on older ones. The capability is asked for and not
    ``torch.cuda.is_bf16_supported()``, which counts emulation and so answers True on a T4.

    Raises:
        SettingsError: there is no such precision, or the device cannot compute in it.
    """
    import torch

    if precision == "fp16" and device.type == "cpu":
        raise SettingsError(
            ["memory.precision = 'fp16' needs a GPU, and this machine has none; choose auto, fp32 or bf16."]
        )
    named = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    if precision in named:
        return named[precision]
    if precision != "auto":
        raise SettingsError([f"memory.precision = {precision!r}; expected one of {', '.join(PRECISIONS)}."])
    if device.type != "cuda":
        return torch.float32
    major, _ = torch.cuda.get_device_capability(device)
    return torch.bfloat16 if major >= FIRST_WITH_BF16 else torch.float16


def precision_name(dtype: "torch.dtype") -> str:
    """Name a number format as settings and accelerate's launcher do: fp32, fp16 or bf16."""
    import torch

    return {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}[dtype]


def gpu_name(device: "torch.device") -> str:
    """Name a GPU shortly, ``A100-SXM4-40GB``; empty for a CPU."""
    import torch

    return short_name(torch.cuda.get_device_name(device)) if device.type == "cuda" else ""


def short_name(name: str) -> str:
    """Leave out of a GPU's name what all of them have."""
    return name.removeprefix("NVIDIA ").removeprefix("Tesla ").removeprefix("GeForce ").strip()


def describe() -> str:
    """Say in one line what training would run on."""
    import os

    import torch

    device = pick_device()
    precision = precision_name(pick_dtype("auto", device))
    if device.type == "cpu":
        return f"No GPU: {os.cpu_count()} CPU cores, {precision}. The demo trains in minutes; real models need a GPU."
    properties = torch.cuda.get_device_properties(device)
    return f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {precision}"
