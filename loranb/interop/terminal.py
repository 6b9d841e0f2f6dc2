"""Settings from kohya's tools and back, from the command line."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from loranb.dataset.training_set import collect
from loranb.errors import ProjectError
from loranb.files import free_name, write_bytes
from loranb.interop.export import export
from loranb.interop.kohya import Imported, read
from loranb.project import Project
from loranb.saved_settings import joined
from loranb.settings.advice import advice
from loranb.settings.conflicts import conflicts


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `import_kohya` reads."""
    parser.add_argument("file", type=Path, help="a preset of kohya_ss (.json), or sd-scripts' arguments (.toml)")
    parser.add_argument("--out", type=Path, metavar="TOML", help="write the settings to this file")
    parser.add_argument("--project", type=Path, help="use the settings in this project; its own are kept aside")


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
    written, words = [], []
    if project is not None:
        found = replace(found, settings=joined(found.settings, project.settings()))
        if project.settings_file.exists():
            words.append(f"The settings before are kept in {_kept_aside(project)}.")
        found.settings.save(project.settings_file)
        written.append(project.settings_file)
    if asked.out:
        found.settings.save(asked.out)
        written.append(asked.out)
    report = report_of(found)
    words = [
        *words,
        f"{len(found.mapped)} of its keys are taken over, {len(found.ignored)} mean nothing here (--json says why), "
        f"{len(found.unknown)} are unknown{': ' + ', '.join(found.unknown) if found.unknown else ''}.",
        *(f"! {said}" for said in report["advice"]),
        *(f"Written to {path}." for path in written),
    ]
    return report, "\n".join(words)


def _kept_aside(project: Project) -> Path:
    """Copy a project's settings, so that nothing is lost when others take their place."""
    aside = free_name(project.settings_file.with_name("settings_before_import.toml"))
    write_bytes(aside, project.settings_file.read_bytes())
    return aside


def report_of(found: Imported) -> dict[str, Any]:
    """Return what `loranb import-kohya --json` prints; its names stay."""
    general = [f"It cannot be trained like this: {said}" for said in conflicts(found.settings)]
    general += [said.words for said in advice(found.settings)]
    return {
        "settings": found.settings.model_dump(mode="json"),
        "mapped": list(found.mapped),
        "ignored": [{"key": key, "why": why} for key, why in found.ignored.items()],
        "unknown": found.unknown,
        "advice": [*(said.words for said in found.advice), *general],
        "became": found.mapped,
    }


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `export_kohya` reads."""
    parser.add_argument("project", type=Path)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="NAME.json for kohya_ss's form, NAME.toml for sd-scripts",
    )


def export_kohya(asked: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Write a project's settings for kohya's tools; returns the report, and the same in words.

    Raises:
        SettingsError: the settings exclude each other, or the file's name ends otherwise.
        ProjectError: there is no such project, or the file is there already.
    """
    project = Project.open(asked.project)
    if asked.out.exists():
        raise ProjectError(f"{asked.out} is there already, and is not overwritten. Choose another name.")
    done = export(project.settings(), asked.out, folders_of(project))
    left_out = [*done.left_out, *_edited(project)]
    report = {"file": done.path, "more": done.more, "script": done.script, "left_out": left_out}
    words = [
        f"Written to {', '.join(map(str, [done.path, *done.more]))}, for sd-scripts' {done.script}.",
        *(f"! Kohya's tools cannot be told: {said}" for said in left_out),
    ]
    return report, "\n".join(words)


def folders_of(project: Project) -> dict[str, Path]:
    """Return a project's folders under kohya's keys; they have the layout that its tools expect."""
    found = {"train_data_dir": project.img, "output_dir": project.model, "logging_dir": project.root / "log"}
    if project.reg.is_dir() and any(project.reg.iterdir()):
        found["reg_data_dir"] = project.reg
    return {key: folder.resolve() for key, folder in found.items()}


def _edited(project: Project) -> list[str]:
    """Say it where pictures are trained otherwise than their files are: edits are a record, and the files stay."""
    edited = sum(bool(image.edit) for image in collect(project.img).images)
    return [f"how {edited} of the pictures are turned or cropped; there they are as their files are."] if edited else []
