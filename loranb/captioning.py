"""Caption a project's pictures with a captioner."""

from collections.abc import Callable
from pathlib import Path

from loranb.captioners import Captioner, compose
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
    progress: Callable[[int, int], None] | None = None,
) -> dict[Path, str]:
    """Write a caption for every readable picture that has none.

    Args:
        project: its pictures are captioned.
        captioner: see `loranb.captioners`.
        trigger: a word to put first.
        overwrite: also where there is a caption already.
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
            texts = captioner.caption(list(readable.values()))
            for path, text in zip(readable, texts, strict=True):
                written[path] = captions.write(path, compose([text], trigger))
        if progress:
            progress(min(start + BATCH, len(wanted)), len(wanted))
    return written


def _may_write(picture: Path, overwrite: bool) -> bool:
    """A caption that cannot be read is never written over; the picture check names it."""
    try:
        return not captions.read(picture) or overwrite
    except DatasetError:
        return False
