"""The captions of a project as one edits them: find, change one or many, undo; always on disk.

Every change is written at once, and written down in the project's journal before. A change to many captions is
one edit, and an edit can be undone and done again, also after a restart, in captions that nobody has changed
elsewhere in the meantime. Several threads may use a store, and several notebooks a project.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from loranb.dataset import caption_bulk, folders, tag_text
from loranb.dataset.caption_journal import By, CaptionEdit, CaptionJournal, Written
from loranb.dataset.caption_search import Searched, matcher
from loranb.dataset.caption_writing import CaptionWriter
from loranb.dataset.held_captions import HeldCaption, HeldCaptions
from loranb.errors import DatasetError
from loranb.project import Project

ORDERS = ("by name", "longest first", "shortest first", "empty first")
Edit = Callable[[str], str]


class Change(NamedTuple):
    """A caption that an edit would change."""

    picture: Path
    before: str
    after: str


class CaptionStore(caption_bulk.NamedEdits):
    """The captions of pictures.

    Args:
        pictures: whose captions; the order is that of "by name".
        journal_file: where edits are written down; None keeps them as long as the store lives.
    """

    def __init__(self, pictures: Iterable[Path], journal_file: Path | None = None):
        self.pictures = list(pictures)
        self._journal = CaptionJournal(journal_file)
        self._lock = threading.RLock()
        self._held = HeldCaptions(self.pictures)
        self._files = CaptionWriter(self._held, self._journal)

    @classmethod
    def load(cls, project: Project) -> "CaptionStore":
        """Read the captions of a project's subjects."""
        pictures = (picture for subject in folders.subjects(project.img) for picture in subject.pictures())
        return cls(pictures, project.captions_file)

    @property
    def problems(self) -> dict[Path, str]:
        """Why captions cannot be read, by their pictures; they are never written over."""
        return self._held.problems

    @property
    def notes(self) -> list[str]:
        """What is to be said of the files: odd encodings, captions that lie beside others."""
        return self._held.notes()

    def text(self, picture: Path) -> str:
        """Return a picture's caption as it stands; empty where there is none, or none that can be read."""
        return self._held[picture].text

    def subject(self, picture: Path) -> str:
        """Return the words of a picture's subject, such as "medieval city"."""
        subject = folders.parse(picture.parent)
        return subject.words if subject else picture.parent.name

    def tags(self, picture: Path) -> list[str]:
        """List a picture's tags as they are written."""
        return [tag for tag, _, _ in self._held[picture].tags]

    def edited(self, picture: Path) -> bool:
        """Tell whether a caption was written by hand, or changed in another program after a captioner wrote it."""
        return self._files.status(picture) == "hand"

    def drafted(self, picture: Path) -> bool:
        """Tell whether a captioner wrote a caption last; a change to many captions leaves a draft a draft."""
        return self._files.status(picture) == "captioner"

    @property
    def captioned(self) -> int:
        """How many pictures have a caption."""
        return sum(bool(self.text(picture).strip()) for picture in self.pictures)

    def without_caption(self) -> list[Path]:
        """List the pictures that have none."""
        return [p for p in self.pictures if not (held := self._held[p]).problem and not held.text.strip()]

    def find(self, search: str = "", order: str = ORDERS[0]) -> list[Path]:
        """List the pictures whose caption fits a search.

        Args:
            search: words that all must occur, wherever; ``"two words"`` as one; ``tag:sunset`` for a
                whole tag; ``name:img_12`` for the file's name; ``subject:castle``; ``is:empty``, ``is:edited``,
                ``is:draft``, ``is:problem``; ``-`` in front of any of them for what must not be so.
            order: one of `ORDERS`.

        Raises:
            DatasetError: there is no such state.
        """
        fits = matcher(search)
        found = [picture for picture in self.pictures if fits(self._searched(picture))] if search.strip() else None
        found = list(self.pictures) if found is None else found
        keys: dict[str, Callable[[Path], int]] = {
            "longest first": lambda picture: -len(self.text(picture)),
            "shortest first": lambda picture: len(self.text(picture)),
            "empty first": lambda picture: bool(self.text(picture).strip()),
        }
        return sorted(found, key=keys[order]) if order in keys else found

    def tag_counts(self, pictures: Iterable[Path] | None = None) -> dict[str, int]:
        """Count the pictures that have a tag, the most frequent first; spelled as it is most often.

        Sentences are no tags.
        """
        pictures = self.pictures if pictures is None else pictures
        spelled: dict[str, Counter[str]] = defaultdict(Counter)
        pictures_with: Counter[str] = Counter()
        for picture in pictures:
            tags = self._held[picture].tags
            pictures_with.update({name for _, _, name in tags})
            for _, spelling, name in tags:
                spelled[name][spelling] += 1
        found = ((name, count) for name, count in pictures_with.most_common() if not tag_text.is_sentence(name))
        return {spelled[name].most_common(1)[0][0]: count for name, count in found}

    def tag_counts_by_subject(self) -> dict[str, dict[str, int]]:
        """Count as `tag_counts` does, for each subject by its words."""
        of: dict[str, list[Path]] = defaultdict(list)
        for picture in self.pictures:
            of[self.subject(picture)].append(picture)
        return {words: self.tag_counts(pictures) for words, pictures in of.items()}

    def spelling_counts(self) -> dict[str, int]:
        """Count how often each spelling of a tag occurs; sentences are no tags."""
        counts = Counter(spelling for picture in self.pictures for _, spelling, _ in self._held[picture].tags)
        return {spelling: count for spelling, count in counts.items() if not tag_text.is_sentence(spelling)}

    def preview(self, edit: Edit, pictures: Iterable[Path]) -> list[Change]:
        """Say what an edit would change; nothing is written."""
        with self._lock:
            pictures = list(pictures)
            self._held.look_again(pictures)
            changes, seen = [], set()
            for picture in pictures:
                held, stem = self._held[picture], picture.with_suffix("")
                if stem in seen or held.problem or not picture.exists():
                    continue
                seen.add(stem)  # two pictures of one stem have one caption
                after = held.caption.with_text(edit(held.text)).text
                if after != held.text:
                    changes.append(Change(picture, held.text, after))
            return changes

    def bulk(self, what: str, pictures: Iterable[Path], edit: Edit) -> int:
        """Change many captions by a function, as one edit; returns how many changed.

        Captions that cannot be read and pictures that are gone are passed over.
        """
        with self._lock, self._journal.alone():
            changes = self.preview(edit, pictures)
            return self.apply(what, [(change.picture, change.after) for change in changes], by="bulk")

    def apply(self, what: str, changes: Iterable[tuple[Path, str]], by: By = "hand") -> int:
        """Write captions as they come, as one edit, and return how many changed.

        Should `changes` fail or be interrupted, what came before is kept and can be undone.

        Args:
            what: was done, in words.
            changes: pictures and their new captions; a list or tuple is written down at once, which is quicker.
            by: whom the captions are from; "bulk" leaves drafts drafts.

        Raises:
            DatasetError: a picture is gone, or its present caption cannot be read and so is not overwritten.
        """
        number = CaptionEdit(what).number
        lots = [dict(changes)] if isinstance(changes, Sequence) else ({p: text} for p, text in changes)
        changed = 0
        for lot in lots:
            with self._lock, self._journal.alone():
                changed += self._files.write(CaptionEdit(what, by, number=number), lot)
        return changed

    def save(self, picture: Path, text: str, continues: bool = False) -> str:
        """Write one caption, and return it as it was written.

        Args:
            picture: whose caption.
            text: all of it.
            continues: whether it is one step of undoing with the last edit, if that was to this picture alone.

        Raises:
            DatasetError: the picture is gone, or its present caption cannot be read and so is not overwritten.
        """
        with self._lock, self._journal.alone():
            edit = CaptionEdit(f"the caption of {picture.name}")
            last = self._journal.done[-1] if self._journal.done and not self._journal.undone else edit
            if continues and last.by == "hand" and list(last.files) == [self._files.path(self._held.file(picture))]:
                edit = CaptionEdit(last.what, number=last.number)
            self._files.write(edit, {picture: text})
            return self.text(picture)

    @property
    def can_undo(self) -> str:
        """What `undo` would take back, such as "the caption of a.jpg"; empty where there is nothing."""
        self._journal.reload()
        return self._journal.done[-1].what if self._journal.done else ""

    @property
    def can_redo(self) -> str:
        """What `redo` would do again; empty where there is nothing."""
        self._journal.reload()
        return self._journal.undone[-1].what if self._journal.undone else ""

    def undo(self) -> str:
        """Take back the last edit, in whatever session, and say what it was.

        Captions that were changed elsewhere since then stay as they are, and are named.

        Raises:
            DatasetError: there is nothing to undo.
        """
        with self._lock, self._journal.alone():
            if not self._journal.done:
                raise DatasetError("There is nothing to undo: no caption was changed.")
            edit = self._journal.done[-1]
            said = self._files.turn({path: Written(was.after, was.before) for path, was in edit.files.items()})
            self._journal.moved("undo", edit)
        return f"Undone: {edit.what} {said}"

    def redo(self) -> str:
        """Do again what was undone last, and say what it was.

        Raises:
            DatasetError: there is nothing to do again.
        """
        with self._lock, self._journal.alone():
            if not self._journal.undone:
                raise DatasetError("There is nothing to do again: nothing was undone since the last change.")
            edit = self._journal.undone[-1]
            said = self._files.turn(edit.files)
            self._journal.moved("redo", edit)
        return f"Done again: {edit.what} {said}"

    def look_again(self) -> set[Path]:
        """Read the captions that changed on disk since they were read, and what was written down of them.

        Returns:
            Their pictures.
        """
        with self._lock:
            self._journal.reload()
            return self._held.look_again(self.pictures)

    def _searched(self, picture: Path) -> Searched:
        held = self._held[picture]
        return Searched(
            held.lower,
            picture.name.lower(),
            self.subject(picture).lower(),
            lambda: {name for _, _, name in held.tags},
            lambda: self._states(picture, held),
        )

    def _states(self, picture: Path, held: HeldCaption) -> set[str]:
        by = self._files.status(picture)
        found = {
            "empty": not held.problem and not held.text.strip(),
            "problem": bool(held.problem),
            "edited": by == "hand",
            "draft": by == "captioner",
        }
        return {state for state, so in found.items() if so}
