"""Subjects: folders named ``N_subject class``, as kohya's tools read them.

N is how many times each picture is shown in an epoch; the rest of the name is the caption of
pictures that have none.
"""

import re
import unicodedata
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from loranb.dataset.images import picture_files
from loranb.errors import DatasetError

Name = TypeVar("Name", bound=Hashable)
_NAME = re.compile(r"(\d+)_(.*)", re.DOTALL)
MOST_REPEATS = 10_000
USUAL_REPEATS = 10  # as in guides for 15 to 50 pictures
UNEVEN = 0.1  # share by which subjects may be shown more or less often than the largest (assumed)
LONGEST = 200  # bytes of a subject's words; Linux allows 255 for a name


@dataclass(frozen=True)
class Subject:
    """A folder of pictures of one thing."""

    folder: Path
    repeats: int
    words: str  # "medieval city": the subject and its class

    def pictures(self) -> list[Path]:
        """List its pictures by name."""
        return picture_files(self.folder)


def parse(folder: Path) -> Subject | None:
    """Read a folder's name; None where it is not of the form ``N_words`` with N at least 1."""
    match = _NAME.fullmatch(folder.name)
    if not match or int(match[1]) < 1:
        return None
    return Subject(folder, int(match[1]), match[2].strip())


def subjects(img: Path) -> list[Subject]:
    """List the subjects of an ``img`` folder by name."""
    if not img.is_dir():
        return []
    found = [parse(folder) for folder in sorted(img.iterdir()) if folder.is_dir()]
    return [subject for subject in found if subject]


def ignored(img: Path) -> list[str]:
    """Say which folders and pictures in ``img`` will not be trained on, and why."""
    if not img.is_dir():
        return []
    said = [
        f"{folder.name}: not of the form N_subject class, such as 10_{folder.name}; its pictures are not used."
        for folder in sorted(img.iterdir())
        if folder.is_dir() and not folder.name.startswith(".") and parse(folder) is None
    ]
    loose = picture_files(img)
    if loose:
        said.append(f"{len(loose)} pictures lie in {img.name} itself, not in a subject's folder; they are not used.")
    return said


def named(img: Path, words: str) -> list[Subject]:
    """List the subjects of these words, by repeats; capitals make no difference, as on Drive and Windows."""
    key = _key(words)
    return sorted((s for s in subjects(img) if _key(s.words) == key), key=lambda subject: subject.repeats)


def by_now(folder: Path) -> Path:
    """Return a subject's folder, under the name that it has since its repeats were changed."""
    was = parse(folder)
    if was is None or folder.exists():
        return folder
    same = named(folder.parent, was.words)
    return same[0].folder if same else folder


def tidy(words: str) -> str:
    """Return a subject's words as its folder's name has them.

    Raises:
        DatasetError: they cannot be a folder's name on every machine.
    """
    plain = unicodedata.normalize("NFC", " ".join(words.split()))
    if not plain or re.search(r'[\\/:*?"<>|\x00-\x1f]', plain) or plain.endswith("."):
        raise DatasetError(
            f'subject = {words!r}; give one or more words without \\ / : * ? " < > | and with no dot at the end, '
            "such as 'medieval city'."
        )
    if len(plain.encode()) > LONGEST:
        raise DatasetError(f"subject = {plain[:40]!r}…; give at most {LONGEST} letters, such as 'medieval city'.")
    return plain


def check_repeats(repeats: int) -> int:
    """Return repeats as they are.

    Raises:
        DatasetError: there can be no such number of them.
    """
    if not 1 <= repeats <= MOST_REPEATS:
        raise DatasetError(f"repeats = {repeats}; give a whole number from 1 to {MOST_REPEATS}.")
    return repeats


def make(img: Path, words: str, repeats: int) -> Subject:
    """Make a subject's folder, or find the one of the same words and set its repeats.

    Raises:
        DatasetError: the repeats or the words cannot be used.
    """
    others = [subject for subject in named(img, words) if subject.repeats != repeats]
    return repeat(others[0], repeats) if others else new(img, words, repeats)


