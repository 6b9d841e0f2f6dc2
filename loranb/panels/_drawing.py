"""Drawing for the testing panel: the LoRA files there are, the base model, and a grid as it fills."""

import functools
import gc
import io
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w
from PIL import Image

from loranb.files import free_name
from loranb.generate.grid import Cell, GridPlan, compose, draw_grid, save_grid
from loranb.generate.prompt import SamplePrompt, is_comment, parse_line, parse_lines
from loranb.panels._show import Panel, small
from loranb.project import Project
from loranb.settings import ModelSettings, ObjectiveSettings, Settings
from loranb.training.run import Run

if TYPE_CHECKING:
    from loranb.generate.pictures import Generator

SEED = 1  # where a prompt says none
EVERY = 1.0  # seconds between two redraws of a grid
PREVIEW = (1240, 2400)  # pixels; the grid itself is on disk


@dataclass(frozen=True)
class LoraChoice:
    """A LoRA file of the project, and the settings it was trained with."""

    label: str
    file: Path
    settings: Settings


def loras(project: Project) -> list[LoraChoice]:
    """List a project's LoRA files: the newest run's first, its final one before earlier epochs."""
    found = []
    for folder in reversed(project.runs()):
        run = Run(folder)
        settings = run.settings()
        for file in reversed(run.loras()):
            note = " (final)" if file.stem == run.name else ""
            found.append(LoraChoice(f"{file.stem}{note}", file, settings))
    finished = sorted(project.model.glob("*.safetensors"))
    return found + [LoraChoice(f"model/{file.stem}", file, project.settings()) for file in finished]


def default_prompts(settings: Settings) -> list[str]:
    """List the prompts that a run drew samples of; an empty one where it drew none."""
    return [line for line in settings.samples.prompts if line.strip() and not is_comment(line)] or [""]


def read_prompts(lines: Sequence[str], settings: Settings) -> list[SamplePrompt]:
    """Read prompts with their options; one empty prompt where there are none.

    Raises:
        GenerationError: an option cannot be used.
    """
    size = (settings.dataset.resolution,) * 2
    return parse_lines(lines, size, SEED) or [parse_line("", size, SEED)]


@functools.lru_cache(maxsize=1)
def open_model(model: ModelSettings, objective: ObjectiveSettings, precision: str) -> "Generator":
    """Load a base model and keep it; another one takes its place."""
    from transformers.utils import logging

    logging.set_verbosity_error()  # its remarks and bars on parts that are not used here would fill the cell
    logging.disable_progress_bar()
    from loranb.generate.pictures import Generator

    return Generator.of(model, objective, precision)


def forget_model() -> None:
    """Give back the memory of the base model that was kept for drawing."""
    open_model.cache_clear()
    if "torch" in sys.modules:
        import torch

        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def model_for(settings: Settings) -> "Generator":
    """Return the base model that a LoRA was trained on, loaded or kept."""
    told = settings.objective  # of which only this bears on drawing: the model is kept while anything else changes
    objective = ObjectiveSettings(predicts=told.predicts, zero_terminal_snr=told.zero_terminal_snr)
    return open_model(settings.model, objective, settings.memory.precision)


def to_jpeg(picture: Image.Image, largest: tuple[int, int] = PREVIEW) -> bytes:
    """Encode a picture for the page, small enough for one message."""
    smaller = picture.convert("RGB")
    smaller.thumbnail(largest, Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    smaller.save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()


class GridView(Panel):
    """A grid as it fills, with a bar above."""

    def __init__(self) -> None:
        self._bar = w.IntProgress(min=0, max=1, layout=w.Layout(width="100%", max_width="860px"))
        self._status = w.HTML()
        self._sheet = w.Image(format="jpeg", layout=w.Layout(max_width="100%", display="none"))
        super().__init__([self._bar, self._status, self._sheet])

    def draw(self, project: Project, plan: GridPlan, settings: Settings) -> Path:
        """Draw the whole plan and keep it in the project; where it is interrupted, what there is is kept.

        Raises:
            GenerationError: a prompt cannot be drawn.
            LoraFileError: a file does not fit the base model.
        """
        cells: list[Cell] = []
        path = free_name(project.root / "grids" / f"{_grid_name(plan)}.png")
        self._bar.max = plan.total
        self._status.value = small(f"Loading the base model {settings.model.base} ...")
        try:
            generator, began, drawn = model_for(settings), time.monotonic(), 0.0
            for cell in draw_grid(generator, plan, settings.model.clip_skip):
                cells.append(cell)
                now = time.monotonic()
                self._tell(len(cells), plan.total, (now - began) / len(cells))
                if now - drawn >= EVERY or len(cells) == plan.total:
                    drawn = now
                    self._sheet.value = to_jpeg(compose(plan, cells))
                    self._sheet.layout.display = ""
        finally:
            if cells:
                save_grid(plan, cells, path)
        self._bar.bar_style = "success"
        return path

    def _tell(self, done: int, total: int, each: float) -> None:
        self._bar.value = done
        left = f", about {each * (total - done):.0f} s left" if done < total else ""
        self._status.value = small(f"{done} of {total} pictures, {each:.1f} s each{left}")


def _grid_name(plan: GridPlan) -> str:
    files = list(dict.fromkeys(column.file.stem for column in plan.columns if column.file))
    return files[-1] if files else "base_model"
