"""Pictures and repeats from the command line."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loranb.dataset import folders, intake
from loranb.dataset.folders import Subject
from loranb.dataset.progress import spoken
from loranb.project import Project

Report = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `add` reads."""
    parser.add_argument("project", type=Path)
    parser.add_argument(
        "--subject", default="", help="what is to be learned, in one or more words; else by folders named 10_mokuba cat"
    )
    parser.add_argument("--class", dest="class_word", default="", metavar="CLASS", help="the kind of thing it is")
    parser.add_argument("--repeats", type=int, help="showings of each picture in an epoch; 10 for a new subject")
    parser.add_argument("--reg", action="store_true", help="as regularisation pictures")
    parser.add_argument(
        "source", nargs="+", help="pictures, folders, zip archives, https://….zip, or hf:owner/name for a data set"
    )


def add_repeats_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `repeats` reads."""
    parser.add_argument("project", type=Path)
    parser.add_argument("--balance", action="store_true", help="set the repeats that are suggested")


def add(asked: argparse.Namespace, tell: Callable[[str], None]) -> tuple[Report, str]:
    """Copy pictures into a project; returns what came of each file, and the same in words.

    Raises:
        DatasetError: a source cannot be used.
    """
    project = Project.open(asked.project)
    wanted = intake.Wanted(f"{asked.subject} {asked.class_word}".strip(), asked.repeats, asked.reg)
    try:
        added = intake.add(project, asked.source, wanted, spoken(tell))
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


def repeats(asked: argparse.Namespace) -> tuple[Report, str]:
    """Show how often each subject is shown, and balance that if asked to."""
    project = Project.open(asked.project)
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


def _subject(project: Project, subject: Subject) -> Report:
    return {
        "folder": _below(project, subject.folder),
        "words": subject.words,
        "repeats": subject.repeats,
        "pictures": len(subject.pictures()),
    }


def _below(project: Project, path: Path) -> str:
    return path.relative_to(project.root).as_posix()
