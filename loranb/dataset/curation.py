"""Take pictures out of a project and put them back, sort them, turn and crop them; nothing is ever deleted.

A picture that is taken out lies in ``discarded`` under the name of the folder it came from, its caption
beside it: ``discarded/20_medieval city/church.jpg``. So where it belongs can be read from where it lies,
and there is no list that could be lost. What was done can be undone, also after a restart: it is written
into the project's journal before it is done, and what a lost machine cut short is brought to its end
when the project is curated again.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loranb.dataset import folders, relocation
from loranb.dataset.edits import Edit
from loranb.dataset.images import is_picture
from loranb.dataset.journal import Change, Deed, Journal, Kind, Move
from loranb.dataset.mask_files import without_masks
from loranb.dataset.reader import Pictures
from loranb.dataset.relocation import Names
from loranb.errors import DatasetError
from loranb.project import Project

_ONE_AT_A_TIME = threading.RLock()  # in this process; whether another one is at work, the journal says


@dataclass
class Outcome:
    """What came of a change to several pictures."""

    done: dict[Path, Path] = field(default_factory=dict)  # where each lies now
    problems: list[str] = field(default_factory=list)  # why others stayed as they are, each named


class Curation:
    """Changes the pictures of a project.

    Args:
        project: what was left half done in it is finished first.
    """

    def __init__(self, project: Project):
        self.project = project
        self.pictures = Pictures(project)
        self._journal = Journal(project.journal_file)
        with contextlib.suppress(OSError, DatasetError), self._alone():  # what cannot be written can still be seen
            pass

    def discard(self, pictures: Iterable[Path]) -> Outcome:
        """Move pictures and their captions out of training.

        A name that is taken there gets a number. A caption that another picture of the same stem uses too
        is copied, not moved.
        """
        return self._move(pictures, self._discarded, "taken out")

    def restore(self, pictures: Iterable[Path]) -> Outcome:
        """Move discarded pictures and their captions back to their subjects.

        A subject is found by its words, whatever its repeats are by now, and made anew if it is gone.
        """
        return self._move(pictures, self._home, "put back")

    def move(self, pictures: Iterable[Path], folder: Path) -> Outcome:
        """Move pictures and their captions to the folder of another subject.

        Raises:
            DatasetError: it is no folder of this project.
        """
        if not folder.is_dir() or not folder.is_relative_to(self.project.root):
            raise DatasetError(f"{folder} is not a folder of the project {self.project.root}. Choose a subject of it.")
        return self._move(pictures, lambda _: folder, f"moved to {folder.name}")

    def edit(self, edits: Mapping[Path, Edit]) -> Outcome:
        """Turn and crop pictures; an empty edit leaves a picture as it is.

        A crop that does not fit its picture is refused; the other edits are made.
        """
        outcome, changes = Outcome(), {}
        with self._alone():
            for picture, edit in edits.items():
                try:
                    edit.size(self.pictures.upright_size(picture))
                    change = self._change(picture, edit)
                except DatasetError as error:
                    outcome.problems.append(_naming(picture, str(error)))
                    continue
                outcome.done[picture] = picture
                if change.before != change.after:
                    changes[change.content] = change
            if changes:
                names = _counted([change.name for change in changes.values()])
                self._do(Deed(f"{names} turned or cropped", changes=tuple(changes.values())), outcome)
        return outcome

    @property
    def undoable(self) -> str:
        """What `undo` would take back, such as "3 pictures taken out"; empty where there is nothing."""
        self._journal.reload()
        return self._journal.done[-1].what if self._journal.done else ""

    @property
    def redoable(self) -> str:
        """What `redo` would do again; empty where there is nothing."""
        self._journal.reload()
        return self._journal.undone[-1].what if self._journal.undone else ""

    def undo(self) -> str:
        """Take back what was done last, in whatever session, and say what it was.

        Pictures that were moved, replaced or edited elsewhere since then stay as they are, and are named.

        Raises:
            DatasetError: there is nothing to undo.
        """
        return self._back("undo", "Undone")

    def redo(self) -> str:
        """Do again what was undone last, and say what it was.

        Raises:
            DatasetError: there is nothing to do again.
        """
        return self._back("redo", "Done again")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Read the journal, finish what was begun and not ended, and keep other threads out."""
        with _ONE_AT_A_TIME:
            self._journal.reload()
            for deed in list(self._journal.begun):
                if not deed.being_done():
                    self._finish(deed, Outcome())
            yield

    def _move(self, pictures: Iterable[Path], where: Callable[[Path], Path], what: str) -> Outcome:
        with self._alone():
            outcome, moves, names = Outcome(), [], Names()
            for picture in dict.fromkeys(pictures):
                if not picture.exists():
                    outcome.problems.append(f"{picture} is not there any more; it was moved or deleted elsewhere.")
                elif not picture.is_relative_to(self.project.root):
                    outcome.problems.append(f"{picture} is not in the project {self.project.root}. It stays.")
                elif (folder := where(picture.parent)) != picture.parent:
                    moves.append(self._planned(picture, names.free(folder, picture.name)))
            if moves:
                counted = _counted([Path(move.source).name for move in moves])
                self._do(Deed(f"{counted} {what}", tuple(moves)), outcome)
            return outcome

    def _back(self, kind: Kind, said: str) -> str:
        with self._alone():
            pile = self._journal.done if kind == "undo" else self._journal.undone
            if not pile:
                raise DatasetError(f"There is nothing to {kind}: nothing was done to the pictures since.")
            deed, outcome, names = pile[-1], Outcome(), Names()
            moves = [self._aimed(move.back(), names, outcome) for move in reversed(deed.moves)]
            changes = [self._unless_changed(change.back(), outcome) for change in deed.changes]
            self._do(Deed(deed.what, tuple(filter(None, moves)), tuple(filter(None, changes)), kind), outcome)
            return " ".join([f"{said}: {deed.what}.", *outcome.problems])

    def _do(self, deed: Deed, outcome: Outcome) -> None:
        try:
            self._journal.begin(deed)
        except OSError as error:
            raise DatasetError(
                f"{self.project.journal_file} cannot be written: {error.strerror}. Nothing was changed."
            ) from error
        self._finish(deed, outcome)

    def _finish(self, deed: Deed, outcome: Outcome) -> None:
        """Do what is written down, save what has been done already, and write down that it is done.

        An interrupt leaves the deed begun; it is finished before the next one.
        """
        failed = []
        for move in deed.moves:
            source, target = self.project.root / move.source, self.project.root / move.target
            try:
                relocation.relocate(source, target, self._same(move))
                outcome.done[source] = target
            except DatasetError as error:
                failed.append(move.source)
                outcome.problems.append(str(error))
        edits = self.pictures.edits
        changes = {c.content: (c.name, c.after) for c in deed.changes if edits.of(c.content) == c.before}
        if changes:
            edits.set_all(changes)
        self._journal.end(deed, failed)

    def _same(self, move: Move) -> Callable[[Path], bool]:
        return lambda path: move.content in ("", self._content(path))

    def _planned(self, source: Path, target: Path) -> Move:
        root = self.project.root
        return Move(source.relative_to(root).as_posix(), target.relative_to(root).as_posix(), self._content(source))

    def _content(self, path: Path) -> str:
        try:
            return self.pictures.content(path)
        except DatasetError:  # it can be moved all the same
            return ""

    def _change(self, picture: Path, edit: Edit) -> Change:
        content = self.pictures.content(picture)
        return Change(content, picture.name, self.pictures.edits.of(content), edit)

    def _aimed(self, move: Move, names: Names, outcome: Outcome) -> Move | None:
        """Aim a move at where its picture and its folder are by now; None where the picture is another, or gone."""
        places = (self.project.root / path for path in (move.source, move.target))
        source, target = (folders.by_now(place.parent) / place.name for place in places)
        if source.exists() and self._same(move)(source):
            return self._planned(source, names.again(source, target))
        outcome.problems.append(f"{source.name} stays as it is: it was moved or changed elsewhere since then.")
        return None

    def _unless_changed(self, change: Change, outcome: Outcome) -> Change | None:
        if self.pictures.edits.of(change.content) == change.before:
            return change
        outcome.problems.append(f"{change.name} stays as it is: it was turned or cropped otherwise since then.")
        return None

    def _discarded(self, folder: Path) -> Path:
        """Return where pictures of a folder are taken out to."""
        inside = folder.relative_to(self.project.root)
        if inside.parts[:1] == (self.project.discarded.name,):
            return folder
        ours = inside.relative_to(self.project.img.name) if inside.parts[:1] == (self.project.img.name,) else inside
        return self.project.discarded / ours

    def _home(self, folder: Path) -> Path:
        """Return where pictures that were taken out to a folder belong."""
        if not folder.is_relative_to(self.project.discarded):
            return folder
        inside = folder.relative_to(self.project.discarded)
        in_reg = inside.parts[:1] == (self.project.reg.name,)
        return folders.by_now(self.project.root / inside if in_reg else self.project.img / inside)


def discard(picture: Path, discarded: Path) -> Path:
    """Move one picture and its caption out of training; return where it lies now.

    Raises:
        DatasetError: the picture is not there, or cannot be moved; it stays then.
    """
    return _one(picture, Curation(Project(discarded.parent)).discard([picture]))


def restore(picture: Path, img: Path) -> Path:
    """Move one discarded picture and its caption back to its subject; return where it lies now.

    Raises:
        DatasetError: the picture is not there, or cannot be moved; it stays then.
    """
    return _one(picture, Curation(Project(img.parent)).restore([picture]))


def discarded_pictures(discarded: Path) -> list[Path]:
    """List the pictures that were taken out, without their masks."""
    return without_masks(sorted(path for path in discarded.rglob("*") if path.is_file() and is_picture(path)))


def _one(picture: Path, outcome: Outcome) -> Path:
    if outcome.problems:
        raise DatasetError(outcome.problems[0])
    return outcome.done.get(picture, picture)


def _counted(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} pictures"


def _naming(picture: Path, said: str) -> str:
    return said if picture.name in said else f"{picture.name}: {said}"
