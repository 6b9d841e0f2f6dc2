"""Draw from the command line: single pictures and grids for a project."""

import argparse
from collections.abc import Callable
from pathlib import Path

from loranb.errors import GenerationError
from loranb.files import free_name
from loranb.generate.grid import GridPlan, draw_grid, save_grid
from loranb.generate.pictures import Generator, save_picture
from loranb.generate.prompt import parse_lines
from loranb.project import Project
from loranb.training.run import Run

Tell = Callable[[str], None]


def generate(asked: argparse.Namespace, tell: Tell) -> list[Path]:
    """Draw each prompt; ``<lora:name:weight>`` names a LoRA of the project.

    Args:
        asked: project, prompt, base and out, as the command line has them.
        tell: shows a line of progress.

    Returns:
        The pictures' files.
    """
    project = Project.open(asked.project)
    generator = _open(project, asked.base)
    side = project.settings().dataset.resolution
    folder = asked.out or project.root / "pictures"
    files = []
    for request in parse_lines(asked.prompt, (side, side)):
        file = free_name(folder / f"{request.seed}.png")
        picture = generator.draw(request, clip_skip=project.settings().model.clip_skip)
        save_picture(picture, file, request, generator.model.name, project.settings().model.clip_skip)
        tell(f"{len(files) + 1} of {len(asked.prompt)}")
        files.append(file)
    for said in generator.notices:
        tell(said)
    return files


def grid(asked: argparse.Namespace, tell: Tell) -> Path:
    """Draw a grid of the latest run's LoRA files, weights and prompts; returns its file.

    Raises:
        GenerationError: there is no LoRA yet, or a weight is no number.
    """
    project = Project.open(asked.project)
    loras = [file for run in project.runs() for file in Run(run).loras()]
    if not loras:
        raise GenerationError(f"{project.name} has no LoRA yet. Train one with `loranb train {asked.project}`.")
    try:
        weights = tuple(float(weight) for weight in asked.weights.split(","))
    except ValueError as error:
        raise GenerationError(f"--weights = {asked.weights!r}; give numbers with commas, such as 0.6,0.8,1.") from error
    side = project.settings().dataset.resolution
    layout = GridPlan.of(parse_lines(asked.prompt, (side, side), 1), loras[-max(1, asked.last) :], weights)
    generator, cells = _open(project, asked.base), []
    for cell in draw_grid(generator, layout, project.settings().model.clip_skip):
        cells.append(cell)
        tell(f"{len(cells)} of {layout.total}")
    for said in generator.notices:
        tell(said)
    file = free_name((asked.out or project.root / "grids") / f"{loras[-1].stem}.png")
    save_grid(layout, cells, file)
    return file


def _open(project: Project, base: str) -> Generator:
    folders = [Run(run).folder / "lora" for run in project.runs()]
    settings = project.settings().assign("model.base", base) if base else project.settings()
    return Generator.of(settings.model, settings.objective, lora_folders=[project.model, *folders])
