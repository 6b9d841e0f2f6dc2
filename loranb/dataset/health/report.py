"""The health of a project's pictures: each of them, its subjects, and the set as a whole."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from loranb.dataset import folders, masks
from loranb.dataset.caption_advice import Remark, advise_captions
from loranb.dataset.edits import Edits
from loranb.dataset.folders import Subject
from loranb.dataset.health import advice, as_set
from loranb.dataset.health.advice import ANY, KINDS, Kind
from loranb.dataset.health.checked import Checked, judge
from loranb.dataset.health.context import COPIES, grouped, in_context
from loranb.dataset.health.duplicates import near_copies
from loranb.dataset.health.findings import SEVERITIES, Finding, severity_rank
from loranb.dataset.health.survey import Surveyor
from loranb.dataset.progress import Progress, silent
from loranb.dataset.reader import Pictures
from loranb.dataset.training_set import TrainingImage
from loranb.errors import DatasetError, SettingsError
from loranb.project import Project
from loranb.settings import Settings


@dataclass(frozen=True)
class Groups:
    """Pictures that belong together."""

    duplicates: tuple[tuple[Path, ...], ...] = ()  # copies of each other, exact and near; the best of each first


@dataclass(frozen=True)
class SubjectHealth:
    """What was found about the pictures of a subject."""

    subject: Subject
    pictures: int
    usable: int
    different: int  # usable, and not copies of others
    captioned: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """All that was found; `complete` is False where the check was stopped half way."""

    root: Path
    kind: str
    pictures: tuple[Checked, ...]
    groups: Groups
    subjects: tuple[SubjectHealth, ...]
    findings: tuple[Finding, ...]  # about the set as a whole
    complete: bool = True
    captions: tuple[Remark, ...] = ()  # on what the captions say
    regularisation: int = 0  # pictures in the reg folder; they are not looked at one by one

    @cached_property
    def counts(self) -> dict[str, int]:
        """How often each code was found, the worst first."""
        found = [finding for part in (*self.pictures, *self.subjects, self) for finding in part.findings]
        return dict(Counter(finding.code for finding in sorted(found, key=lambda f: severity_rank(f.severity))))

    @property
    def fine(self) -> int:
        """How many pictures need nothing done: no errors and no warnings."""
        return sum(picture.worst in (None, "info") for picture in self.pictures)

    @property
    def summary(self) -> dict[str, Any]:
        """The numbers."""
        worst = Counter(picture.worst for picture in self.pictures)
        return {
            "pictures": len(self.pictures),
            "usable": sum(picture.usable for picture in self.pictures),
            "fine": self.fine,
            "captioned": sum(bool(picture.caption) for picture in self.pictures),
            "subjects": len(self.subjects),
            "regularisation": self.regularisation,
            "duplicates": sum(len(group) - 1 for group in self.groups.duplicates),
            "worst": {severity: worst[severity] for severity in SEVERITIES},
            "findings": self.counts,
            "kind": self.kind,
            "complete": self.complete,
        }

    def name(self, path: Path) -> str:
        """Return a path as it is shown: relative to the project."""
        return path.relative_to(self.root).as_posix()

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values; paths are relative to the project."""
        return {
            "pictures": [self._picture(picture) for picture in self.pictures],
            "groups": {"duplicates": [[self.name(path) for path in group] for group in self.groups.duplicates]},
            "subjects": [self._subject(health) for health in self.subjects],
            "findings": [self._finding(finding) for finding in self.findings],
            "captions": [remark.to_json(self.name) for remark in self.captions],
            "summary": self.summary,
        }

    def _picture(self, picture: Checked) -> dict[str, Any]:
        width, height = picture.size if picture.usable else picture.facts.size
        return {
            "path": self.name(picture.path),
            "subject": picture.subject.words,
            "width": width,
            "height": height,
            "usable": picture.usable,
            "findings": [self._finding(finding) for finding in picture.findings],
            **({"trim": list(picture.trim)} if picture.trim else {}),
        }

    def _subject(self, health: SubjectHealth) -> dict[str, Any]:
        return {
            "folder": self.name(health.subject.folder),
            "words": health.subject.words,
            "repeats": health.subject.repeats,
            "pictures": health.pictures,
            "usable": health.usable,
            "different": health.different,
            "captioned": health.captioned,
            "findings": [self._finding(finding) for finding in health.findings],
        }

    def _finding(self, finding: Finding) -> dict[str, Any]:
        pictures = [self.name(path) for path in finding.pictures]
        return {
            "code": finding.code,
            "severity": finding.severity,
            "message": finding.message,
            **({"pictures": pictures} if pictures else {}),
        }


