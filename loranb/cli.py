"""``loranb ...``: the same steps as the notebooks, from a terminal.

Results go to stdout, progress to stderr; ``--json`` prints one JSON document on stdout. The exit
code is 0 when it is done, 1 for what the user can mend (a message, no traceback), 2 for wrong usage,
130 when it was stopped.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loranb import __version__
from loranb.errors import LoranbError, SettingsError

Report = dict[str, Any]
Command = Callable[[argparse.Namespace], tuple[Report, str]]  # what --json prints, and what people read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        report, words = asked.command(asked)
    except LoranbError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    print(json.dumps(report, indent=2, ensure_ascii=False, default=str) if asked.json else words)
    return int(report.get("exit_code", 0))


def tell(text: str) -> None:
    """Say something on the way, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _demo(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.demo.walk import walk

    report = walk(asked.out, tell)
    return report, f"LoRA: {report['lora']}\nGrid: {report['grid']}"


def _new(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.project import Project
    from loranb.settings import Settings

    settings = Settings.preset(asked.preset) if asked.preset else None
    root = asked.project if asked.project.is_absolute() else Path.cwd() / asked.project
    project = Project.create(root, settings)
    return {"project": project.root}, f"The project {project.name} is in {project.root}."


def _add(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.dataset import intake

    project = open_project_here(asked.project)
    wanted = intake.Wanted(f"{asked.subject} {asked.class_word}".strip(), asked.repeats, asked.reg)
    try:
        added = intake.add(project, asked.source, wanted, _bar())
    except KeyboardInterrupt:
        tell("What has been copied is whole; the same command goes on from there.")
        raise
    report = {
        "subjects": [_subject(project, subject) for subject in added.subjects],
        "pictures": [_below(project, path) for path in added.pictures],
        "captions": [_below(project, path) for path in added.captions],
        "already_there": added.already_there,
        "taken_out": added.taken_out,
        "left_out": added.left_out,
    }
    return report, str(added)


def _repeats(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.dataset import folders

    project = open_project_here(asked.project)
    if asked.balance:
        folders.balance(project.img)
    subjects = folders.subjects(project.img)
    suggested = folders.suggest(subjects)
    rows = [{**_subject(project, s), "suggested": suggested.get(s, s.repeats)} for s in subjects]
    lines = [
        f"{row['words']}: {row['pictures']} pictures x {row['repeats']} repeats = {row['pictures'] * row['repeats']}"
        + (f"; {row['suggested']} repeats would balance it" if row["suggested"] != row["repeats"] else "")
        for row in rows
    ]
    return {"subjects": rows}, "\n".join(lines) or "There are no subjects yet; `loranb add` makes them."


def _subject(project: Any, subject: Any) -> Report:
    return {
        "folder": _below(project, subject.folder),
        "words": subject.words,
        "repeats": subject.repeats,
        "pictures": len(subject.pictures()),
    }


def _below(project: Any, path: Path) -> str:
    return path.relative_to(project.root).as_posix()


def _bar() -> Callable[[int, int, str], None]:
    """Say how far work is, on stderr, once a second and at its end."""
    from loranb.dataset.progress import spoken

    return spoken(tell)


def _check(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.dataset import health

    report = health.check(open_project_here(asked.project), asked.kind, _bar())
    return report.to_json(), health.in_words(report)


def _caption(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.captioning.terminal import caption

    return caption(asked, _bar())


def _download(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.base_models.terminal import download

    return download(asked, _bar())


def _plan(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.dataset.training_set import collect
    from loranb.plan import plan
    from loranb.settings.advice import advice

    project = open_project_here(asked.project)
    settings = project.settings().assign_text(asked.set)
    found = collect(project.img)
    found.check()
    horizon = plan(settings, found.images)
    report = {
        "images": len(horizon.images),
        "steps_per_epoch": horizon.steps_per_epoch,
        "epochs": horizon.epochs,
        "steps": horizon.steps,
        "buckets": [
            {"size": bucket.size, "images": bucket.images, "batches": bucket.batches} for bucket in horizon.buckets
        ],
        "advice": [said.words for said in advice(settings)],
    }
    rows = [f"  {b.size[0]} x {b.size[1]}: {b.images} pictures, {b.batches} batches" for b in horizon.buckets]
    return report, "\n".join([horizon.sentence(), *rows, *(f"! {said}" for said in advice(settings))])


def _train(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.training import launch
    from loranb.training.run import Run

    project = open_project_here(asked.project)
    if asked.resume and asked.set:
        raise SettingsError(["--set cannot change a run that goes on; start a new run, or leave --set out."])
    if asked.resume:
        run = Run(_run_folder(asked.resume, project.runs_folder))
    else:
        run = Run.create(project, project.settings().assign_text(asked.set))
    tell(f"The run is in {run.folder}.")
    start_at = run.events_file.stat().st_size if run.events_file.exists() else 0
    launch.start(run)
    return _follow(run, start_at)


def _watch(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.training.run import Run

    return _follow(Run(asked.run), 0)


def _follow(run: Any, start_at: int) -> tuple[Report, str]:
    from loranb.training.follow import follow_in_words

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


def _stop(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.training import launch
    from loranb.training.run import Run

    run = Run(asked.run)
    if not launch.is_running(run):
        return {"running": False}, f"{run.name} is not being trained."
    launch.stop(run)
    return {"running": True}, f"{run.name} will save and stop after the step it is at."


def _generate(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.generate.terminal import generate

    files = generate(asked, tell)
    return {"pictures": files}, "\n".join(map(str, files))


def _grid(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.generate.terminal import grid

    file = grid(asked, tell)
    return {"grid": file}, str(file)


def _lora_info(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.lora.file import load_lora

    tensors, told = load_lora(asked.file)
    report = {"tensors": len(tensors), "metadata": told}
    return report, "\n".join([f"{len(tensors)} tensors", *(f"{key}: {value}" for key, value in sorted(told.items()))])


def open_project_here(path: Path) -> Any:
    """Open a project by its path, as commands name it."""
    from loranb.project import Project

    return Project.open(path)


def _run_folder(run: Path, runs: Path) -> Path:
    return run if run.exists() else runs / run


def _parser() -> argparse.ArgumentParser:
    from loranb.base_models.terminal import add_arguments as add_download_arguments
    from loranb.captioning.terminal import add_arguments as add_caption_arguments

    parser = argparse.ArgumentParser(prog="loranb", description="From a pile of pictures to a tested LoRA.")
    parser.add_argument("--version", action="version", version=f"loranb {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, run: Command, help: str, under: Any = verbs) -> argparse.ArgumentParser:  # noqa: A002
        command = under.add_parser(name, help=help, description=help)
        command.add_argument("--json", action="store_true", help="print one JSON document on stdout")
        command.set_defaults(command=run)
        return command

    demo = verb("demo", _demo, "the whole path on the embedded demo: pictures, training, test grid")
    demo.add_argument("--out", type=Path, default=Path("loranb_demo"), metavar="DIR")

    new = verb("new", _new, "make a project folder")
    new.add_argument("project", type=Path)
    new.add_argument("--preset", help="settings to begin with")

    add = verb("add", _add, "copy pictures into a project; adding the same again adds nothing twice")
    add.add_argument("project", type=Path)
    add.add_argument(
        "--subject", default="", help="what is to be learned, in one or more words; else by folders named 10_mokuba cat"
    )
    add.add_argument("--class", dest="class_word", default="", metavar="CLASS", help="the kind of thing it is")
    add.add_argument("--repeats", type=int, help="showings of each picture in an epoch; 10 for a new subject")
    add.add_argument("--reg", action="store_true", help="as regularisation pictures")
    add.add_argument(
        "source", nargs="+", help="pictures, folders, zip archives, https://….zip, or hf:owner/name for a data set"
    )

    repeats = verb("repeats", _repeats, "show how often each subject is shown, and what would balance them")
    repeats.add_argument("project", type=Path)
    repeats.add_argument("--balance", action="store_true", help="set the repeats that are suggested")

    check = verb("check", _check, "say what is wrong with the pictures, what it means and what to do")
    check.add_argument("project", type=Path)
    check.add_argument("--kind", default="", metavar="KIND", help="what the LoRA is for: face, object, style or place")

    add_caption_arguments(verb("caption", _caption, "write captions with a captioner"))

    add_download_arguments(verb("download", _download, "fetch a base model, or list those one can choose from"))

    plan = verb("plan", _plan, "say what a training run will be")
    train = verb("train", _train, "train a LoRA, and follow it")
    for command in (plan, train):
        command.add_argument("project", type=Path)
        command.add_argument(
            "--set", action="append", default=[], metavar="GROUP.NAME=VALUE", help="change a setting for this run"
        )
    train.add_argument("--resume", type=Path, metavar="RUN", help="go on with a run that stopped")

    verb("watch", _watch, "follow a run").add_argument("run", type=Path)
    verb("stop", _stop, "ask a run to save and stop").add_argument("run", type=Path)

    generate = verb("generate", _generate, "draw pictures")
    grid = verb("grid", _grid, "draw a grid of LoRA files, weights and prompts")
    for command in (generate, grid):
        command.add_argument("project", type=Path)
        command.add_argument("--prompt", action="append", required=True, help="may be given several times")
        command.add_argument("--base", default="", help="base model; the project's if not given")
        command.add_argument("--out", type=Path, default=None, metavar="DIR")
    grid.add_argument("--weights", default="0.6,0.8,1", help="LoRA weights, with commas")
    grid.add_argument("--last", type=int, default=1, help="how many of the latest LoRA files to compare")

    lora = verbs.add_parser("lora", help="look into LoRA files").add_subparsers(required=True, metavar="COMMAND")
    verb("info", _lora_info, "show a LoRA file's metadata", lora).add_argument("file", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
