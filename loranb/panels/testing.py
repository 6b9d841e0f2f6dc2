"""Test a LoRA: single pictures at any weight, and grids of epochs, weights and prompts."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ipywidgets as w
from IPython.display import Image, display
from PIL import Image as Pictures

from loranb.errors import GenerationError, LoraFileError
from loranb.files import free_name
from loranb.generate import samplers
from loranb.generate.grid import GridPlan
from loranb.generate.prompt import SamplePrompt
from loranb.panels._drawing import (
    GridView,
    LoraChoice,
    default_prompts,
    loras,
    model_for,
    read_prompts,
    to_jpeg,
)
from loranb.panels._platform import with_titles, with_tooltip
from loranb.panels._show import Panel, message, shown, small, title
from loranb.project import Project
from loranb.settings import Settings

WEIGHT = 1.0
WEIGHTS = (0.6, 0.8, 1.0)  # of a grid
MOST_PROMPTS = 3  # of a grid that nothing was said about
NO_LORA = -1  # in the choice of files
_STYLE = {"description_width": "112px"}


def panel(project: Project) -> Panel:
    """Try a project's LoRAs: choose a file and a weight, write a prompt, draw one picture or a grid."""
    files = loras(project)
    settings = files[0].settings if files else project.settings()
    hint = (
        f"{len(files)} LoRA files, the newest first. Base model: {settings.model.base}."
        if files
        else "This project has no LoRA yet: train one first. The base model can be tried alone."
    )
    parts = [PictureTester(project, files, settings), GridTester(project, files, settings)]
    return Panel([w.HTML(title("Test the LoRA", hint)), with_titles(w.Tab(parts), ["One picture", "Grid"])])


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
        prompts: one or more, with options as in sample prompts (``--d`` seed, ``--s`` steps, ...); those
            of the run if not given.
        weights: each file is drawn at each of these.
        last: how many of the run's files, counted from the last.
        seeds: each prompt is drawn with each of these; its own if not given.

    Returns:
        The picture's path.

    Raises:
        LoraFileError: there is no LoRA yet.
        GenerationError: a prompt cannot be drawn.
    """
    files = loras(project)
    if not files:
        raise LoraFileError(f"{project.name} has no LoRA yet. Train one first: loranb.train(project).")
    settings = files[0].settings
    of_run = [choice.file for choice in files if choice.file.parent == files[0].file.parent]
    rows = read_prompts(list(prompts) or default_prompts(settings)[:MOST_PROMPTS], settings)
    plan = GridPlan.of(rows, of_run[: max(1, last)][::-1], weights, seeds)
    view = GridView()
    display(view)
    path = view.draw(project, plan, settings)
    view.layout.display = "none"  # a plain picture takes its place: a saved notebook keeps no widgets
    _show_sheet(path)
    return path


def _show_sheet(path: Path) -> None:
    with Pictures.open(path) as sheet:
        display(Image(data=to_jpeg(sheet), format="jpeg"))
    print(f"The grid is kept as {path}")


class PictureTester(w.VBox):
    """Controls of one picture.

    Args:
        project: its ``pictures`` folder keeps what is drawn.
        files: to choose from.
        settings: of the base model alone, and for what the controls say at first.
    """

    def __init__(self, project: Project, files: Sequence[LoraChoice], settings: Settings):
        self.project, self.loras, self.settings = project, files, settings
        first = read_prompts(default_prompts(settings), settings)[0]
        choices = [(choice.label, number) for number, choice in enumerate(files)]
        self.lora = w.Dropdown(options=[*choices, ("none: the base model alone", NO_LORA)], **_wide("LoRA"))
        self.weight = with_tooltip(
            w.FloatSlider(WEIGHT, min=0, max=2, step=0.05, continuous_update=False, **_wide("Weight")),
            "How strongly the LoRA acts; 0 is not at all.",
        )
        self.prompt = w.Textarea(first.prompt, rows=2, **_wide("Prompt"))
        self.negative = w.Textarea(first.negative, rows=1, **_wide("Negative prompt"))
        self.seed = w.BoundedIntText(first.seed, min=0, max=2**31 - 1, **_narrow("Seed"))
        self.steps = w.BoundedIntText(first.steps, min=1, max=150, **_narrow("Steps"))
        self.cfg_scale = w.BoundedFloatText(first.cfg_scale, min=1, max=30, step=0.5, **_narrow("CFG scale"))
        self.across = w.BoundedIntText(first.width, min=64, max=2048, step=8, **_narrow("Width"))
        self.down = w.BoundedIntText(first.height, min=64, max=2048, step=8, **_narrow("Height"))
        sampler = samplers.resolve(first.sampler)
        self.sampler = w.Dropdown(options=samplers.NAMES, value=sampler, **_wide("Sampler", "418px"))
        self.draw_button = w.Button(description="Draw", icon="paint-brush", button_style="primary")
        self.next_button = with_tooltip(w.Button(description="Next seed", icon="random"), "Another picture")
        self.picture = w.Image(format="jpeg", layout=w.Layout(max_width="100%", display="none"))
        self.told = w.HTML()
        self.draw_button.on_click(shown(lambda _: self.draw(), self.told))
        self.next_button.on_click(shown(lambda _: self.draw_next(), self.told))
        super().__init__([self._laid_out()])

    def _laid_out(self) -> w.Widget:
        columns = w.GridBox(
            [self.seed, self.steps, self.cfg_scale, self.across, self.down],
            layout=w.Layout(grid_template_columns="repeat(3, 212px)", max_width="98%"),
        )
        buttons = w.HBox([self.draw_button, self.next_button], layout=w.Layout(margin="4px 0 0 118px"))
        fields = [self.lora, self.weight, self.prompt, self.negative, columns, self.sampler, buttons]
        drawn = w.VBox([self.picture, self.told], layout=w.Layout(max_width="520px"))
        wrap = w.Layout(flex_flow="row wrap", align_items="flex-start", grid_gap="8px 20px")
        return w.Box([w.VBox(fields, layout=w.Layout(width="660px", max_width="100%")), drawn], layout=wrap)

    def request(self) -> SamplePrompt:
        """Read the controls; the LoRA is a mention in the prompt, as one would write it by hand.

        Raises:
            GenerationError: a value cannot be used.
        """
        request = SamplePrompt(
            prompt=self.prompt.value.strip(),
            negative=self.negative.value.strip(),
            width=self.across.value // 8 * 8,
            height=self.down.value // 8 * 8,
            steps=self.steps.value,
            seed=self.seed.value,
            cfg_scale=self.cfg_scale.value,
            sampler=self.sampler.value,
        )
        if self.lora.value == NO_LORA:
            return request
        name = self.loras[self.lora.value].file.stem
        return replace(request, prompt=f"{request.prompt} <lora:{name}:{self.weight.value:g}>".strip())

    def draw(self) -> Path:
        """Draw one picture, show it, and keep it in the project's ``pictures`` folder.

        Raises:
            GenerationError: a value cannot be used.
            ModelError: the base model cannot be loaded.
        """
        from loranb.generate.pictures import save_picture

        request = self.request()
        chosen = None if self.lora.value == NO_LORA else self.loras[self.lora.value]
        settings = chosen.settings if chosen else self.settings
        by_name = {choice.file.stem: choice.file for choice in reversed(self.loras)}  # a prompt may mention others
        with _busy(self.draw_button, self.next_button):
            self.told.value = small(f"Loading the base model {settings.model.base} ...")
            generator = model_for(settings)
            self.told.value = small("Drawing ...")
            began = time.monotonic()
            picture = generator.draw(request, by_name, settings.model.clip_skip)
        stem = f"{chosen.file.stem if chosen else 'base_model'}_seed{request.seed}"
        path = free_name(self.project.root / "pictures" / f"{stem}.png")
        save_picture(picture, path, request, settings.model.base, settings.model.clip_skip)
        self.picture.value, self.picture.layout.display = to_jpeg(picture), ""
        self.picture.layout.width = f"{max(picture.width, 256)}px"
        kept = f"{time.monotonic() - began:.1f} s; kept as {path.relative_to(self.project.root)}"
        self.told.value = small(request.prompt) + small(kept)
        return path

    def draw_next(self) -> Path:
        """Draw with the next seed."""
        self.seed.value = (self.seed.value + 1) % 2**31
        return self.draw()


class GridTester(w.VBox):
    """Controls of a grid: files, weights and prompts.

    Args:
        project: its ``grids`` folder keeps what is drawn.
        files: to choose from.
        settings: of the base model alone, and for the prompts at first.
    """

    def __init__(self, project: Project, files: Sequence[LoraChoice], settings: Settings):
        self.project, self.loras, self.settings = project, files, settings
        choices = [(choice.label, number) for number, choice in enumerate(files)]
        rows = min(8, max(3, len(files)))
        self.files = w.SelectMultiple(options=choices, value=(0,) if files else (), rows=rows, **_wide("LoRA files"))
        self.weights = w.Text(", ".join(f"{weight:g}" for weight in WEIGHTS), **_wide("Weights"))
        lines = "\n".join(default_prompts(settings)[:MOST_PROMPTS])
        self.prompts = w.Textarea(lines, rows=4, **_wide("Prompts"))
        self.draw_button = w.Button(
            description="Draw grid",
            icon="th",
            button_style="primary",
            layout=w.Layout(margin="4px 0 0 118px"),
        )
        self.told, self.place = w.HTML(), w.VBox([])
        self.draw_button.on_click(shown(lambda _: self.draw(), self.told))
        hint = w.HTML(
            small(
                "Files (several with Ctrl or Shift) and weights go across, after a column without a LoRA; "
                "prompts go downwards, one a line. The seed is the same across a row."
            )
        )
        super().__init__([hint, self.files, self.weights, self.prompts, self.draw_button, self.place, self.told])

    def draw(self) -> Path:
        """Draw the chosen files at the weights, for all prompts; show it and keep it.

        Raises:
            GenerationError: a weight or a prompt cannot be used, or the files are of several base models.
            ModelError: the base model cannot be loaded.
        """
        chosen = [self.loras[number] for number in sorted(self.files.value, reverse=True)]
        settings = chosen[0].settings if chosen else self.settings
        strangers = [choice.label for choice in chosen if choice.settings.model.base != settings.model.base]
        if strangers:
            raise GenerationError(
                f"{', '.join(strangers)}: trained on another base model than {chosen[0].label}. "
                "Choose files of one base model for a grid."
            )
        rows = read_prompts(self.prompts.value.splitlines(), settings)
        plan = GridPlan.of(rows, [choice.file for choice in chosen], read_weights(self.weights.value))
        view = GridView()
        self.place.children = (view,)
        with _busy(self.draw_button):
            path = view.draw(self.project, plan, settings)
        self.told.value = message("good", f"The grid is kept as {path}")
        return path


def read_weights(text: str) -> list[float]:
    """Read numbers with commas between them; 1 where there are none.

    Raises:
        GenerationError: something else stands there.
    """
    try:
        numbers = [float(part) for part in text.replace(";", ",").split(",") if part.strip()]
    except ValueError as error:
        raise GenerationError(
            f"weights = {text!r}; expected numbers with commas between them, such as 0.6, 0.8, 1."
        ) from error
    return numbers or [WEIGHT]


def _wide(name: str, width: str = "min(640px, 98%)") -> dict[str, Any]:
    return {"description": name, "style": _STYLE, "layout": w.Layout(width=width)}


def _narrow(name: str) -> dict[str, Any]:
    return {"description": name, "style": _STYLE, "layout": w.Layout(width="206px")}


@contextlib.contextmanager
def _busy(*buttons: w.Button) -> Iterator[None]:
    """Let buttons rest while something is drawn, so that impatient clicks do not queue up."""
    for button in buttons:
        button.disabled = True
    try:
        yield
    finally:
        for button in buttons:
            button.disabled = False
