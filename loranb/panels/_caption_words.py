"""Tags to propose while one is typed: those of the set first, then those that taggers on this machine know."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from loranb.captioners import wd14
from loranb.errors import SettingsError
from loranb.project import Project

MOST = 10  # lines that are read at a glance


class Words:
    """The tags that are known for a project.

    Args:
        project: whose settings say whether the demo's tagger, which knows only the demo's pictures, is of use.
    """

    def __init__(self, project: Project):
        self._project = project
        self._known: dict[str, str] | None = None

    def suggest(self, typed: str, counts: Mapping[str, int]) -> list[tuple[str, int]]:
        """List tags that fit what was typed, each with how often it stands in the set.

        Those that begin with it come before those with a word that does, and those before any that hold it.

        Args:
            typed: some letters of a tag; case and underscores make no difference.
            counts: the tags of the set, the most frequent first.
        """
        sought = _plain(typed)
        if not sought:
            return []
        own = _ranked(sought, {_plain(tag): tag for tag in counts})
        others = _ranked(sought, {plain: tag for plain, tag in self.known.items() if plain not in own})
        return [(tag, counts.get(tag, 0)) for tag in [*own.values(), *others.values()]][:MOST]

    @property
    def known(self) -> dict[str, str]:
        """The tags of all taggers on this machine, the most frequent first, by the same in small letters."""
        if self._known is None:
            self._known = {_plain(tag): tag for file in _lists(self._project) for tag in read_tags(file)}
        return self._known


def read_tags(file: Path) -> list[str]:
    """Read the tags of a ``selected_tags.csv``, the most frequent first, without ratings."""
    with file.open(encoding="utf-8", newline="") as rows:
        found = [row for row in csv.DictReader(rows) if row["category"] != str(wd14.RATING)]
    found.sort(key=lambda row: -int(row.get("count") or 0))
    return [row["name"] if row["name"] in wd14.KAOMOJI else row["name"].replace("_", " ") for row in found]


def _lists(project: Project) -> Iterable[Path]:
    """List the files of tags that are on this machine."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        if project.settings().model.base == "demo":
            yield wd14.TAGGER / wd14.TAGS
    except SettingsError:  # the settings panel shows what is wrong
        pass
    try:
        revisions = [revision for repo in scan_cache_dir().repos for revision in repo.revisions]
    except CacheNotFound:
        return
    yield from {file.file_path for revision in revisions for file in revision.files if file.file_name == wd14.TAGS}


def _ranked(sought: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Pick the tags that fit; among equals the order stays."""
    fitting = [plain for plain in tags if sought in plain and plain != sought]
    fitting.sort(key=lambda plain: 0 if plain.startswith(sought) else 1 if f" {sought}" in plain else 2)
    return {plain: tags[plain] for plain in fitting}


def _plain(tag: str) -> str:
    return " ".join(tag.replace("_", " ").casefold().split())
