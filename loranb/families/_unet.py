"""What the U-Net families share: reading a checkpoint through diffusers."""

import contextlib
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import DDPMScheduler, DiffusionPipeline, StableDiffusionPipeline
from diffusers.utils import logging
from transformers.utils import logging as transformers_logging

from loranb.errors import ModelError

Pipeline = TypeVar("Pipeline", bound=DiffusionPipeline)


def load_pipeline(source: str, dtype: torch.dtype, kind: type[Pipeline]) -> Pipeline:
    """Load a pipeline from a diffusers folder, a single file or a hub id.

    Raises:
        ModelError: with what to do about it.
    """
    options: dict[str, Any] = {"torch_dtype": dtype}
    if kind is StableDiffusionPipeline:
        options |= {"safety_checker": None, "requires_safety_checker": False}
    try:
        with quietly():
            if Path(source).is_file():
                return kind.from_single_file(source, **options)
            return kind.from_pretrained(source, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"The base model {source!r} could not be loaded: {_first_line(error)} "
            "If it is on the Hugging Face hub, check its name, your connection and, for a gated model, that "
            "you have accepted its terms and set HF_TOKEN; a diffusers folder on disk needs no connection."
        ) from error


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


def check_widths(source: str, unet: Any, text_encoders: Iterable[Any]) -> None:
    """Refuse parts of different models: the U-Net must expect texts as wide as the text encoders make them.

    Raises:
        ModelError: it does not.
    """
    expected, width = unet.config.cross_attention_dim, sum(encoder.config.hidden_size for encoder in text_encoders)
    if expected != width:
        raise ModelError(
            f"The parts of {source} belong to different models: its U-Net expects texts of width {expected}, and "
            f"its text encoder makes {width}. Get the model again, whole."
        )


def training_schedule(scheduler: Any) -> DDPMScheduler:
    """Return the noise schedule a model was trained with, from the one its sampler is configured by."""
    return DDPMScheduler.from_config(scheduler.config, clip_sample=False)
