"""Caption a project's pictures with a captioner."""

from collections.abc import Callable, Iterable
from pathlib import Path

from loranb.captioners import Captioner
from loranb.dataset import captions, folders
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.project import Project

BATCH = 8


def caption_project(
    project: Project,
    captioner: Captioner,
    trigger: str = "",
    overwrite: bool = False,
    undesired: Iterable[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> dict[Path, str]:
    """Write a caption for every readable picture that has none.

    Args:
        project: its pictures are captioned.
        captioner: see `loranb.captioners`.
        trigger: a word to put first.
        overwrite: also where there is a caption already.
        undesired: tags to leave out.
        progress: told how many pictures are done, of how many.

    Returns:
        The new captions by picture.
    """
    wanted = [
        path for subject in folders.subjects(project.img) for path in subject.pictures() if _may_write(path, overwrite)
    ]
    pictures = Pictures(project)
    written: dict[Path, str] = {}
    for start in range(0, len(wanted), BATCH):
        readable = {}
        for path in wanted[start : start + BATCH]:
            try:
                readable[path] = pictures.open(path)
            except DatasetError:
                continue  # the picture check names it; it is not trained on either
        if readable:
            said = captioner.look(list(readable.values()))
            for path, words in zip(readable, said, strict=True):
                written[path] = captions.write(path, compose(words.tags, trigger, undesired=undesired))
        if progress:
            progress(min(start + BATCH, len(wanted)), len(wanted))
    return written


def _may_write(picture: Path, overwrite: bool) -> bool:
    """A caption that cannot be read is never written over; the picture check names it."""
    try:
        return not captions.read(picture) or overwrite
    except DatasetError:
        return False


def compose(
    tags: Iterable[str],
    trigger: str | None = None,
    prefix: str | None = None,
    undesired: Iterable[str] = (),
    separator: str = ", ",
) -> str:
    """Make a caption: "trigger, prefix, tag, tag".

    The trigger word comes first, where "keep first tokens" protects it from shuffling. A tag is
    left out where it is undesired or was said before; case, and spaces for underscores, make no
    difference there.

    Args:
        tags: in the order wanted; a whole sentence may stand as one tag.
        trigger: the word that shall call up what is learned.
        prefix: what every picture shows, such as the class.
        undesired: tags to leave out; trigger and prefix always stay.
        separator: what stands between two tags.
    """
    first = [part.strip() for part in (trigger, prefix) if part and part.strip()]
    unwanted = {_same(tag) for tag in undesired}
    kept = first + [tag.strip() for tag in tags if tag.strip() and _same(tag) not in unwanted]
    said: dict[str, str] = {}
    for tag in kept:
        said.setdefault(_same(tag), tag)
    return separator.join(said.values())


def _same(tag: str) -> str:
    return tag.strip().replace("_", " ").casefold()
