"""What a model is told of how each picture of a batch was cut, where its family wants to know.

SDXL was trained with the size of the picture before it was scaled, the place of the cut in the scaled picture, and
the size of what was cut out, so that it does not learn to draw cut-off heads (Podell et al., arXiv:2307.01952, 2.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loranb.dataset.buckets import Fit, Size
from loranb.families import View
from loranb.plan import PlannedImage
from loranb.training.batches import Batch

Told = Literal["cut", "kohya"]


@dataclass(frozen=True)
class Placements:
    """Says how the pictures of batches were cut.

    Args:
        images: of the plan, in its order.
        told: what models are told: the cut as it is, or what kohya's trainer tells them.
    """

    images: Sequence[PlannedImage]
    told: Told

    def __call__(self, batch: Batch) -> list[View]:
        """Return the view of each picture of a batch."""
        planned = [self.images[place] for place in batch.images]
        if self.told == "kohya":
            return [kohya_view(one.image.size, one.fit, m) for one, m in zip(planned, batch.mirrored, strict=True)]
        crops = [look.crop for look in batch.looks] or [one.fit.crop for one in planned]
        shown = zip(planned, crops, batch.mirrored, strict=True)
        return [cut_view(one.image.size, one.fit, mirrored, crop) for one, crop, mirrored in shown]


def cut_view(size: Size, fit: Fit, mirrored: bool = False, crop: tuple[int, int] | None = None) -> View:
    """Say how a picture was really cut.

    Args:
        size: of the picture as it is read.
        fit: how it goes into its bucket.
        mirrored: whether it is shown mirrored; its left is then what was its right.
        crop: left and top of the cut; None for about the centre.
    """
    left, top = crop or fit.crop
    return View(size, (fit.resized[0] - fit.bucket[0] - left if mirrored else left, top), fit.bucket)


def kohya_view(size: Size, fit: Fit, mirrored: bool = False) -> View:
    """Say of a picture what kohya's trainer says: the margins that it would have, were it fitted into the bucket whole.

    A picture of 1536 x 1024 in a bucket of 1216 x 832 is 811 high if nothing of it is cut off, which leaves 10 at its
    top; in truth it is scaled to 1248 x 832, and 16 are cut off at its left.
    """
    width, height = fit.bucket
    ratio = size[0] / size[1]
    inside = (height * ratio, height) if width / height > ratio else (width, width / ratio)
    left, top = (width - inside[0]) // 2, (height - inside[1]) // 2
    return View(size, (int(width - (left + inside[0])) if mirrored else int(left), int(top)), fit.bucket)
