"""Captioning a project: a captioner looks at its pictures, and what it says becomes captions.

`drafts` says what would change and writes nothing; `caption_project` writes it, as one edit that can be undone.
Both remember what was said of each picture, so the one takes no time after the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from loranb import captioners
from loranb.captioning.looking import Choice, Seen, Stop, look
from loranb.captioning.options import Wording
from loranb.captioning.wording import append, compose, counted
from loranb.dataset.caption_store import CaptionStore
from loranb.dataset.progress import Progress, silent
from loranb.dataset.reader import Pictures
from loranb.project import Project
from loranb.settings.declaration import Group

__all__ = ["Choice", "Draft", "Outcome", "Wording", "caption_project", "drafts", "waiting"]
TOLD = 5  # problems told in one breath; all are in the outcome
SILENT = "The captioner had nothing to say of it; its caption stays as it is."


class Draft(NamedTuple):
    """What a captioner would write for a picture; `problem` says why it writes nothing."""

    picture: Path
    before: str
    after: str
    problem: str = ""

    @property
    def changes(self) -> bool:
        """Whether the caption becomes another."""
        return self.after != self.before


@dataclass(frozen=True)
class Outcome:
    """What came of captioning."""

    drafts: tuple[Draft, ...]  # of the pictures that were looked at, those with a problem too
    written: int  # captions that changed
    meanwhile: tuple[Path, ...]  # pictures whose caption was changed elsewhere while they were looked at: left alone
    kept: int  # pictures that the mode leaves alone
    stopped: bool
    per_second: float  # pictures a second that were looked at; 0 where all was remembered

    @property
    def problems(self) -> dict[Path, str]:
        """Why pictures got no caption."""
        return {draft.picture: draft.problem for draft in self.drafts if draft.problem}

    def __str__(self) -> str:
        """Say it in a few sentences."""
        said = [f"{_captions(self.written)} written{' before it was stopped' if self.stopped else ''}."]
        if self.stopped:
            said.append("Start again to go on; what was looked at is remembered.")
        if self.kept and not self.drafts:
            said.append(
                "Every picture has a caption. To write drafts anew with other words use the mode drafts, and overwrite "
                "for what you wrote yourself; both can be undone."
            )
        if self.meanwhile:
            said.append(f"Left as they are, since they were changed meanwhile: {_names(self.meanwhile)}.")
        problems = list(self.problems.values())
        more = f"{len(problems) - TOLD} others have no caption either." if len(problems) > TOLD else ""
        return " ".join(filter(None, [*said, *problems[:TOLD], more]))


def caption_project(  # noqa: PLR0913  what is captioned, by whom, how, and who watches
    project: Project,
    name: str,
    options: Group | None = None,
    wording: Wording | None = None,
    *,
    pictures: Sequence[Path] | None = None,
    progress: Progress = silent,
    stop: Stop = lambda: False,
) -> Outcome:
    """Caption a project's pictures; all captions are one edit that can be undone.

    When it is stopped, by `stop` or by an interrupt, what was said so far is written. A caption that somebody
    changes meanwhile stays as it is.

    Args:
        project: whose pictures.
        name: the captioner; one of `loranb.captioners.names`.
        options: how it is run; its own defaults if not given.
        wording: what becomes of what it says, and where it is written.
        pictures: which ones; all of the project if not given.
        progress: told how far it is.
        stop: asked now and then whether to stop.

    Raises:
        CaptionerError: there is no such captioner, or it cannot be loaded or run.
    """
    wording = wording or Wording()
    made = _drafts(project, _choice(name, options), wording, pictures, (progress, stop))
    store = CaptionStore.load(project)
    changed = [draft for draft in made.drafts if draft.changes and not draft.problem]
    mine, meanwhile = [], []
    for draft in changed:
        untouched = draft.picture.exists() and store.text(draft.picture) == draft.before
        (mine if untouched else meanwhile).append(draft)
    written = store.apply(f"captions by {name}", [(d.picture, d.after) for d in mine], by="captioner")
    left = tuple(draft.picture for draft in meanwhile)
    return Outcome(made.drafts, written, left, made.kept, made.seen.stopped, made.seen.per_second)


def drafts(  # noqa: PLR0913  as `caption_project`
    project: Project,
    name: str,
    options: Group | None = None,
    wording: Wording | None = None,
    *,
    pictures: Sequence[Path] | None = None,
    progress: Progress = silent,
    stop: Stop = lambda: False,
) -> list[Draft]:
    """Say what `caption_project` would write; nothing is written. Its arguments are the same.

    Raises:
        CaptionerError: there is no such captioner, or it cannot be loaded or run.
    """
    wording = wording or Wording()
    return list(_drafts(project, _choice(name, options), wording, pictures, (progress, stop)).drafts)


def waiting(store: CaptionStore, wording: Wording, pictures: Sequence[Path] | None = None) -> list[Path]:
    """List the pictures whose captions a mode would write: those without one, captioners' drafts too, or all.

    Captions that cannot be read are never written over.
    """
    found = {}  # two pictures of one stem have one caption
    for picture in store.pictures if pictures is None else pictures:
        empty = not store.text(picture).strip()
        wanted = empty or wording.mode in ("overwrite", "append")
        if wanted or (wording.mode == "drafts" and store.drafted(picture)):
            found.setdefault(picture.with_suffix(""), picture)
    return [picture for picture in found.values() if picture not in store.problems]


class _Made(NamedTuple):
    drafts: tuple[Draft, ...]
    kept: int
    seen: Seen


def _drafts(
    project: Project,
    choice: Choice,
    wording: Wording,
    pictures: Sequence[Path] | None,
    watch: tuple[Progress, Stop],
) -> _Made:
    store = CaptionStore.load(project)
    asked = store.pictures if pictures is None else list(pictures)
    wanted = waiting(store, wording, asked)
    seen = look(Pictures(project), wanted, choice, *watch)
    counts = counted(seen.said.values(), wording)
    made = []
    for picture in wanted:
        before = store.text(picture)
        if said := seen.said.get(picture):
            after = (
                append(before, said, wording, counts) if wording.mode == "append" else compose(said, wording, counts)
            )
            made.append(Draft(picture, before, after) if after else Draft(picture, before, before, SILENT))
        elif picture in seen.problems:
            made.append(Draft(picture, before, before, seen.problems[picture]))
    bad = [Draft(p, "", "", store.problems[p]) for p in asked if p in store.problems]
    return _Made((*made, *bad), len(asked) - len(wanted) - len(bad), seen)


def _choice(name: str, options: Group | None) -> Choice:
    return Choice(name, options or captioners.module(name).Options())


def _captions(count: int) -> str:
    return "1 caption" if count == 1 else f"{count} captions"


def _names(pictures: Sequence[Path]) -> str:
    more = f" and {len(pictures) - TOLD} more" if len(pictures) > TOLD else ""
    return ", ".join(picture.name for picture in pictures[:TOLD]) + more
