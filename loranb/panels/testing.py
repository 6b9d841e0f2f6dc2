"""Test a LoRA: single pictures at any weight, and grids of epochs, weights and prompts."""

import functools
import gc
import io
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w
from IPython.display import Image, display
from PIL import Image as Pictures

from loranb.errors import GenerationError, LoraFileError
from loranb.files import free_name
from loranb.generate import samplers
from loranb.generate.grid import Cell, GridPlan, compose, draw_grid, save_grid
from loranb.generate.prompt import SamplePrompt, parse_line, parse_lines
from loranb.panels._platform import with_titles, with_tooltip
from loranb.panels._show import Panel, message, shown, small, title
from loranb.project import Project
from loranb.settings import Settings
from loranb.training.run import Run

if TYPE_CHECKING:
    from loranb.generate.pictures import Generator

WEIGHT = 1.0
WEIGHTS = (0.6, 0.8, 1.0)  # of a grid
MOST_PROMPTS = 3  # of a grid that nothing was said about
SEED = 1
EVERY = 1.0  # seconds between two redraws of a grid
PREVIEW = (1240, 2400)  # pixels; the grid itself is on disk
_NO_LORA = "no LoRA: the base model alone"


@dataclass(frozen=True)
class TestedLora:
    """A LoRA file of the project, and the settings it was trained with."""

    label: str
    file: Path
    settings: Settings


def loras(project: Project) -> list[TestedLora]:
    """List the LoRA files of a project's runs: the newest run first, its final file before earlier epochs."""
    found = []
    for folder in reversed(project.runs()):
        run = Run(folder)
        settings = run.settings()
        for file in reversed(run.loras()):
            note = " (final)" if file.stem == run.name else ""
            found.append(TestedLora(f"{file.stem}{note}", file, settings))
    return found


def grid(
    project: Project,
    prompts: Sequence[str] = (),
    *,
    weights: Sequence[float] = WEIGHTS,
    last: int = 1,
    seeds: Sequence[int] = (),
) -> Path:
    """Draw a grid with the newest LoRA files, show it, and keep it in the project's ``grids`` folder.

    The first column is the base model without a LoRA; the seed is the same across a row.

    Args:
        project: its newest run is tested.
        prompts: with options as in sample prompts (``--d`` seed, ``--s`` steps, ...); the run's own if not given.
        weights: each file is drawn at each of these.
        last: how many of the run's files, counted from the last.
        seeds: each prompt is drawn with each of these; its own if not given.

    Returns:
        The picture's path.

    Raises:
        LoraFileError: there is no LoRA yet.
        GenerationError: a prompt cannot be drawn.
    """
    there = loras(project)
    if not there:
        raise LoraFileError(f"{project.name} has no LoRA yet. Train one first: loranb.train(project).")
    newest = there[0].file.parent
    tested = [lora for lora in there if lora.file.parent == newest][: max(1, last)][::-1]
    settings = there[0].settings
    requests = _requests(prompts or default_prompts(settings)[:MOST_PROMPTS], settings)
    plan = GridPlan.of(requests, [lora.file for lora in tested], weights, seeds)
    view = GridView()
    display(view)
    path = view.draw(project, plan, settings)
    preview = Pictures.open(path).convert("RGB")
    view.layout.display = "none"  # what follows is the same, and stays in the saved notebook
    display(Image(data=to_jpeg(preview), format="jpeg", width=min(preview.width, PREVIEW[0])))
    display(w.HTML(message("good", f"The grid is kept as {path}")))
    return path


def panel(project: Project) -> "TestPanel":
    """Try a project's LoRAs: choose a file and a weight, write a prompt, draw."""
    return TestPanel(project)


def default_prompts(settings: Settings) -> list[str]:
    """List the prompts that a run drew samples of; an empty one where it drew none."""
    return [line for line in settings.samples.prompts if line.strip() and not line.lstrip().startswith("#")] or [""]


def _requests(lines: Sequence[str], settings: Settings) -> list[SamplePrompt]:
    side = settings.dataset.resolution
    requests = parse_lines(lines, (side, side), SEED)
    return requests or [parse_line(line, (side, side), SEED) for line in lines[:1]]


@functools.lru_cache(maxsize=1)
def open_model(base: str, precision: str) -> "Generator":
    """Load a base model and keep it; another one takes its place."""
    from loranb.generate.pictures import Generator

    return Generator.open(base, precision)


def forget_model() -> None:
    """Give back the memory of the base model that was kept for drawing."""
    open_model.cache_clear()
    if "torch" in sys.modules:
        import torch

        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _model_for(settings: Settings) -> "Generator":
    return open_model(settings.model.base, settings.memory.precision)


