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
from loranb.errors import LoranbError

Report = dict[str, Any]
Command = Callable[[argparse.Namespace], tuple[Report, str]]  # what --json prints, and what people read
Verb = Callable[[str, Command, str], argparse.ArgumentParser]  # adds a command: its name, what runs it, its help


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
    from loranb.dataset.terminal import add

    return add(asked, tell)


def _repeats(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.dataset.terminal import repeats

    return repeats(asked)


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
    from loranb.estimate.terminal import plan

    return plan(asked)


def _train(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.training.terminal import train

    return train(asked, tell)


def _watch(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.training.terminal import watch

    return watch(asked, tell)


def _stop(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.training.terminal import stop

    return stop(asked)


def _import_kohya(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.interop.terminal import import_kohya

    return import_kohya(asked)


def _export_kohya(asked: argparse.Namespace) -> tuple[Report, str]:
    from loranb.interop.terminal import export_kohya

    return export_kohya(asked)


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


def _parser() -> argparse.ArgumentParser:
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
    _about_pictures(verb)
    _about_training(verb)
    _about_drawing(verb)
    lora = verbs.add_parser("lora", help="look into LoRA files").add_subparsers(required=True, metavar="COMMAND")
    verb("info", _lora_info, "show a LoRA file's metadata", lora).add_argument("file", type=Path)
    return parser


def _about_pictures(verb: Verb) -> None:
    from loranb.captioning.terminal import add_arguments as add_caption_arguments
    from loranb.dataset.terminal import add_arguments, add_repeats_arguments

    add_arguments(verb("add", _add, "copy pictures into a project; adding the same again adds nothing twice"))
    add_repeats_arguments(
        verb("repeats", _repeats, "show how often each subject is shown, and what would balance them")
    )
    check = verb("check", _check, "say what is wrong with the pictures, what it means and what to do")
    check.add_argument("project", type=Path)
    check.add_argument("--kind", default="", metavar="KIND", help="what the LoRA is for: face, object, style or place")
    add_caption_arguments(verb("caption", _caption, "write captions with a captioner"))


def _about_training(verb: Verb) -> None:
    from loranb.base_models.terminal import add_arguments as add_download_arguments
    from loranb.interop.terminal import add_export_arguments, add_import_arguments

    add_download_arguments(verb("download", _download, "fetch a base model, or list those one can choose from"))
    add_import_arguments(verb("import-kohya", _import_kohya, "take over the settings of kohya_ss or sd-scripts"))
    add_export_arguments(verb("export-kohya", _export_kohya, "write a project's settings for kohya_ss or sd-scripts"))
    plan = verb("plan", _plan, "say what a training run will be: steps, buckets, disk, GPU memory, time")
    plan.add_argument("--gpu", default="", help="what it is to run on, such as T4 or RTX 4090; else this machine's")
    train = verb("train", _train, "train a LoRA, and follow it")
    for command in (plan, train):
        command.add_argument("project", type=Path)
        command.add_argument(
            "--set", action="append", default=[], metavar="GROUP.NAME=VALUE", help="change a setting for this run"
        )
    train.add_argument("--resume", type=Path, metavar="RUN", help="go on with a run that stopped")
    verb("watch", _watch, "follow a run").add_argument("run", type=Path)
    verb("stop", _stop, "ask a run to save and stop").add_argument("run", type=Path)


def _about_drawing(verb: Verb) -> None:
    generate = verb("generate", _generate, "draw pictures")
    grid = verb("grid", _grid, "draw a grid of LoRA files, weights and prompts")
    for command in (generate, grid):
        command.add_argument("project", type=Path)
        command.add_argument("--prompt", action="append", required=True, help="may be given several times")
        command.add_argument("--base", default="", help="base model; the project's if not given")
        command.add_argument("--out", type=Path, default=None, metavar="DIR")
    grid.add_argument("--weights", default="0.6,0.8,1", help="LoRA weights, with commas")
    grid.add_argument("--last", type=int, default=1, help="how many of the latest LoRA files to compare")


if __name__ == "__main__":
    sys.exit(main())
