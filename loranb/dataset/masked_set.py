"""Which pictures have a mask: noted when a run is made, so that it goes on with what it began with."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from loranb.dataset.images import WORKERS
from loranb.dataset.masks import Mask, masks_of
from loranb.dataset.reader import Pictures
from loranb.dataset.training_set import TrainingImage, TrainingSet
from loranb.errors import DatasetError
from loranb.project import Project

_NAMED = 10  # masks that are refused, in a message


def with_masks(found: TrainingSet, project: Project) -> TrainingSet:
    """Note of each picture what its mask holds.

    Raises:
        DatasetError: masks cannot be used, or there are none; says which, and why.
    """
    pictures = Pictures(project)
    masks = masks_of(image.path for image in found.all)
    if not masks:
        raise DatasetError(
            "dataset.masked_loss = True, and no picture has a mask. Put one beside each picture that needs it, as "
            "church.mask.png beside church.jpg (white is learned, black is not), or set masked_loss to False."
        )
    with ThreadPoolExecutor(WORKERS) as pool:
        said = [problem for problem in pool.map(lambda mask: _problem(mask, pictures), masks.values()) if problem]
    if said:
        more = [f"  • and {len(said) - _NAMED} more"] if len(said) > _NAMED else []
        listed = [f"  • {problem}" for problem in said[:_NAMED]]
        raise DatasetError("\n".join(["These masks cannot be used; mend or delete them:", *listed, *more]))
    contents = {path: pictures.content(mask.path) for path, mask in masks.items()}

    def noted(images: Sequence[TrainingImage]) -> tuple[TrainingImage, ...]:
        return tuple(replace(image, mask=contents.get(image.path, "")) for image in images)

    return replace(found, images=noted(found.images), regularisation=noted(found.regularisation))


def _problem(mask: Mask, pictures: Pictures) -> str:
    try:
        white = mask.open(pictures).getextrema()[1]
    except DatasetError as error:
        return str(error)
    return "" if white else f"{mask.path.name} is black all over, so that nothing of {mask.picture.name} is learned."
