"""The captions of a project as one edits them: find, change one or many, undo; always on disk.

Every change is written at once. A change to many captions is one edit, and an edit can be undone
as long as nobody changed those captions elsewhere in the meantime.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loranb.dataset import captions, folders
from loranb.errors import DatasetError

ORDERS = ("by name", "longest first", "shortest first", "empty first")
_TERM = re.compile(r'(-?)(tag:|name:)?("[^"]*"?|\S+)')


@dataclass(frozen=True)
class Edit:
    """One change to one or many captions; None stands for no caption file."""

    what: str
    before: dict[Path, str | None] = field(default_factory=dict)
    after: dict[Path, str] = field(default_factory=dict)


class CaptionStore:
    """The captions of pictures.

    Args:
        pictures: whose captions; the order is that of "by name".
    """

    def __init__(self, pictures: Iterable[Path]):
        self.pictures = list(pictures)
        self.edits: list[Edit] = []
        self.reload()

    @classmethod
    def load(cls, img: Path) -> "CaptionStore":
        """Read the captions of a project's subjects."""
        return cls(picture for subject in folders.subjects(img) for picture in subject.pictures())

    def reload(self) -> None:
        """Read all captions anew; one that is not text is a problem and is left as it is."""
        self.captions: dict[Path, str] = {}
        self.problems: dict[Path, str] = {}
        for picture in self.pictures:
            try:
                self.captions[picture] = captions.read(picture)
            except DatasetError as error:
                self.problems[picture] = str(error)

    def caption(self, picture: Path) -> str:
        """Return a picture's caption; empty where there is none, or none that can be read."""
        return self.captions.get(picture, "")

    @property
    def captioned(self) -> int:
        """How many pictures have a caption."""
        return sum(bool(text) for text in self.captions.values())

    def without_caption(self) -> list[Path]:
        """List the pictures that have none."""
        return [picture for picture, text in self.captions.items() if not text]

    def find(self, search: str = "", order: str = ORDERS[0]) -> list[Path]:
        """List the pictures whose caption fits a search.

        Args:
            search: words that all must occur, wherever; ``"two words"`` as one; ``tag:sunset`` for a
                whole tag; ``name:img_12`` for the file's name; ``-word`` for what must not occur.
            order: one of `ORDERS`.
        """
        fits = _matcher(search)
        found = [picture for picture in self.pictures if fits(picture, self.caption(picture))]
        keys: dict[str, Callable[[Path], int]] = {
            "longest first": lambda picture: -len(self.caption(picture)),
            "shortest first": lambda picture: len(self.caption(picture)),
            "empty first": lambda picture: bool(self.caption(picture)),
        }
        return sorted(found, key=keys[order]) if order in keys else found

    def tag_frequency(self) -> dict[str, int]:
        """Count tags, the most frequent first."""
        return captions.tag_frequency(self.captions.values())

    def save(self, picture: Path, caption: str) -> str:
        """Write one caption, and return it as it was written."""
        self.apply(f"the caption of {picture.name}", [(picture, caption)])
        return self.caption(picture)

    def add(self, pictures: Iterable[Path], tag: str, at_end: bool = False) -> int:
        """Put a tag, or several with commas between them, in front or at the end.

        In front it is moved there from elsewhere in the caption; at the end it is added where it is not
        said yet. Returns how many captions changed.
        """
        new = _needed(tag)
        said = {t.lower() for t in new}

        def edit(caption: str) -> str:
            old = captions.tags(caption)
            if at_end:
                there = {t.lower() for t in old}
                return ", ".join([*old, *(t for t in new if t.lower() not in there)])
            return ", ".join([*new, *(t for t in old if t.lower() not in said)])

        return self.bulk(f"{', '.join(new)} {'at the end' if at_end else 'in front'}", pictures, edit)

    def remove(self, pictures: Iterable[Path], tag: str) -> int:
        """Take a tag, or several with commas between them, out; returns how many captions changed."""
        unwanted = {t.lower() for t in _needed(tag)}

        def edit(caption: str) -> str:
            return ", ".join(t for t in captions.tags(caption) if t.lower() not in unwanted)

        return self.bulk(f"without {tag.strip()}", pictures, edit)

    def replace(self, pictures: Iterable[Path], old: str, new: str) -> int:
        """Replace whole words, in upper or lower case; returns how many captions changed."""
        pattern = _words(old)

        def edit(caption: str) -> str:
            changed = pattern.sub(lambda _: new.strip(), caption)
            return ", ".join(captions.tags(changed)) if changed != caption else caption

        return self.bulk(f"{old.strip()} replaced by {new.strip() or 'nothing'}", pictures, edit)

    def count(self, pictures: Iterable[Path], words: str) -> int:
        """Count the captions in which `replace` would find these words."""
        return sum(bool(_words(words).search(self.caption(p))) for p in pictures) if words.strip() else 0

    def bulk(self, what: str, pictures: Iterable[Path], edit: Callable[[str], str]) -> int:
        """Change many captions by a function, as one edit; returns how many changed."""
        readable = [picture for picture in pictures if picture not in self.problems]
        changes = ((picture, edit(captions.read(picture))) for picture in readable)
        return self.apply(what, changes)

    def apply(self, what: str, changes: Iterable[tuple[Path, str]]) -> int:
        """Write captions as they come, as one edit, and return how many changed.

        Should `changes` fail or be interrupted, what came before is kept and can be undone.

        Raises:
            DatasetError: a picture is gone, or its present caption cannot be read and so is not overwritten.
        """
        edit = Edit(what)
        try:
            for picture, caption in changes:
                if not picture.exists():
                    raise DatasetError(f"{picture} is not there any more: moved or renamed. Load the captions anew.")
                before = captions.read(picture) if captions.caption_file(picture).exists() else None
                if " ".join(caption.split()) != (before or ""):
                    edit.before[picture] = before
                    edit.after[picture] = captions.write(picture, caption)
                    self.problems.pop(picture, None)
                self.captions[picture] = captions.read(picture)
        finally:
            if edit.after:
                self.edits.append(edit)
        return len(edit.after)

    def undo(self) -> str:
        """Take back the last edit and say what was done.

        Captions that were changed elsewhere since then stay as they are.

        Raises:
            DatasetError: there is nothing to undo.
        """
        if not self.edits:
            raise DatasetError("There is nothing to undo: no caption was changed since this was opened.")
        edit = self.edits.pop()
        back = [picture for picture, caption in edit.after.items() if _still_says(picture, caption)]
        for picture in back:
            self._put_back(picture, edit.before[picture])
        left = len(edit.after) - len(back)
        kept = f" Left as they are, since they were changed elsewhere: {left}." if left else ""
        return f"Undone: {edit.what} ({_captions(len(back))}).{kept}"

    def _put_back(self, picture: Path, caption: str | None) -> None:
        if caption is None:
            captions.caption_file(picture).unlink(missing_ok=True)
        else:
            captions.write(picture, caption)
        self.captions[picture] = caption or ""


