"""What a project trains on: every usable picture with its caption and repeats."""

from dataclasses import dataclass
from pathlib import Path

from loranb.dataset import captions, folders
from loranb.dataset.images import Picture, scan
from loranb.errors import DatasetError


@dataclass(frozen=True)
class TrainingImage:
    """A picture as the trainer sees it."""

    path: Path
    width: int
    height: int
    repeats: int
    caption: str
    folder: str  # name of its subject's folder

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        return self.width, self.height


@dataclass(frozen=True)
class TrainingSet:
    """The pictures to train on, those that cannot be used, and what is worth knowing of either."""

    images: tuple[TrainingImage, ...]
    unusable: tuple[Picture, ...]
    remarks: tuple[str, ...]

    @property
    def uncaptioned(self) -> int:
        """How many pictures go by their folder's words."""
        return sum(not captions.read(image.path) for image in self.images)


def collect(img: Path) -> TrainingSet:
    """Scan the subjects of an ``img`` folder; bad pictures are set apart, not raised."""
    subjects = folders.subjects(img)
    words = {path: subject for subject in subjects for path in subject.pictures()}
    images, unusable = [], []
    for picture in scan(words):
        subject = words[picture.path]
        try:
            caption = captions.read(picture.path) or subject.words
        except DatasetError as error:
            picture = Picture(picture.path, problem=str(error))
        if picture.usable:
            images.append(
                TrainingImage(
                    picture.path, picture.width, picture.height, subject.repeats, caption, subject.folder.name
                )
            )
        else:
            unusable.append(picture)
    return TrainingSet(tuple(images), tuple(unusable), tuple(folders.ignored(img)))
