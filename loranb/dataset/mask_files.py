"""Which picture files are masks, by their names: those that say which parts of another picture count.

A mask of ``church.jpg`` lies beside it, as ``church.mask.png``, ``church_mask.png`` or
``church-masklabel.png`` (OneTrainer's name), or under the picture's own name in a folder ``masks`` beside
it (as kohya's folder of conditioning images). So a file is a mask only together with its picture: a
picture that is called venetian_mask.png, with no venetian.jpg beside it, is a picture.
"""

import contextlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

MARKS = (".mask", "_mask", "-masklabel")  # after the picture's stem; of several masks the first kind counts
FOLDER = "masks"
_MARKED = re.compile(rf"(.+)({'|'.join(map(re.escape, MARKS))})", re.IGNORECASE | re.DOTALL)


def masks_in(pictures: Iterable[Path]) -> dict[Path, list[Path]]:
    """Tell which of some picture files are masks of which others, that which counts first."""
    files = list(pictures)
    ranked: dict[tuple[Path, str], list[tuple[int, Path]]] = {}
    for file in files:
        for folder, stem, rank in _owners(file):
            ranked.setdefault((folder, stem), []).append((rank, file))
    found = {file: sorted(ranked.get((file.parent, _key(file.stem)), ())) for file in files}
    return {file: [mask for _, mask in masks] for file, masks in found.items() if masks}


def without_masks(pictures: Iterable[Path]) -> list[Path]:
    """Leave out the files that are masks of others among them; the order stays."""
    files = list(pictures)
    masks = {mask for found in masks_in(files).values() for mask in found}
    return [file for file in files if file not in masks]


def masks_beside(picture: Path) -> dict[str, Path]:
    """Find a picture's masks on the disk, that which counts first, by how their names go on after its stem.

    ``.mask.png`` stands beside it, ``masks/.png`` in a folder; with `placed`, a mask moves along with its
    picture. The picture itself need not be there any more.
    """
    wanted = picture.parent, _key(picture.stem)
    found = []
    for file in _near(picture):
        for folder, stem, rank in _owners(file):
            if (folder, stem) == wanted:
                mark = f"{FOLDER}/" if rank == len(MARKS) else _MARKED.fullmatch(file.stem)[2]
                found.append((rank, file.suffix, mark + file.suffix, file))
    return {ending: file for _, _, ending, file in sorted(found)}


def placed(picture: Path, ending: str) -> Path:
    """Return where the file of a picture lies whose name goes on so after its stem: a mask, or a caption."""
    folder, _, suffix = ending.rpartition("/")
    return picture.parent / folder / f"{picture.stem}{suffix}"


def stems_spoken_for(files: Iterable[Path]) -> set[str]:
    """List stems, as `_key` writes them, that a picture beside these files could not have without getting a mask."""
    return {stem for file in files for _, stem, _ in _owners(file)}


def _owners(file: Path) -> Iterator[tuple[Path, str, int]]:
    """Yield folder and stem of what a file would be a mask of, and the rank of that kind of mask."""
    if marked := _MARKED.fullmatch(file.stem):
        yield file.parent, _key(marked[1]), MARKS.index(marked[2].lower())
    if file.parent.name.lower() == FOLDER:
        yield file.parent.parent, _key(file.stem), len(MARKS)


def _near(picture: Path) -> list[Path]:
    """List the pictures beside a picture, and in the folder for masks, whose names begin as its does."""
    from loranb.dataset.images import is_picture  # which asks here what is a mask

    start, found = _key(picture.stem), []
    for folder in (picture.parent, picture.parent / FOLDER):
        with contextlib.suppress(OSError), os.scandir(folder) as there:  # else there is no such folder
            found += [folder / file.name for file in there if _key(file.name).startswith(start)]
    return [file for file in found if is_picture(file)]


def _key(stem: str) -> str:
    """Write a stem as file systems compare it: some know no capitals, some take accents apart."""
    return unicodedata.normalize("NFC", stem).casefold()
