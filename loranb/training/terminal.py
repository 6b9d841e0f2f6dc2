"""Training from the command line."""

import argparse
from collections.abc import Callable
from typing import Any

from loranb.errors import SettingsError
from loranb.project import Project
from loranb.training import launch
from loranb.training.follow import follow_in_words
from loranb.training.run import Run

Report = dict[str, Any]
Tell = Callable[[str], None]  # says something on the way


def train(asked: argparse.Namespace, tell: Tell) -> tuple[Report, str]:
    """Start a run, or one that stopped anew, and follow it; returns the report, and the same in words.

    Raises:
        SettingsError: settings that cannot be used; all are named.
    """
    project = Project.open(asked.project)
    if asked.resume and asked.set:
        raise SettingsError(["--set cannot change a run that goes on; start a new run, or leave --set out."])
    if asked.resume:
        run = Run(asked.resume if asked.resume.exists() else project.runs_folder / asked.resume)
    else:
        run = Run.create(project, project.settings().assign_text(asked.set))
    tell(f"The run is in {run.folder}.")
    start_at = run.events_file.stat().st_size if run.events_file.exists() else 0
    launch.start(run)
    return _follow(run, start_at, tell)


def watch(asked: argparse.Namespace, tell: Tell) -> tuple[Report, str]:
    """Follow a run from its beginning."""
    return _follow(Run(asked.run), 0, tell)


def stop(asked: argparse.Namespace) -> tuple[Report, str]:
    """Ask a run to save and stop."""
    run = Run(asked.run)
    if not launch.is_running(run):
        return {"running": False}, f"{run.name} is not being trained."
    launch.stop(run)
    return {"running": True}, f"{run.name} will save and stop after the step it is at."


def _follow(run: Run, start_at: int, tell: Tell) -> tuple[Report, str]:
    ended = follow_in_words(run, start_at, tell)
    loras = run.loras()
    report = {
        "run": run.folder,
        "why": ended.why,
        "steps": ended.step,
        "lora": loras[-1] if loras else None,
        "exit_code": {"finished": 0, "stopped": 130}.get(ended.why, 1),
    }
    if ended.why == "failed":
        return report, f"Training failed at step {ended.step}: {ended.message}"
    return report, f"Training {ended.why} after {ended.step} steps. LoRA: {report['lora']}"
