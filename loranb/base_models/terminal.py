"""Base models from the command line: list, find and fetch."""

import argparse
from typing import Any

from loranb.base_models.checkpoints import find_checkpoints
from loranb.base_models.fetching import download as fetch_now
from loranb.base_models.picks import QUICK_PICKS
from loranb.base_models.places import kept
from loranb.dataset.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `download` reads."""
    parser.add_argument(
        "model", nargs="?", default="", help="owner/name or owner/name/file.safetensors; none: list what there is"
    )


def download(asked: argparse.Namespace, progress: Progress) -> tuple[dict[str, Any], str]:
    """Fetch a base model, or list well-known ones and those on this machine; the report, and the same in words.

    Raises:
        ModelError: it cannot be had.
    """
    if asked.model:
        path = fetch_now(asked.model, progress)
        return {"model": asked.model, "path": path}, f"{asked.model} is in {path}."
    found = find_checkpoints()
    report = {
        "quick_picks": [
            {
                "model": known.source,
                "title": known.title,
                "family": known.family,
                "resolution": known.resolution,
                "licence": known.licence,
                "note": known.note,
                "page": known.page,
                "kept": kept(known.source),
            }
            for known in QUICK_PICKS
        ],
        "found": [{"path": one.path, "bytes": one.size} for one in found],
    }
    lines = [f"{known.source}: {known.title}. {known.note} Licence: {known.licence}." for known in QUICK_PICKS]
    return report, "\n".join([*lines, *(f"On this machine: {one.path} ({one.size / 2**30:.1f} GiB)" for one in found)])