def new(img: Path, words: str, repeats: int) -> Subject:
    """Make a subject's folder, or find the one of these words and repeats; others of the same words stay.

    Raises:
        DatasetError: the repeats or the words cannot be used.
    """
    subject = Subject(img / f"{check_repeats(repeats)}_{tidy(words)}", repeats, tidy(words))
    if there := [other for other in named(img, words) if other.repeats == repeats]:
        return there[0]
    try:
        subject.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"The folder {subject.folder} cannot be made: {error.strerror}.") from error
    return subject


def repeat(subject: Subject, repeats: int) -> Subject:
    """Show a subject's pictures another number of times in an epoch: its folder gets another name, at one stroke.

    Raises:
        DatasetError: the repeats cannot be used, or another folder has that name; nothing is changed then.
    """
    return _renamed(subject, f"{check_repeats(repeats)}_{subject.folder.name.partition('_')[2]}")


def rename(subject: Subject, words: str) -> Subject:
    """Give a subject other words: its folder gets another name, at one stroke.

    Raises:
        DatasetError: the words cannot be used, or another subject has them; nothing is changed then.
    """
    for other in named(subject.folder.parent, tidy(words)):
        if not _is_one(other.folder, subject.folder):
            raise DatasetError(
                f"There is a folder {other.folder.name} already. Move the pictures of {subject.folder.name} into it, "
                "or choose other words."
            )
    return _renamed(subject, f"{subject.repeats}_{tidy(words)}")


def suggest(subjects: Sequence[Subject]) -> dict[Subject, int]:
    """Suggest repeats for subjects that hold pictures; see `suggest_repeats`."""
    counts = {subject: count for subject in subjects if (count := len(subject.pictures()))}
    if not counts:
        return {}
    largest = max(counts, key=lambda subject: (counts[subject], -subject.repeats))
    return suggest_repeats(counts, largest.repeats)


def balance(img: Path) -> list[Subject]:
    """Give the subjects of an ``img`` folder the repeats that `suggest` suggests; return those that are changed.

    Raises:
        DatasetError: a folder cannot be renamed; those before it are.
    """
    suggested = suggest(subjects(img))
    return [repeat(subject, repeats) for subject, repeats in suggested.items() if repeats != subject.repeats]


def suggest_repeats(counts: Mapping[Name, int], least: int = USUAL_REPEATS) -> dict[Name, int]:
    """Suggest repeats with which every subject is shown about as often as the largest.

    Args:
        counts: pictures of each subject, by whatever it goes by; those without pictures get no suggestion.
        least: repeats of the largest subject; up to twice as many where the others come out uneven by a
            tenth or more otherwise, since repeats are whole numbers.
    """
    counts = {name: count for name, count in counts.items() if count > 0}
    most = max(counts.values(), default=0)

    def repeats(largest: int) -> dict[Name, int]:
        return {name: min(MOST_REPEATS, round(largest * most / count)) for name, count in counts.items()}

    def unevenness(largest: int) -> float:
        shown = repeats(largest)
        return max(abs(shown[name] * count / (largest * most) - 1) for name, count in counts.items())

    if not counts:
        return {}
    choices = range(least, 2 * least + 1)
    return repeats(next((n for n in choices if unevenness(n) < UNEVEN), min(choices, key=unevenness)))


def _key(words: str) -> str:
    return unicodedata.normalize("NFC", " ".join(words.split())).casefold()


def _is_one(folder: Path, other: Path) -> bool:
    """Whether two names are those of one folder, as when only capitals differ on Windows."""
    return folder == other or (folder.exists() and other.exists() and folder.samefile(other))


def _renamed(subject: Subject, name: str) -> Subject:
    folder = subject.folder.with_name(name)
    if folder.exists() and not _is_one(folder, subject.folder):
        raise DatasetError(
            f"There is a folder {folder.name} beside {subject.folder.name} already. "
            "Move the pictures of one into the other first."
        )
    try:
        subject.folder.rename(folder)
    except OSError as error:
        raise DatasetError(
            f"{subject.folder.name} cannot be renamed to {folder.name}: {error.strerror}. It stays as it is."
        ) from error
    return parse(folder) or subject
