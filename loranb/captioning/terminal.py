"""Captioning from the command line; its flags are derived from the declarations of the settings."""

import argparse
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from loranb import captioners
from loranb.captioning import Choice, Draft, Outcome, Wording, caption_project, drafts, together
from loranb.captioning.options import NAME
from loranb.dataset import folders
from loranb.dataset.progress import Progress
from loranb.errors import DatasetError, SettingsError
from loranb.project import Project
from loranb.settings.declaration import SettingField, fields_of, filled

DEMO = "demo"  # the usual tagger with the demo's small model
USUAL = "wd14"
_FLAGS = {"class_word": "--class", "replacements": "--replace", "maximum": "--max"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `caption` reads."""
    parser.add_argument("project", type=Path)
    named = [*captioners.names(), DEMO]
    parser.add_argument("--with", dest="captioner", default=USUAL, choices=named, help=f"the captioner; else {USUAL}")
    parser.add_argument("--model", default="", help="its model: a name on the Hugging Face hub, or a folder")
    parser.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="an option of its own; see --captioners"
    )
    parser.add_argument("--captioners", action=_List, nargs=0, help="list the captioners and their options, and leave")
    for field in fields_of(Wording, NAME):
        _add(parser, field)
    parser.add_argument("--overwrite", action="store_true", help="the same as --mode overwrite")
    parser.add_argument("--subject", default="", help="caption the pictures of this subject only")
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and write nothing")
    parser.add_argument("--processes", type=int, default=1, help="look at pictures in so many processes, one a GPU")


def caption(asked: argparse.Namespace, progress: Progress) -> tuple[dict[str, Any], str]:
    """Caption a project as the command line asks for; returns the report, and the same in words.

    Raises:
        SettingsError: an option cannot be used.
        DatasetError: there is no such subject.
        CaptionerError: the captioner cannot be loaded or run.
    """
    project = Project.open(asked.project)
    choice, wording = _all_or_none(lambda: choice_of(asked), lambda: wording_of(asked))
    pictures = pictures_of(project, asked.subject)
    stopped = False
    if asked.processes > 1:
        stopped = not together.look(asked.processes, together.arguments(asked))
    work = {"pictures": pictures, "progress": progress, "stop": lambda: stopped}
    if asked.dry_run:
        return _told_drafts(project, drafts(project, *choice, wording, **work))
    return _told_outcome(project, caption_project(project, *choice, wording, **work))


def choice_of(asked: argparse.Namespace) -> Choice:
    """Return the captioner that is asked for, with its options.

    Raises:
        SettingsError: an option cannot be used.
    """
    name = USUAL if asked.captioner == DEMO else asked.captioner
    wrong = [f"{text!r} sets nothing; write name=value, such as batch=4." for text in asked.option if "=" not in text]
    if wrong:
        raise SettingsError(wrong)
    values = dict(text.split("=", 1) for text in asked.option)
    if model := DEMO if asked.captioner == DEMO else asked.model:
        values["model"] = model
    if asked.processes < 1:
        raise SettingsError([f"processes = {asked.processes}; expected a whole number, at least 1."])
    return Choice(name, filled(captioners.module(name).Options, name, values))


def wording_of(asked: argparse.Namespace) -> Wording:
    """Return the wording that is asked for.

    Raises:
        SettingsError: something in it cannot be used.
    """
    given = {field.name: getattr(asked, field.name) for field in fields_of(Wording, NAME)}
    values = {key: "\n".join(v) if isinstance(v, list) else v for key, v in given.items() if v is not None}
    return filled(Wording, NAME, values | ({"mode": "overwrite"} if asked.overwrite else {}))


def pictures_of(project: Project, words: str) -> list[Path] | None:
    """Return a subject's pictures; None, for all, where none is named.

    Raises:
        DatasetError: there is no such subject.
    """
    if not words:
        return None
    if found := folders.named(project.img, words):
        return [picture for subject in found for picture in subject.pictures()]
    known = ", ".join(sorted({subject.words for subject in folders.subjects(project.img)})) or "none"
    raise DatasetError(f"There is no subject {words!r}; there are: {known}.")


def _all_or_none(*makers: Callable[[], Any]) -> list[Any]:
    """Call each; where some cannot be used, the problems of all are said at once."""
    made, problems = [], []
    for make in makers:
        try:
            made.append(make())
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return made


def _add(parser: argparse.ArgumentParser, field: SettingField) -> None:
    allowed = "" if field.choices else field.allowed_in_words
    text = f"{field.help}{allowed}".replace("%", "%%")
    several = {"action": "append"} if field.kind is tuple else {}
    shape = {"choices": field.choices} if field.choices else {"metavar": field.kind.__name__.upper(), **several}
    if field.kind is tuple:
        shape["metavar"] = "TEXT"
    flag = _FLAGS.get(field.name, f"--{field.name.replace('_', '-')}")
    parser.add_argument(flag, dest=field.name, default=None, help=text, **shape)


class _List(argparse.Action):
    """Lists the captioners, their models and their options."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        for name in captioners.names():
            there = captioners.module(name)
            print(f"{name}: {there.TITLE}")
            for model, note in there.MODELS.items():
                print(f"    {model}: {note}")
            for field in fields_of(there.Options, name):
                text = f"{field.name}={field.info.default}: {field.help}{field.allowed_in_words}"
                print(textwrap.fill(text, 110, initial_indent="  --option ", subsequent_indent=" " * 11))
        parser.exit()


def _told_outcome(project: Project, outcome: Outcome) -> tuple[dict[str, Any], str]:
    captions = {
        _below(project, draft.picture): draft.after
        for draft in outcome.drafts
        if draft.changes and draft.picture not in outcome.meanwhile
    }
    report = {
        "captions": captions,
        "problems": {_below(project, picture): problem for picture, problem in outcome.problems.items()},
        "changed_meanwhile": [_below(project, picture) for picture in outcome.meanwhile],
        "stopped": outcome.stopped,
        "pictures_per_second": round(outcome.per_second, 3),
        "exit_code": 130 if outcome.stopped else 0,
    }
    return report, "\n".join([*(f"{name}: {text}" for name, text in captions.items()), str(outcome)])


def _told_drafts(project: Project, made: Sequence[Draft]) -> tuple[dict[str, Any], str]:
    rows = [{**draft._asdict(), "picture": _below(project, draft.picture)} for draft in made]
    lines = []
    for row in rows:
        if row["problem"]:
            lines.append(f"{row['picture']}: {row['problem']}")
        elif row["before"] != row["after"]:
            lines += [row["picture"], *([f"  - {row['before']}"] if row["before"] else []), f"  + {row['after']}"]
    changes = sum(draft.changes for draft in made)
    lines.append(f"{changes} captions would change; nothing was written.")
    return {"drafts": rows}, "\n".join(lines)


def _below(project: Project, path: Path) -> str:
    return path.relative_to(project.root).as_posix()
