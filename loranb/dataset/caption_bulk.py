"""The edits that one makes to many captions, by name."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from loranb.dataset import tagging


class _Store(Protocol):
    def bulk(self, what: str, pictures: Iterable[Path], edit: Callable[[str], str]) -> int: ...

    def text(self, picture: Path) -> str: ...

    def spelling_counts(self) -> dict[str, int]: ...


class NamedEdits:
    """Edits of `tagging` on a store, each one step of undoing; each returns how many captions changed.

    Raises:
        DatasetError: words that are needed are missing.
    """

    def add(self: _Store, pictures: Iterable[Path], tag: str, at_end: bool = False) -> int:
        """Put a tag, or several with commas between them, in front or at the end; moved if there."""
        said = ", ".join(tagging.needed(tag))
        where = "at the end" if at_end else "in front"
        return self.bulk(f"{said} {where}", pictures, lambda text: tagging.add(text, tag, at_end))

    def remove(self: _Store, pictures: Iterable[Path], tag: str) -> int:
        """Take a tag, or several with commas between them, out."""
        said = ", ".join(tagging.needed(tag))
        return self.bulk(f"without {said}", pictures, lambda text: tagging.remove(text, tag))

    def rename(self: _Store, pictures: Iterable[Path], old: str, new: str) -> int:
        """Call a tag something else; it stays once where a caption has both."""
        tagging.needed(old)
        what = f"{old.strip()} renamed to {new.strip() or 'nothing'}"
        return self.bulk(what, pictures, lambda text: tagging.rename(text, old, new))

    def replace(self: _Store, pictures: Iterable[Path], old: str, new: str, regex: bool = False) -> int:
        """Replace whole words, in upper or lower case, or what a regular expression finds."""
        tagging.pattern(old, regex)
        what = f"{old.strip()} replaced by {new.strip() or 'nothing'}"
        return self.bulk(what, pictures, lambda text: tagging.replace(text, old, new, regex))

    def count(self: _Store, pictures: Iterable[Path], words: str, regex: bool = False) -> int:
        """Count the captions in which `replace` would find these words."""
        if not words.strip():
            return 0
        found = tagging.pattern(words, regex)
        return sum(bool(found.search(self.text(picture))) for picture in pictures)

    def deduplicate(self: _Store, pictures: Iterable[Path]) -> int:
        """Keep the first of each tag."""
        return self.bulk("without doubled tags", pictures, tagging.deduplicate)

    def sort(self: _Store, pictures: Iterable[Path], keep: int = 0) -> int:
        """Sort tags by name; so many in front keep their places."""
        return self.bulk("tags sorted", pictures, lambda text: tagging.sort(text, keep=keep))

    def move_to_front(self: _Store, pictures: Iterable[Path], tag: str) -> int:
        """Move a tag, or several with commas between them, to the front where it is said."""
        said = ", ".join(tagging.needed(tag))
        return self.bulk(f"{said} moved to the front", pictures, lambda text: tagging.move_to_front(text, tag))

    def unify(self: _Store, pictures: Iterable[Path], plural: bool = False) -> int:
        """Spell each tag as most captions of the set do, whatever its underscores and capitals."""
        chosen = tagging.spellings(self.spelling_counts(), plural)
        return self.bulk("spellings unified", pictures, lambda text: tagging.unify(text, chosen))
