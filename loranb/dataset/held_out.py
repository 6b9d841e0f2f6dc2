"""Which pictures are kept back from training, to see how well a LoRA does on what it has not learned."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from loranb.dataset.images import Picture
from loranb.dataset.training_set import TrainingImage, TrainingSet, collect
from loranb.errors import SettingsError
from loranb.project import Project
from loranb.settings import Settings


def collect_held_out(project: Project, settings: Settings, trained: TrainingSet) -> TrainingSet:
    """Look through the folder whose pictures are kept back from training; those that are trained on are set apart.

    Raises:
        SettingsError: there is no such folder, or no picture in it that can be used.
    """
    folder = settings.validation.folder.strip()
    if not folder:
        return TrainingSet((), (), ())
    found = collect(project.root / folder)
    learned = {image.content for image in trained.all}
    twice = [image for image in found.images if image.content in learned]
    images = tuple(replace(image, held_out=True) for image in found.images if image not in twice)
    if not images:
        raise SettingsError(
            [
                f"validation.folder = {folder!r}: there is no picture to validate with in {project.root / folder}. Put "
                "pictures in folders as in img, such as 1_subject class, which are not in img too; or leave it blank."
            ]
        )
    known = tuple(Picture(image.path, problem=f"{image.path.name} is trained on too.") for image in twice)
    unusable = tuple(picture for picture in found.unusable if picture.path.is_relative_to(project.root / folder))
    return TrainingSet(images, (*unusable, *known), ())


def split(
    images: Sequence[TrainingImage], share: float, seed: int
) -> tuple[tuple[TrainingImage, ...], tuple[TrainingImage, ...]]:
    """Divide pictures into those that are trained on and those that are kept back.

    Where some are marked as kept back already, those are. Else a share of each subject's pictures is drawn,
    at least one of a subject that has two. A picture whose file is there twice is always trained on:
    its copy would be known by heart. Regularisation pictures are never kept back.

    Args:
        images: all of them, in their order.
        share: of each subject's pictures that is kept back.
        seed: what is drawn from.
    """
    held = {i for i, image in enumerate(images) if image.held_out}
    if not held and share:
        held = _drawn(images, share, seed)
    trained = tuple(image for i, image in enumerate(images) if i not in held)
    return trained, tuple(replace(image, held_out=True) for i, image in enumerate(images) if i in held)


def _drawn(images: Sequence[TrainingImage], share: float, seed: int) -> set[int]:
    copies = Counter(_identity(image) for image in images)
    subjects: dict[str, list[int]] = {}
    for i, image in enumerate(images):
        if not image.regularisation:
            subjects.setdefault(image.folder, []).append(i)
    held: set[int] = set()
    for folder, members in subjects.items():
        single = sorted((i for i in members if copies[_identity(images[i])] == 1), key=lambda i: _identity(images[i]))
        count = min(len(single), max(1, round(share * len(members)))) if len(members) > 1 else 0
        held.update(Random(f"{seed} held out of {folder}").sample(single, min(count, len(members) - 1)))
    return held


def _identity(image: TrainingImage) -> str:
    return image.content or str(image.path)
