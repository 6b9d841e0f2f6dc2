"""Get pictures into a project.

A project holds copies: what a user gives stays as it is. A copy is whole or not there, and a picture
that a subject has already is not copied again; so whatever was interrupted is done by adding the same
once more.
"""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loranb.dataset import folders, pile
from loranb.dataset.contents import Contents
from loranb.dataset.folders import USUAL_REPEATS, Subject
from loranb.dataset.pile import Found, Lot, Place
from loranb.dataset.progress import Progress, silent
from loranb.dataset.shelf import Shelf
from loranb.dataset.sources import Source, opened
from loranb.errors import DatasetError
from loranb.project import Project


@dataclass
class Added:
    """What came of adding pictures to a project."""

    subjects: list[Subject] = field(default_factory=list)  # that the pictures belong to
    pictures: list[Path] = field(default_factory=list)  # the copies
    captions: list[Path] = field(default_factory=list)  # theirs, and those of pictures that had none
    masks: list[Path] = field(default_factory=list)  # likewise
    already_there: list[str] = field(default_factory=list)  # names of pictures that their subject has, byte for byte
    taken_out: list[str] = field(default_factory=list)  # names of pictures that were discarded before
    left_out: list[str] = field(default_factory=list)  # names of what is no picture, or why one could not be read

    def __str__(self) -> str:
        """Say it in a few sentences."""
        into = ", ".join("/".join(subject.folder.parts[-2:]) for subject in self.subjects)
        masks = f", {_many(self.masks, 'mask')}" if self.masks else ""
        said = [f"{_many(self.pictures, 'picture')}{masks} and {_many(self.captions, 'caption')} copied to {into}."]
        if not self.subjects:
            said = ["No pictures were found."]
        if self.already_there:
            said.append(f"Already there: {_few(self.already_there)}.")
        if self.taken_out:
            said.append(f"Taken out before, and left there until you put them back: {_few(self.taken_out)}.")
        if self.left_out:
            said.append(f"Left out, being no pictures or not readable: {_few(self.left_out)}.")
        return "\n".join(said)


@dataclass(frozen=True)
class Wanted:
    """What pictures are to be added as.

    Blank words stand for those of the folders that pictures lie in, where these are named as subjects
    are; repeats of None leave a subject as it is, and a new one gets those of its folder, else the usual.
    """

    words: str = ""
    repeats: int | None = None
    regularisation: bool = False


def add(project: Project, sources: Iterable[Source], wanted: Wanted, progress: Progress = silent) -> Added:
    """Copy pictures, and captions and masks that belong to them, into subjects of a project.

    Args:
        project: which.
        sources: pictures, folders, zip archives, addresses of zip archives, data sets of the hub (see
            `loranb.dataset.sources`).
        wanted: as what.
        progress: told files, and bytes of what is fetched or unpacked first. When it raises, pictures
            copied so far stay, and the rest follows when the same is added again.

    Raises:
        DatasetError: a source cannot be had, or the subjects cannot be made, and nothing has been copied
            then; or the project's disk takes no more.
    """
    if wanted.words.strip():  # before anything is fetched
        folders.tidy(wanted.words)
    if wanted.repeats is not None:
        folders.check_repeats(wanted.repeats)
    with opened(sources, progress) as places:
        lots, left_out = _lots(places, wanted)
        added = Added(left_out=left_out)
        targets = [(subject, lot.pile.pictures) for lot, subject in _subjects(project, lots, wanted)]
        added.subjects = list(dict.fromkeys(subject for subject, _ in targets))
        _copy_all(project, targets, added, progress)
    return added


def _lots(places: Sequence[Place], wanted: Wanted) -> tuple[list[Lot], list[str]]:
    """Sort pictures by subject, and list what is left out."""
    if wanted.words.strip():
        all_ = pile.sort(places)
        subject = Subject(Path(), 0, folders.tidy(wanted.words))
        return [Lot(subject, wanted.regularisation, all_)] if all_.pictures else [], sorted(all_.left_out)
    lots, left_out = [], []
    for place in places:
        found = pile.lots(place)
        if not found:
            raise DatasetError(
                f"No subject is given, and there is no folder in {place.given} whose name says it, such as "
                "10_mokuba castle. Say what the pictures show: a name, a class, or both."
            )
        lots += [lot for lot in found if lot.pile.pictures]
        left_out += pile.outside(place, found)
        left_out += [f"{lot.subject.folder.name}/{name}" for lot in found for name in lot.pile.left_out]
    return lots, sorted(left_out)


def _subjects(project: Project, lots: Sequence[Lot], wanted: Wanted) -> list[tuple[Lot, Subject]]:
    """Find or make the subject of each lot; all names are checked before the first folder is made."""
    asked = [(lot, _top(project, lot, wanted), folders.tidy(lot.subject.words)) for lot in lots]
    if wanted.repeats is not None:
        return [(lot, folders.make(top, words, wanted.repeats)) for lot, top, words in asked]
    there = [folders.named(top, words) for _, top, words in asked]
    return [
        (lot, _as_it_is(lot, subjects) or folders.new(top, words, lot.subject.repeats or _usual(lot)))
        for (lot, top, words), subjects in zip(asked, there, strict=True)
    ]


def _top(project: Project, lot: Lot, wanted: Wanted) -> Path:
    return project.reg if lot.regularisation or wanted.regularisation else project.img


def _as_it_is(lot: Lot, there: Sequence[Subject]) -> Subject | None:
    """Choose among subjects of a lot's words: that of the same repeats, else the first."""
    same = [subject for subject in there if subject.repeats == lot.subject.repeats]
    return next(iter([*same, *there]), None)


def _usual(lot: Lot) -> int:
    return 1 if lot.regularisation else USUAL_REPEATS  # kohya's trainer raises the repeats of regularisation itself


def _copy_all(
    project: Project, targets: Sequence[tuple[Subject, Sequence[Found]]], added: Added, progress: Progress
) -> None:
    contents = Contents(project.root, project.cache / "contents.json")
    done, total = 0, sum(len(pictures) for _, pictures in targets)
    try:
        for subject, pictures in targets:
            apart = project.reg.name if subject.folder.parent == project.reg else "."
            shelf = Shelf(subject, folders.named(project.discarded / apart, subject.words), contents)
            for found in pictures:
                _copy(found, shelf, added)
                done += 1
                progress(done, total, f"Copying {found.name}")
    finally:
        with contextlib.suppress(OSError):  # it only saves time; the disk may be full
            contents.keep()


def _copy(found: Found, shelf: Shelf, added: Added) -> None:
    """Copy a picture with what belongs to it, unless it is there already, and note what came of it."""
    try:
        put = shelf.put(found)
    except OSError as error:
        if shelf.takes_no_more(error):
            raise DatasetError(
                f"{found.name} cannot be copied to {shelf.folder}: {error.strerror}. "
                f"{_many(added.pictures, 'picture')} came before it, whole. Make room or choose another place, and "
                "add the same again: what is there is not copied twice."
            ) from error
        added.left_out.append(f"{found.name}: {error.strerror}")
        return
    if put.picture.parent != shelf.folder:
        added.taken_out.append(found.name)
    elif put.copied:
        added.pictures.append(put.picture)
    else:
        added.already_there.append(found.name)
    added.captions += [put.caption] if put.caption else []
    added.masks += [put.mask] if put.mask else []


def _many(things: Sequence, what: str) -> str:
    return f"{len(things)} {what}" if len(things) == 1 else f"{len(things)} {what}s"


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
