"""The pictures of a project as a list to be filtered and sorted: what the grid of the pictures panel shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loranb.dataset import curation, folders
from loranb.dataset.edits import Edits
from loranb.dataset.health.checked import Checked
from loranb.dataset.health.findings import CODES, severity_rank
from loranb.dataset.health.report import Groups, Report
from loranb.project import Project

ALL, NOTED, COPIES, EDITED, UNSEEN, OUT = "all", "noted", "copies", "edited", "unseen", "out"
_FINE = len(("error", "warning", "info"))  # the rank of a picture of which nothing is said


@dataclass(frozen=True)
class Entry:
    """A picture in the list."""

    path: Path
    subject: str  # its words
    checked: Checked | None = None  # None where it has not been looked at yet
    taken_out: bool = False
    edited: bool = False
    group: int = 0  # number of the group of copies that it is in; 0 for none
    best: bool = False  # of its group

    @property
    def rank(self) -> int:
        """How bad the worst finding is; 0 for one that cannot be used."""
        return severity_rank(self.checked.worst) if self.checked and self.checked.worst else _FINE

    @property
    def area(self) -> int:
        """Pixels in it, as it is used."""
        return self.checked.size[0] * self.checked.size[1] if self.checked else 0


def present_pictures(project: Project) -> list[Path]:
    """List the pictures of all subjects."""
    return [path for subject in folders.subjects(project.img) for path in subject.pictures()]


def entries(project: Project, present: Sequence[Path], report: Report, edits: Edits) -> list[Entry]:
    """List the pictures of a project, those taken out after the others.

    Args:
        project: which.
        present: those of its subjects.
        report: of those that have been looked at.
        edits: how they are turned and cropped.
    """
    checked = {picture.path: picture for picture in report.pictures}
    groups = {path: number for number, group in enumerate(report.groups.duplicates, 1) for path in group}
    best = {group[0] for group in report.groups.duplicates}

    def entry(path: Path, words: str) -> Entry:
        seen = checked.get(path)
        edited = bool(seen and seen.content and edits.of(seen.content))
        return Entry(path, words, seen, False, edited, groups.get(path, 0), path in best)

    inside = [entry(path, words_of(path)) for path in present]
    outside = curation.discarded_pictures(project.discarded)
    return inside + [Entry(path, words_of(path), taken_out=True) for path in outside]


def as_it_is(report: Report, known: Mapping[Path, Checked], present: Sequence[Path]) -> Report:
    """Return a report as far as it still holds after pictures were moved, until they are looked at again.

    Args:
        report: of before.
        known: all pictures that were ever looked at.
        present: those that there are.
    """
    there = set(present)
    groups = ([path for path in group if path in there] for group in report.groups.duplicates)
    return replace(
        report,
        pictures=tuple(known[path] for path in present if path in known),
        groups=Groups(tuple(tuple(group) for group in groups if len(group) > 1)),
        complete=all(path in known for path in present),
    )


def words_of(path: Path) -> str:
    """Return the words of the subject in whose folder a picture lies."""
    subject = folders.parse(path.parent)
    return subject.words if subject else path.parent.name


def views(known: Sequence[Entry]) -> list[tuple[str, str]]:
    """Say what the list can be narrowed to: titles with counts, and what `chosen` takes."""
    inside = [entry for entry in known if not entry.taken_out]
    counted = [
        ("With warnings", NOTED, sum(entry.rank < severity_rank("info") for entry in inside)),
        ("Copies of each other", COPIES, sum(bool(entry.group) for entry in inside)),
        ("Turned or cropped", EDITED, sum(entry.edited for entry in inside)),
        ("Not looked at yet", UNSEEN, sum(entry.checked is None for entry in inside)),
        *_of_findings(inside),
        ("Taken out", OUT, len(known) - len(inside)),
    ]
    return [(f"All pictures ({len(inside)})", ALL)] + [
        (f"{title} ({count})", view) for title, view, count in counted if count
    ]


def _of_findings(inside: Sequence[Entry]) -> list[tuple[str, str, int]]:
    counts = {code: sum(bool(e.checked and e.checked.has(code)) for e in inside) for code in CODES}
    return [(f"· {CODES[code].title}", code, count) for code, count in counts.items() if count]


def chosen(known: Iterable[Entry], view: str, subject: str = "", words: str = "") -> list[Entry]:
    """Narrow the list.

    Args:
        known: all of it.
        view: one of those that `views` lists, or the code of a finding.
        subject: words of the only subject to show; blank for all.
        words: what a name must hold; capitals make no difference.
    """
    belongs: dict[str, Callable[[Entry], bool]] = {
        ALL: lambda _: True,
        NOTED: lambda entry: entry.rank < severity_rank("info"),
        COPIES: lambda entry: bool(entry.group),
        EDITED: lambda entry: entry.edited,
        UNSEEN: lambda entry: entry.checked is None,
        OUT: lambda _: True,
    }
    fits = belongs.get(view, lambda entry: bool(entry.checked and entry.checked.has(view)))
    return [
        entry
        for entry in known
        if entry.taken_out == (view == OUT)
        and fits(entry)
        and subject in ("", entry.subject)
        and words.strip().casefold() in entry.path.name.casefold()
    ]


def _by_name(entry: Entry) -> tuple:
    return entry.path.name.casefold(), entry.path


def _sharpness(entry: Entry) -> float:
    return -entry.checked.edge_width if entry.checked else 0.0


ORDERS: dict[str, Callable[[Entry], tuple]] = {
    "Worst first": lambda entry: (entry.rank, _by_name(entry)),
    "Name": lambda entry: _by_name(entry),
    "Subject": lambda entry: (entry.subject, _by_name(entry)),
    "Smallest first": lambda entry: (entry.area, _by_name(entry)),
    "Largest first": lambda entry: (-entry.area, _by_name(entry)),
    "Softest first": lambda entry: (_sharpness(entry), _by_name(entry)),
    "Copies together": lambda entry: (entry.group or 10**9, not entry.best, _by_name(entry)),
}


def ordered(shown: Iterable[Entry], order: str) -> list[Entry]:
    """Sort a list by one of `ORDERS`."""
    return sorted(shown, key=ORDERS[order])


def spare_copies(shown: Iterable[Entry]) -> list[Path]:
    """List the pictures that go when only the best of each group of copies is kept."""
    return [entry.path for entry in shown if entry.group and not entry.best]