def check(
    project: Project, kind: str = "", progress: Progress = silent, stop: Callable[[], bool] = lambda: False
) -> Report:
    """Look at all pictures of a project and say what is to be said of them.

    Args:
        project: needs an ``img`` folder and nothing else; only its ``.loranb`` folder is written to.
        kind: of LoRA, one of `KINDS`; blank where it is not known.
        progress: told how many pictures are done; an exception raised in it stops the check.
        stop: asked after each picture; once it says yes, the report is of those looked at until then.

    Raises:
        DatasetError: there is no such kind, or the record of edits cannot be opened.
    """
    asked = _kind(kind)
    settings, problems = _settings(project)
    subjects = folders.subjects(project.img)
    belongs = {path: subject for subject in subjects for path in subject.pictures()}
    looked = Surveyor(project).look(belongs, progress, stop)
    edits = Edits(project.edits_file)
    alone = [judge(one, belongs[one.path], settings.dataset, edits.of(one.content), asked) for one in looked]
    copies = near_copies({one.content: one.facts for one in looked}, project.cache / "alike.json")
    alone = _with_masks(project, alone)
    pictures = in_context(alone, lambda path: path.relative_to(project.root).as_posix(), copies)
    health = tuple(_health(subject, [p for p in pictures if p.subject == subject], asked) for subject in subjects)
    damaged = [Finding("edits_damaged", "warning", said.rstrip(".")) for said in edits.problems]
    return Report(
        root=project.root,
        kind=kind,
        pictures=tuple(pictures),
        groups=Groups(tuple(tuple(picture.path for picture in group) for group in grouped(pictures, copies))),
        subjects=health,
        findings=(*problems, *damaged, *_of_set(project, settings, pictures, health)),
        complete=len(looked) == len(belongs),
        captions=_on_captions(pictures, settings.captions.tokens),
        regularisation=sum(len(subject.pictures()) for subject in folders.subjects(project.reg)),
    )


def _kind(name: str) -> Kind:
    if name and name not in KINDS:
        raise DatasetError(f"There is no kind of LoRA {name!r} to check for; there are {', '.join(KINDS)}.")
    return KINDS.get(name, ANY)


def _settings(project: Project) -> tuple[Settings, list[Finding]]:
    """Read the settings; where they cannot be used, say so and go by the defaults."""
    try:
        return project.settings(), []
    except SettingsError as error:
        return Settings(), [Finding("settings", "warning", " ".join(error.problems).rstrip("."))]


def _with_masks(project: Project, pictures: Sequence[Checked]) -> list[Checked]:
    """Add what is wrong with the masks that lie beside pictures."""
    problems = masks.problems(Pictures(project), [picture.path for picture in pictures if picture.usable])
    said = {path: Finding("bad_mask", "warning", problem.split(". ")[0]) for path, problem in problems.items()}
    return [picture.plus(said[picture.path]) if picture.path in said else picture for picture in pictures]


def _unused_masks(settings: Settings, paths: Sequence[Path]) -> Iterator[Finding]:
    """Say it where masks were painted, and the settings leave them aside."""
    painted = tuple(masks.painted(paths))
    if painted and not settings.dataset.masked_loss:
        many = "1 picture has a mask" if len(painted) == 1 else f"{len(painted)} pictures have a mask"
        yield Finding("masks_unused", "info", f"{many} beside it, and dataset.masked_loss is off", painted)


def _on_captions(pictures: Sequence[Checked], tokens: int) -> tuple[Remark, ...]:
    """Say what is to be said of captions, but for those that are missing: that is a finding of the picture."""
    there = {picture.path: picture for picture in pictures if picture.caption}
    words = {path: picture.subject.words for path, picture in there.items()}
    return advise_captions({path: picture.caption for path, picture in there.items()}, words, tokens).remarks


def _health(subject: Subject, pictures: Sequence[Checked], kind: Kind) -> SubjectHealth:
    usable = [picture for picture in pictures if picture.usable]
    different = [picture for picture in usable if not picture.has(*COPIES)]
    return SubjectHealth(
        subject=subject,
        pictures=len(pictures),
        usable=len(usable),
        different=len(different),
        captioned=sum(bool(picture.caption) for picture in pictures),
        findings=tuple(advice.of_subject(kind, [picture.findings for picture in different])) if pictures else (),
    )


def _of_set(
    project: Project, settings: Settings, pictures: Sequence[Checked], subjects: Sequence[SubjectHealth]
) -> Iterator[Finding]:
    images = [
        TrainingImage(p.path, *p.size, p.subject.repeats, p.caption, p.subject.folder.name)
        for p in pictures
        if p.usable
    ]
    yield from as_set.of_plan(settings, images)
    yield from _unused_masks(settings, [image.path for image in images])
    yield from as_set.of_subjects({health.subject: health.usable for health in subjects})
    yield from as_set.of_folder(project.img)
    yield from as_set.of_folder(project.reg)
