"""Settings from kohya's tools and back, from the command line."""

import argparse
from pathlib import Path
from typing import Any

from loranb.errors import ProjectError
from loranb.interop.kohya import Imported, read
from loranb.project import Project
from loranb.settings.advice import advice


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `import_kohya` reads."""
    parser.add_argument("file", type=Path, help="a preset of kohya_ss (.json), or sd-scripts' arguments (.toml)")
    parser.add_argument("--out", type=Path, metavar="TOML", help="write the settings to this file")
    parser.add_argument("--project", type=Path, help="put the settings in the place of this project's")


def import_kohya(asked: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Import a file as the command line asks for; returns the report, and the same in words.

    Raises:
        SettingsError: the file cannot be read, or is for models or networks that loranb doesn't train.
        ProjectError: there is no such project, or the file to write is there already.
    """
    project = Project.open(asked.project) if asked.project else None
    if asked.out and asked.out.exists():
        raise ProjectError(f"{asked.out} is there already, and is not overwritten. Choose another name.")
    found = read(asked.file)
    written = []
    if project is not None:
        found.settings.save(project.settings_file)
        written.append(project.settings_file)
    if asked.out:
        found.settings.save(asked.out)
        written.append(asked.out)
    report = report_of(found)
    words = [
        f"{len(found.mapped)} of its keys are taken over, {len(found.ignored)} mean nothing here (--json says why), "
        f"{len(found.unknown)} are unknown{': ' + ', '.join(found.unknown) if found.unknown else ''}.",
        *(f"! {said}" for said in report["advice"]),
        *(f"Written to {path}." for path in written),
    ]
    return report, "\n".join(words)


def report_of(found: Imported) -> dict[str, Any]:
    """Return what `loranb import-kohya --json` prints; its names stay."""
    general = [said.words for said in advice(found.settings)]
    return {
        "settings": found.settings.model_dump(mode="json"),
        "mapped": list(found.mapped),
        "ignored": [{"key": key, "why": why} for key, why in found.ignored.items()],
        "unknown": found.unknown,
        "advice": [*(said.words for said in found.advice), *general],
        "became": found.mapped,
    }
