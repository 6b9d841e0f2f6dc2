"""Sort what lies in a folder: pictures with their captions and masks, and what is none of these.

Nothing is opened but tables of captions, and nothing is changed.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from loranb.dataset import captions, folders, tables
from loranb.dataset.folders import Subject
from loranb.dataset.images import is_picture
from loranb.dataset.mask_files import masks_beside, masks_in
from loranb.errors import DatasetError

REGULARISATION = frozenset({"reg", "regularisation", "regularization"})  # names of folders
DEPTH = 3  # folders that may lie around a kohya layout, as in an archive of a project's folder


@dataclass(frozen=True)
class Place:
    """A file or folder on this machine where pictures lie."""

    path: Path
    unpacked: frozenset[Path] = frozenset()  # archives in it, which are places of their own
    given: str = field(default="", compare=False)  # what whoever gave it called it


@dataclass(frozen=True)
class Found:
    """A picture, its caption and its mask."""

    path: Path
    name: str  # as whoever gave it knows it: below the folder that was given
    caption: Path | str | None = None  # a file, or the words themselves
    mask: Path | None = None


@dataclass(frozen=True)
class Pile:
    """What was found."""

    pictures: list[Found]
    left_out: list[str]  # names, or what is wrong with a file


@dataclass(frozen=True)
class Lot:
    """What lies in a folder that is named as a subject is."""

    subject: Subject
    regularisation: bool
    pile: Pile


def sort(places: Iterable[Place]) -> Pile:
    """Sort all that lies in places and their subfolders; hidden files and folders are left out."""
    files: dict[Path, str] = {}
    left_out: list[str] = []
    for place in places:
        found = _walk(place.path, left_out) if place.path.is_dir() else _with_belongings(place.path)
        files |= {path: name for path, name in found if path not in place.unpacked}
    lists = [path for path in files if tables.is_table(path)]
    words = {picture: caption for table in lists for picture, caption in _words(table, left_out).items()}
    texts = {_key(path, path.suffix): path for path in files if _is_caption(path)}
    masks = masks_in(path for path in files if is_picture(path))
    for_others = {mask for found in masks.values() for mask in found}
    pictures = [
        Found(path, name, _beside(path, texts) or words.get(_plain(path)), next(iter(masks.get(path, ())), None))
        for path, name in files.items()
        if is_picture(path) and path not in for_others
    ]
    used = {*lists, *(used for found in pictures for used in (found.path, found.caption, found.mask))}
    return Pile(pictures, left_out + [name for path, name in files.items() if path not in used])


def lots(place: Place) -> list[Lot]:
    """Sort a folder in kohya's layout by subject; nothing where it has none.

    Folders named ``N_subject class`` are looked for in ``img``, in the folder itself and around it;
    those in ``reg`` beside them are regularisation pictures.
    """
    named = _subject_folders(place.path) if place.path.is_dir() else []
    return [
        Lot(subject, regularisation, sort([Place(subject.folder, place.unpacked)])) for subject, regularisation in named
    ]


def outside(place: Place, sorted_: Iterable[Lot]) -> list[str]:
    """List what lies in a place and in none of its lots; a folder by its name alone."""
    return list(_outside(place.path, place, {lot.subject.folder for lot in sorted_}))


def _walk(top: Path, left_out: list[str]) -> Iterator[tuple[Path, str]]:
    """Yield the files below a folder and their names; links are followed, each folder is read once."""

    def unreadable(error: OSError) -> None:
        left_out.append(f"{error.filename}: {error.strerror}")

    seen = set()
    for folder, inside, names in os.walk(top, followlinks=True, onerror=unreadable):
        below = Path(folder).relative_to(top)
        left_out += [f"{(below / name).as_posix()}/" for name in inside if _is_hidden(name)]
        real = os.path.realpath(folder)
        inside[:] = [] if real in seen else sorted(name for name in inside if not _is_hidden(name))
        yield from ((Path(folder, name), (below / name).as_posix()) for name in sorted(names) if real not in seen)
        seen.add(real)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _with_belongings(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield a file that was given by itself, and the caption and the mask beside a picture."""
    yield path, path.name
    beside = [path.with_suffix(extension) for extension in captions.EXTENSIONS if is_picture(path)]
    yield from [(file, file.name) for file in beside if os.access(file, os.F_OK)][:1]  # whatever it is called
    yield from [(file, file.name) for file in masks_beside(path).values() if is_picture(path)][:1]


def _words(table: Path, left_out: list[str]) -> dict[str, str]:
    """Read the captions in a table by their pictures; a table that cannot be read is left out."""
    try:
        return {_plain(table.parent / name): words for name, words in tables.read_captions(table).items()}
    except DatasetError as error:
        left_out.append(str(error))
        return {}


def _is_caption(path: Path) -> bool:
    return path.suffix.lower() in captions.EXTENSIONS and not path.name.startswith(".")


def _beside(picture: Path, texts: dict[str, Path]) -> Path | None:
    found = (texts.get(_key(picture, extension)) for extension in captions.EXTENSIONS)
    return next((path for path in found if path), None)


def _key(path: Path, suffix: str) -> str:
    return _plain(path.with_name(path.stem)) + suffix.lower()


def _plain(path: Path) -> str:
    """Write a path in one way: macOS takes accents and their letters apart."""
    return unicodedata.normalize("NFC", os.path.normpath(path))


def _subject_folders(top: Path, depth: int = DEPTH) -> list[tuple[Subject, bool]]:
    """Find folders that are named as subjects are, and whether they are for regularisation."""
    try:
        inside = sorted(path for path in top.iterdir() if path.is_dir() and not _is_hidden(path.name))
    except OSError:  # a folder that may not be read holds no subjects for us
        return []
    img = next((subjects for path in inside if path.name.lower() == "img" and (subjects := folders.subjects(path))), [])
    if named := img or folders.subjects(top):
        beside = [path for path in inside if path.name.lower() in REGULARISATION]
        return [(s, False) for s in named] + [(s, True) for folder in beside for s in folders.subjects(folder)]
    if itself := folders.parse(top):
        return [(itself, False)]
    return [found for path in inside for found in _subject_folders(path, depth - 1)] if depth else []


def _outside(folder: Path, place: Place, inside: set[Path]) -> Iterator[str]:
    if folder in inside:
        return
    for path in sorted(folder.iterdir()):
        if any(path == named or path in named.parents for named in inside):
            yield from _outside(path, place, inside)
        elif path not in place.unpacked:
            yield path.relative_to(place.path).as_posix() + ("/" if path.is_dir() else "")
