"""The whole path on the demo: pictures, plan, training, test grid, and a count of castles.

What a person does in the notebooks, in one call; `loranb demo` runs it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from loranb.dataset.training_set import collect
from loranb.demo import BASE
from loranb.demo.evaluate import CFG, STEPS, add_lora, draw_pictures, load_pipeline, subject_seen, subject_trials
from loranb.demo.project import TRIGGER, make
from loranb.errors import TrainingError
from loranb.events import Step
from loranb.generate.grid import GridPlan, draw_grid, save_grid
from loranb.generate.pictures import Generator
from loranb.generate.prompt import SamplePrompt
from loranb.plan import plan
from loranb.training import launch
from loranb.training.follow import follow_in_words
from loranb.training.run import Run

WEIGHT = 1.0
PAIRS = 24  # prompts and seeds drawn with and without the LoRA; the full evaluation takes 100 and more
PROMPTS = (
    f"{TRIGGER}, red castle, grass, day",
    f"{TRIGGER}, blue castle, snow, sunset",
    f"{TRIGGER}, yellow castle, sand, night",
)


def walk(out: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run the whole path and report on it.

    Args:
        out: where the project is made; one that is there is used again, with a new run.
        tell: shows a line of progress.

    Returns:
        What `loranb demo --json` prints.

    Raises:
        TrainingError: training did not end well.
    """
    project = make(out.expanduser().resolve())
    found = collect(project.img)
    tell(f"1, 2. {len(found.images)} pictures with captions in {project.img}")
    tell(f"3. {plan(project.settings(), found.images).sentence()}")
    run = Run.create(project, project.settings())
    tell(f"4. Training in {run.folder}")
    launch.start(run)
    ended = follow_in_words(run, 0, tell)
    if ended.why == "stopped":
        raise KeyboardInterrupt
    if ended.why != "finished":
        raise TrainingError(f"The demo's training ended early ({ended.why}): {ended.message}")
    lora = run.loras()[-1]
    tell("5. Testing")
    grid = _grid(run, lora)
    seen_with, seen_without = _castles_seen(lora)
    losses = [event.loss for event in run.events() if isinstance(event, Step)]
    tenth = max(1, len(losses) // 10)
    tell(
        f"The tagger sees the castle in {seen_with:.0%} of {PAIRS} pictures with the LoRA, {seen_without:.0%} without."
    )
    return {
        "lora": lora,
        "grid": grid,
        "run": run.folder,
        "steps": len(losses),
        "loss_first": sum(losses[:tenth]) / tenth,
        "loss_last": sum(losses[-tenth:]) / tenth,
        "subject_seen_with_lora": seen_with,
        "subject_seen_without_lora": seen_without,
        "subject_pairs": PAIRS,
        "weight": WEIGHT,
        "base": BASE,
        "trigger": TRIGGER,
        "prompts": list(PROMPTS),
    }


def _grid(run: Run, lora: Path) -> Path:
    """Draw the prompts without the LoRA and at three weights."""
    generator = Generator.open("demo")
    side = run.settings().dataset.resolution
    rows = [SamplePrompt(prompt, width=side, height=side, steps=STEPS, cfg_scale=CFG, seed=1) for prompt in PROMPTS]
    layout = GridPlan.of(rows, [lora], weights=(0.6, 0.8, WEIGHT))
    file = run.project.root / "grids" / f"{run.name}.png"
    save_grid(layout, list(draw_grid(generator, layout)), file)
    return file


def _castles_seen(lora: Path) -> tuple[float, float]:
    """Count castles with and without the LoRA, over the same prompts and seeds."""
    trials = subject_trials(TRIGGER, PAIRS)
    prompts, seeds = [trial.prompt for trial in trials], [trial.seed for trial in trials]
    pipeline = load_pipeline()
    without = subject_seen(draw_pictures(pipeline, prompts, seeds))
    add_lora(pipeline, lora, WEIGHT)
    return subject_seen(draw_pictures(pipeline, prompts, seeds)), without
