"""What a project trains on: every usable picture with its caption and repeats."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from loranb.dataset import captions, folders
from loranb.dataset.edits import Edit
from loranb.dataset.folders import Subject
from loranb.dataset.images import Picture
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.project import Project

_NAMED = 5  # bad pictures, in a message


class Wording(NamedTuple):
    """A caption as it is written: on one line, and its lines where there are several."""

    caption: str
    lines: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "Wording":
        """Read the text of a caption's file."""
        lines = tuple(line for written in text.split("\n") if (line := captions.one_line(written)))
        return cls(captions.one_line(text), lines if len(lines) > 1 else ())


@dataclass(frozen=True)
class TrainingImage:
    """A picture as the trainer sees it: `width` and `height` are those it has after its edit."""

    path: Path
    width: int
    height: int
    repeats: int
    caption: str
    folder: str  # name of its subject's folder
    content: str = ""  # SHA-256 of the file
    edit: Edit = Edit()
    lines: tuple[str, ...] = ()  # of its caption, where there are several: wildcards choose one of them
    regularisation: bool = False  # of what the base model knows, so that it does not forget it
    held_out: bool = False  # kept back from training, for validation
    mask: str = ""  # SHA-256 of the file that holds its mask, where that counts

    @property
    def wording(self) -> Wording:
        """Its caption as it is written."""
        return Wording(self.caption, self.lines)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture, turned and cropped."""
        return self.width, self.height


@dataclass(frozen=True)
class TrainingSet:
    """The pictures to train on, those that cannot be used, and what is worth knowing of either."""

    images: tuple[TrainingImage, ...]
    unusable: tuple[Picture, ...]
    remarks: tuple[str, ...]
    regularisation: tuple[TrainingImage, ...] = ()

    @property
    def all(self) -> tuple[TrainingImage, ...]:
        """The pictures to train on, and behind them those for regularisation."""
        return self.images + self.regularisation

    @property
    def uncaptioned(self) -> int:
        """How many pictures go by their folder's words."""
        return sum(not captions.read(image.path) for image in self.images)

    def check(self) -> None:
        """Say it where there are pictures and none can be used.

        Raises:
            DatasetError: so it is; with the reasons of the first few.
        """
        if self.unusable and not self.images:
            reasons = [f"  • {picture.problem}" for picture in self.unusable[:_NAMED]]
            more = [f"  • and {len(self.unusable) - _NAMED} more"] if len(self.unusable) > _NAMED else []
            raise DatasetError("\n".join(["No picture of this project can be used:", *reasons, *more]))


def collect(img: Path) -> TrainingSet:
    """Look through the subjects of a project's folders ``img`` and ``reg``; bad pictures are set apart, not raised."""
    project = Project(img.parent)
    pictures = Pictures(project)
    images, unusable = _looked_through(img, pictures)
    regularisation, unusable_too = _looked_through(project.reg, pictures)
    return TrainingSet(
        tuple(images),
        (*unusable, *unusable_too),
        (*folders.ignored(img), *folders.ignored(project.reg), *pictures.edits.problems),
        tuple(replace(image, regularisation=True) for image in regularisation),
    )


def _looked_through(folder: Path, pictures: Pictures) -> tuple[list[TrainingImage], list[Picture]]:
    """Return the pictures of a folder of subjects that can be used, and those that cannot."""
    belongs = {path: subject for subject in folders.subjects(folder) for path in subject.pictures()}
    images, unusable = [], []
    for picture in pictures.scan(belongs):
        if picture.usable:
            try:
                images.append(_as_trained(picture, belongs[picture.path], pictures))
                continue
            except DatasetError as error:  # its caption is no text, or it is gone by now
                picture = Picture(picture.path, problem=str(error))
        unusable.append(picture)
    return images, unusable


def _as_trained(picture: Picture, subject: Subject, pictures: Pictures) -> TrainingImage:
    path = picture.path
    written = Wording.of(captions.text(path))
    return TrainingImage(
        path,
        picture.width,
        picture.height,
        subject.repeats,
        written.caption or subject.words,
        subject.folder.name,
        pictures.content(path),
        pictures.edit(path),
        written.lines,
    )