def _captions(count: int) -> str:
    return "1 caption" if count == 1 else f"{count} captions"


def _still_says(picture: Path, caption: str) -> bool:
    try:
        return picture.exists() and captions.read(picture) == caption
    except DatasetError:
        return False


def _needed(tag: str) -> list[str]:
    found = captions.tags(tag)
    if not found:
        raise DatasetError("No tag is given. Write one, or several with commas between them.")
    return found


def _words(text: str) -> re.Pattern[str]:
    tidy = " ".join(text.split())
    if not tidy:
        raise DatasetError("No words to replace are given. Write what to look for.")
    return re.compile(rf"(?<!\w){re.escape(tidy)}(?!\w)", re.IGNORECASE)


def _matcher(search: str) -> Callable[[Path, str], bool]:
    terms: Sequence[tuple[str, str, str]] = [
        (minus, prefix, text.strip('"').lower()) for minus, prefix, text in _TERM.findall(search)
    ]

    def occurs(prefix: str, text: str, picture: Path, caption: str) -> bool:
        if prefix == "tag:":
            return text in (tag.lower() for tag in captions.tags(caption))
        return text in (picture.name.lower() if prefix == "name:" else caption.lower())

    def fits(picture: Path, caption: str) -> bool:
        return all(occurs(prefix, text, picture, caption) != bool(minus) for minus, prefix, text in terms if text)

    return fits
