"""Draw sample pictures with the LoRA as it is, during training."""

import contextlib
from collections.abc import Iterator

import torch

from loranb.families import BaseModel
from loranb.generate.pictures import draw_with, save_picture
from loranb.generate.prompt import parse_lines
from loranb.settings import Settings
from loranb.training.run import Run


def draw_samples(
    run: Run, model: BaseModel, settings: Settings, step: int, device: torch.device
) -> Iterator[tuple[str, str]]:
    """Draw every sample prompt with the LoRA on `model`.

    Yields:
        The picture's path within the run, and its prompt.

    Raises:
        GenerationError: a prompt's options cannot be used, or the LoRA gives no picture any more.
    """
    side = settings.dataset.resolution
    prompts = parse_lines(settings.samples.prompts, (side, side), settings.length.seed)
    with _evaluating(model, device):
        for number, prompt in enumerate(prompts):
            picture = draw_with(model, prompt, settings.model.clip_skip)
            file = run.samples / f"{run.name}_{step:06d}_{number:02d}.png"
            save_picture(picture, file, prompt, model.name, settings.model.clip_skip)
            yield file.relative_to(run.folder).as_posix(), prompt.prompt


@contextlib.contextmanager
def _evaluating(model: BaseModel, device: torch.device) -> Iterator[None]:
    """Put all parts on the device and out of training mode, and back afterwards."""
    before = [(part, part.training, part.device) for part in model.parts()]
    try:
        for part, _, _ in before:
            part.eval().to(device)
        yield
    finally:
        for part, training, place in before:
            part.train(training).to(place)
