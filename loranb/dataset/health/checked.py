"""One picture of a project, with all that is to be said of it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from loranb.dataset import captions
from loranb.dataset.edits import Box, Edit
from loranb.dataset.folders import Subject
from loranb.dataset.health import advice
from loranb.dataset.health.advice import Kind
from loranb.dataset.health.facts import Facts
from loranb.dataset.health.findings import Finding, Severity, severity_rank
from loranb.dataset.health.judging import Judgement
from loranb.dataset.health.survey import Looked
from loranb.dataset.images import Size
from loranb.errors import DatasetError
from loranb.settings import DatasetSettings


@dataclass(frozen=True)
class Checked:
    """A picture, and what was found about it, the worst first."""

    path: Path
    subject: Subject
    content: str  # SHA-256 of the file; blank where it cannot be read
    size: Size  # upright, turned and cropped; (0, 0) where it cannot be used
    caption: str
    facts: Facts = field(repr=False)
    findings: tuple[Finding, ...] = ()
    trim: Box | None = None  # what to crop to, in the picture as it is used now, to be rid of plain borders
    edge_width: float = 0.0  # pixels at the size that is trained on; see `focus`

    @property
    def usable(self) -> bool:
        """Whether it can be trained on."""
        return self.worst != "error"

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding; None where there is none."""
        return self.findings[0].severity if self.findings else None

    def has(self, *codes: str) -> bool:
        """Whether any of these was found."""
        return any(finding.code in codes for finding in self.findings)

    def plus(self, *findings: Finding) -> "Checked":
        """Return it with more findings."""
        every = sorted((*self.findings, *findings), key=lambda finding: severity_rank(finding.severity))
        return replace(self, findings=tuple(every))


def judge(looked: Looked, subject: Subject, dataset: DatasetSettings, edit: Edit, kind: Kind) -> Checked:
    """Say what is to be said of a picture by itself.

    Args:
        looked: the picture, and what is known of it.
        subject: whose it is.
        dataset: the settings that it is used with.
        edit: how it is turned and cropped first.
        kind: of LoRA.
    """
    judgement = Judgement(looked.path, looked.facts, dataset, edit)
    caption, problems = _caption(looked.path)
    usable = judgement.size != (0, 0)
    checked = Checked(
        path=looked.path,
        subject=subject,
        content=looked.content,
        size=judgement.size,
        caption=caption,
        facts=looked.facts,
        trim=judgement.trim,
        edge_width=judgement.edge_width() if usable else 0.0,
    )
    of_kind = advice.of_picture(kind, judgement.size, caption) if usable else ()
    return checked.plus(*judgement.findings(), *problems, *of_kind)


def _caption(picture: Path) -> tuple[str, list[Finding]]:
    try:
        return captions.read(picture), []
    except (DatasetError, OSError) as error:
        return "", [Finding("caption_unreadable", "error", str(error).split(". ")[0])]
