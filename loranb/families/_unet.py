"""What the U-Net families share: reading a base model, and checking that it is one."""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, DiffusionPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging
from torch import nn
from transformers.utils import logging as transformers_logging

from loranb.errors import ModelError
from loranb.families._checkpoint import open_checkpoint
from loranb.families._parts import Parts


def load_parts(source: str, dtype: torch.dtype, family: str, kind: type[DiffusionPipeline]) -> Parts:
    """Load the parts of a base model from a diffusers folder or a single file.

    The VAE is always in fp32: it is small, and half precision rounds latents, or overflows.

    Args:
        source: the folder, or the file.
        dtype: number format of the other parts.
        family: as which a single file is loaded.
        kind: diffusers' pipeline for the family.

    Raises:
        ModelError: with what to do about it.
    """
    if Path(source).is_file():
        from loranb.families._single_file import load_single_file

        parts = load_single_file(Path(source), dtype, family)
    else:
        pipeline: Any = load_pipeline(source, dtype, kind)
        numbers = ("", "_2") if kind is StableDiffusionXLPipeline else ("",)
        parts = Parts(
            unet=pipeline.unet,
            vae=pipeline.vae,
            text_encoders=[getattr(pipeline, f"text_encoder{number}") for number in numbers],
            tokenizers=[getattr(pipeline, f"tokenizer{number}") for number in numbers],
            noise_schedule=training_schedule(pipeline.scheduler),
            notices=[],
        )
    _check_widths(source, parts)
    for part in (parts.unet, parts.vae, *parts.text_encoders):
        check_finite(source, part)
    return parts


def load_pipeline(source: str, dtype: torch.dtype, kind: type[DiffusionPipeline]) -> DiffusionPipeline:
    """Load a pipeline from a diffusers folder, its VAE in fp32.

    Raises:
        ModelError: with what to do about it.
    """
    options: dict[str, Any] = {"torch_dtype": {"vae": torch.float32, "default": dtype}, "variant": _variant(source)}
    if kind is StableDiffusionPipeline:
        options |= {"safety_checker": None, "requires_safety_checker": False}
    for file in sorted(Path(source).glob("*/*.safetensors")):
        open_checkpoint(file)  # tells of one that was cut off
    try:
        with quietly():
            return kind.from_pretrained(source, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"The base model {source!r} could not be loaded: {_first_line(error)} Get the folder again, whole, or "
            "the .safetensors file of the same model."
        ) from error


def _variant(source: str) -> str | None:
    """Name the number format by which a folder's weights are called, where there are none without one: ``fp16``."""
    weights = [file.name for file in (Path(source) / "unet").glob("*.safetensors")]
    return "fp16" if weights and all(".fp16." in name for name in weights) else None


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Hide progress bars, and the notice that ``torch_dtype`` will be named ``dtype``: diffusers 0.39 needs the old."""
    logging.disable_progress_bar()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.enable_progress_bar()
        transformers_logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _check_widths(source: str, parts: Parts) -> None:
    """Refuse parts of different models: the U-Net must expect texts as wide as the text encoders make them."""
    width = sum(encoder.config.hidden_size for encoder in parts.text_encoders)
    if (expected := parts.unet.config.cross_attention_dim) != width:
        raise ModelError(
            f"The parts of {source} belong to different models: its U-Net expects texts of width {expected}, and "
            f"its text encoder makes {width}. Get the model again, whole."
        )


def check_finite(source: str, part: nn.Module) -> None:
    """Refuse weights that are no numbers.

    By the least and the greatest value, which are none where any value is: forty times as fast as looking at each
    (measured on a processor, fp16), and SDXL has 3.5 billion.
    """
    for name, tensor in part.state_dict().items():
        if tensor.is_floating_point() and tensor.numel() and not all(end.isfinite() for end in tensor.aminmax()):
            raise ModelError(
                f"{Path(source).name} is broken: {name} of its {type(part).__name__} holds values that are no numbers, "
                f"as happens in a merge that went wrong, or with too small a number format ({tensor.dtype} here). "
                "Get another file of the model."
            )


def training_schedule(scheduler: Any) -> DDPMScheduler:
    """Return the noise schedule a model was trained with, from the one its sampler is configured by."""
    return DDPMScheduler.from_config(scheduler.config, clip_sample=False)