def to_jpeg(picture: Pictures.Image, largest: tuple[int, int] = PREVIEW) -> bytes:
    """Encode a picture for the page, small enough for one message."""
    small_one = picture.convert("RGB")
    small_one.thumbnail(largest, Pictures.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    small_one.save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()


class GridView(Panel):
    """A grid as it fills, with a bar above."""

    def __init__(self) -> None:
        self._bar = w.IntProgress(min=0, max=1, layout=w.Layout(width="100%", max_width="860px"))
        self._status = w.HTML()
        self._sheet = w.Image(format="jpeg", layout=w.Layout(max_width="100%", display="none"))
        super().__init__([self._bar, self._status, self._sheet])

    def draw(self, project: Project, plan: GridPlan, settings: Settings) -> Path:
        """Draw the whole plan; what is done when it is interrupted is kept all the same."""
        self._bar.max, self._bar.value, cells = plan.total, 0, []
        self._status.value = small(f"Loading the base model {settings.model.base} ...")
        path = free_name(project.root / "grids" / f"{_grid_name(plan)}.png")
        try:
            generator, began, drawn = _model_for(settings), time.monotonic(), 0.0
            for cell in draw_grid(generator, plan, settings.model.clip_skip):
                cells.append(cell)
                self._bar.value = len(cells)
                each = (time.monotonic() - began) / len(cells)
                left = f"about {each * (plan.total - len(cells)):.0f} s left" if len(cells) < plan.total else ""
                self._status.value = small(f"{len(cells)} of {plan.total} pictures, {each:.1f} s each. {left}")
                if time.monotonic() - drawn >= EVERY or len(cells) == plan.total:
                    drawn = time.monotonic()
                    self._show(plan, cells)
        finally:
            if cells:
                save_grid(plan, cells, path)
        self._bar.bar_style = "success"
        return path

    def _show(self, plan: GridPlan, cells: Sequence[Cell]) -> None:
        self._sheet.value = to_jpeg(compose(plan, cells))
        self._sheet.layout.display = ""


def _grid_name(plan: GridPlan) -> str:
    files = list(dict.fromkeys(column.file.stem for column in plan.columns if column.file))
    return files[-1] if files else "base_model"


class TestPanel(Panel):
    """Controls of one picture, and of a grid."""

    def __init__(self, project: Project):
        self.project = project
        self.loras = loras(project)
        self._settings = self.loras[0].settings if self.loras else project.settings()
        self._message = w.HTML()
        self._make_controls()
        self._make_grid_controls()
        tabs = with_titles(w.Tab([self._picture_tab(), self._grid_tab()]), ["One picture", "Grid"])
        head = w.HTML(title("Test the LoRA", self._hint()))
        super().__init__([head, tabs, self._message])

    def _hint(self) -> str:
        if not self.loras:
            return "This project has no LoRA yet; train one first. The base model alone can be tried."
        return f"{len(self.loras)} LoRA files; base model: {self._settings.model.base}."

    def _make_controls(self) -> None:
        first = _requests(default_prompts(self._settings), self._settings)[0]
        wide, narrow = w.Layout(width="min(640px, 98%)"), w.Layout(width="210px")
        style = {"description_width": "110px"}
        choices = [*((lora.label, number) for number, lora in enumerate(self.loras)), (_NO_LORA, -1)]
        self.lora = w.Dropdown(options=choices, description="LoRA", layout=wide, style=style)
        self.weight = with_tooltip(
            w.FloatSlider(
                WEIGHT, min=0, max=2, step=0.05, description="Weight", layout=wide, style=style, continuous_update=False
            ),
            "How strongly the LoRA acts. If it only looks right above 1 it is weak; if only below 0.6, too strong.",
        )
        self.prompt = w.Textarea(first.prompt, description="Prompt", rows=2, layout=wide, style=style)
        self.negative = w.Textarea(first.negative, description="Negative prompt", rows=1, layout=wide, style=style)
        self.seed = w.BoundedIntText(first.seed, min=0, max=2**31 - 1, description="Seed", layout=narrow, style=style)
        self.steps = w.BoundedIntText(first.steps, min=1, max=150, description="Steps", layout=narrow, style=style)
        self.cfg_scale = w.BoundedFloatText(
            first.cfg_scale, min=1, max=30, step=0.5, description="CFG scale", layout=narrow, style=style
        )
        sides = {"min": 64, "max": 2048, "step": 8, "layout": narrow, "style": style}
        self.width = w.BoundedIntText(first.width, description="Width", **sides)
        self.height = w.BoundedIntText(first.height, description="Height", **sides)
        sampler = samplers.resolve(first.sampler)
        self.sampler = w.Dropdown(
            options=samplers.NAMES, value=sampler, description="Sampler", layout=w.Layout(width="320px"), style=style
        )
        self.draw_button = w.Button(description="Draw", icon="paint-brush", button_style="primary")
        self.next_button = with_tooltip(w.Button(description="Next seed", icon="random"), "Another picture")
        self.draw_button.on_click(shown(lambda _: self.draw(), self._message))
        self.next_button.on_click(shown(lambda _: self.draw_next(), self._message))

    def _make_grid_controls(self) -> None:
        wide, style = w.Layout(width="min(640px, 98%)"), {"description_width": "110px"}
        files = [(lora.label, number) for number, lora in enumerate(self.loras)]
        self.files = w.SelectMultiple(
            options=files,
            value=(0,) if files else (),
            rows=min(8, max(3, len(files))),
            description="LoRA files",
            layout=wide,
            style=style,
        )
        weights = ", ".join(f"{weight:g}" for weight in WEIGHTS)
        self.weights = w.Text(weights, description="Weights", layout=wide, style=style)
        lines = "\n".join(default_prompts(self._settings)[:MOST_PROMPTS])
        self.prompts = w.Textarea(lines, description="Prompts", rows=4, layout=wide, style=style)
        self.grid_button = w.Button(description="Draw grid", icon="th", button_style="primary")
        self.grid_button.on_click(shown(lambda _: self.draw_grid(), self._message))
        self._grid_place = w.VBox([])

    def _picture_tab(self) -> w.Widget:
        self.picture = w.Image(format="jpeg", layout=w.Layout(max_width="100%", min_width="256px", display="none"))
        self.caption = w.HTML()
        fields = w.VBox(
            [
                self.lora,
                self.weight,
                self.prompt,
                self.negative,
                w.HBox([self.seed, self.steps, self.cfg_scale]),
                w.HBox([self.width, self.height, self.sampler]),
                w.HBox([self.draw_button, self.next_button]),
            ]
        )
        layout = w.Layout(flex_flow="row wrap", align_items="flex-start", grid_gap="18px")
        return w.Box([fields, w.VBox([self.picture, self.caption])], layout=layout)

    def _grid_tab(self) -> w.Widget:
        hint = w.HTML(
            small(
                "Choose several files with Ctrl or Shift. Prompts go downwards, one a line; files and weights across, "
                "after a first column without a LoRA. The seed is the same in a row."
            )
        )
        return w.VBox([hint, self.files, self.weights, self.prompts, self.grid_button, self._grid_place])

    def request(self) -> SamplePrompt:
        """Read the controls of one picture, the LoRA as a mention in the prompt.

        Raises:
            GenerationError: a value cannot be used.
        """
        request = SamplePrompt(
            prompt=self.prompt.value.strip(),
            negative=self.negative.value.strip(),
            width=self.width.value // 8 * 8,
            height=self.height.value // 8 * 8,
            steps=self.steps.value,
            seed=self.seed.value,
            cfg_scale=self.cfg_scale.value,
            sampler=self.sampler.value,
        )
        if self.lora.value < 0:
            return request
        name = self.loras[self.lora.value].file.stem
        return replace(request, prompt=f"{request.prompt} <lora:{name}:{self.weight.value:g}>".strip())

    def draw(self) -> Path:
        """Draw one picture, show it, and keep it in the project's ``pictures`` folder."""
        from loranb.generate.pictures import save_picture

        request, chosen = self.request(), self.lora.value
        settings = self.loras[chosen].settings if chosen >= 0 else self._settings
        files = {self.loras[chosen].file.stem: self.loras[chosen].file} if chosen >= 0 else {}
        skip = settings.model.clip_skip
        with _busy(self.draw_button, self.next_button):
            self.caption.value = small(f"Loading the base model {settings.model.base} ...")
            model = _model_for(settings)
            self.caption.value = small("Drawing ...")
            began = time.monotonic()
            picture = model.draw(request, files, skip)
        name = self.loras[chosen].file.stem if chosen >= 0 else "base_model"
        path = free_name(self.project.root / "pictures" / f"{name}_seed{request.seed}.png")
        save_picture(picture, path, request, settings.model.base, skip)
        self.picture.value, self.picture.layout.display = to_jpeg(picture), ""
        kept = path.relative_to(self.project.root)
        self.caption.value = small(f"{request.prompt}") + small(f"{time.monotonic() - began:.1f} s; kept as {kept}")
        return path
