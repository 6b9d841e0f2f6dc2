"""The whole path on the demo: pictures, plan, training, test grid, and a count of castles.

What a person does in the notebooks, in one call; `loranb demo` runs it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from loranb.dataset.training_set import collect
from loranb.demo import BASE
from loranb.demo.project import TRIGGER, make
from loranb.errors import TrainingError
from loranb.events import Step
from loranb.plan import plan
from loranb.training import launch
from loranb.training.follow import follow_in_words
from loranb.training.run import Run

WEIGHT = 1.0
PAIRS = 24  # prompts and seeds drawn with and without the LoRA; the full evaluation takes 100 and more
PROMPTS = (f"{TRIGGER}, red castle, grass, day", f"{TRIGGER}, blue castle, snow, sunset", f"{TRIGGER}, yellow castle, sand, night")


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
    if ended.why != "finished":
        raise TrainingError(f"The demo's training ended early ({ended.why}): {ended.message}")
    lora = run.loras()[-1]
    tell("5. Testing")
    grid = _grid(run, lora)
    seen_with, seen_without = _castles_seen(lora)
    losses = [event.loss for event in run.events() if isinstance(event, Step)]
    tenth = max(1, len(losses) // 10)
    tell(f"The tagger sees the castle in {seen_with:.0%} of {PAIRS} pictures with the LoRA, {seen_without:.0%} without.")
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
