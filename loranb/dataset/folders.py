"""Subjects: folders named ``N_subject class``, as kohya's tools read them.

N is how many times each picture is shown in an epoch; the rest of the name is the caption of
pictures that have none.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loranb.dataset import archive, captions
from loranb.dataset.images import is_picture, picture_files
from loranb.errors import DatasetError
from loranb.files import write_bytes

_NAME = re.compile(r"(\d+)_(.*)", re.DOTALL)
MOST_REPEATS = 10_000
USUAL_REPEATS = 10  # as in guides for 15 to 50 pictures


@dataclass(frozen=True)
class Subject:
    """A folder of pictures of one thing."""

    folder: Path
    repeats: int
    words: str  # "medieval city": the subject and its class

    def pictures(self) -> list[Path]:
        """List its pictures by name."""
        return picture_files(self.folder)


@dataclass(frozen=True)
class Added:
    """What came of adding files to a project."""

    subject: Subject
    pictures: list[Path]  # the copies
    captions: int
    left_out: list[str]  # names of files that are no pictures


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
        said.append(f"{len(loose)} pictures lie in img itself, not in a subject's folder; they are not used.")
    return said


def make(img: Path, words: str, repeats: int) -> Subject:
    """Make a subject's folder, or find the one of the same words and set its repeats.

    Raises:
        DatasetError: the repeats or the words cannot be used.
    """
    tidy = " ".join(words.split())
    if not tidy or re.search(r'[\\/:*?"<>|]', tidy):
        raise DatasetError(
            f"subject = {words!r}; give one or more words without \\ / : * ? \" < > |, such as 'medieval city'."
        )
    if not 1 <= repeats <= MOST_REPEATS:
        raise DatasetError(f"repeats = {repeats}; give a whole number from 1 to {MOST_REPEATS}.")
    folder = img / f"{repeats}_{tidy}"
    for subject in subjects(img):
        if subject.words == tidy and subject.repeats != repeats:
            if folder.exists():
                raise DatasetError(
                    f"There is a folder {folder.name} beside {subject.folder.name} already. "
                    "Move the pictures of one into the other first."
                )
            subject.folder.rename(folder)
            break
    folder.mkdir(parents=True, exist_ok=True)
    return Subject(folder, repeats, tidy)


def add(img: Path, words: str, repeats: int | None, sources: Iterable[Path | str]) -> Added:
    """Copy pictures, and captions that belong to them, into a subject's folder.

    A source may be a picture, a folder (with its subfolders) or a zip archive. The originals stay
    as they are; a name that is taken gets a number. Repeats of None leave those of a subject that is
    there as they are.

    Raises:
        DatasetError: a source is not there or cannot be read; nothing has been copied then.
    """
    found = [Path(source).expanduser() for source in sources]
    missing = [str(path) for path in found if not path.exists()]
    if missing:
        raise DatasetError(f"There is no such file or folder: {', '.join(missing)}. Check the path.")
    copied: list[Path] = []
    left_out: list[str] = []
    captioned = 0
    with archive.unpacked([p for p in found if zipfile.is_zipfile(p)]) as folders:
        subject = make(img, words, repeats or _repeats_of(img, words))
        plain = [p for p in found if not zipfile.is_zipfile(p)]
        for path in _files([*plain, *folders]):
            if not is_picture(path):
                if path.suffix.lower() not in captions.EXTENSIONS:
                    left_out.append(path.name)
                continue
            target = _free_for_both(subject.folder / path.name)
            write_bytes(target, path.read_bytes())
            copied.append(target)
            beside = captions.caption_file(path)
            if beside.exists():
                write_bytes(target.with_suffix(captions.EXTENSIONS[0]), beside.read_bytes())
                captioned += 1
    return Added(subject, copied, captioned, sorted(left_out))


def _repeats_of(img: Path, words: str) -> int:
    """Return the repeats of a subject that is there, else the usual ones."""
    tidy = " ".join(words.split())
    return next((subject.repeats for subject in subjects(img) if subject.words == tidy), USUAL_REPEATS)


def _free_for_both(target: Path) -> Path:
    """Find a name that neither a picture nor a caption has: two pictures of one stem would share a caption."""
    number, free = 2, target
    while any(free.parent.glob(f"{_escaped(free.stem)}.*")):
        free = target.with_name(f"{target.stem}_{number}{target.suffix}")
        number += 1
    return free


def _escaped(stem: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", stem)


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _files(sources: Iterable[Path]) -> Iterator[Path]:
    for source in sources:
        if source.is_dir():
            inside = (path.relative_to(source).parts for path in source.rglob("*") if path.is_file())
            yield from sorted(source.joinpath(*parts) for parts in inside if not _is_hidden(parts))
        else:
            yield source
