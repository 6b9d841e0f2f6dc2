"""Which parts of pictures count in the loss: their masks, in the size of latents.

The loss of a picture is the mean over its mask's area, so that a small mask counts as much as a large one; kohya's
trainer takes the mean over the whole picture, and learns less of pictures whose masks are small.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from loranb.dataset.images import WORKERS
from loranb.dataset.masks import mask_of
from loranb.dataset.reader import Pictures
from loranb.errors import TrainingError
from loranb.plan import PlannedImage
from loranb.training.batches import Batch
from loranb.training.pixels import check_content, cut


class Masks:
    """The masks of a run's pictures.

    Args:
        images: those that the plan shows, with what their masks held when the run was made.
        pictures: reads them.
        scale: pixels of a picture's side that make one latent.
    """

    def __init__(self, images: Sequence[PlannedImage], pictures: Pictures, scale: int = 8):
        self._images, self._pictures, self._scale = images, pictures, scale
        with ThreadPoolExecutor(WORKERS) as pool:
            self._kept = list(pool.map(lambda place: self._read(place, images[place].fit.crop), range(len(images))))

    def __call__(self, batch: Batch) -> Tensor:
        """Return how much each part of a batch's pictures counts, 0 to 1; (B, 1, H, W) in latents."""
        crops = [look.crop for look in batch.looks] or [self._images[place].fit.crop for place in batch.images]
        masks = [self._of(place, crop) for place, crop in zip(batch.images, crops, strict=True)]
        return torch.stack([m.flip(-1) if mirror else m for m, mirror in zip(masks, batch.mirrored, strict=True)])

    def _of(self, place: int, crop: tuple[int, int]) -> Tensor:
        return self._kept[place] if crop == self._images[place].fit.crop else self._read(place, crop)

    def _read(self, place: int, crop: tuple[int, int]) -> Tensor:
        """Read a mask, scaled and cut as its picture; (1, H, W). Without one all of the picture counts."""
        planned = self._images[place]
        image, (width, height) = planned.image, planned.fit.bucket
        if not image.mask:
            return torch.ones(1, height // self._scale, width // self._scale)
        mask = mask_of(image.path)
        if mask is None:
            raise TrainingError(f"The mask of {image.path.name} is gone. Put it back, or start a new run.")
        check_content(mask.path, image.mask)
        shown = cut(image.edit.apply(mask.upright(self._pictures)), planned.fit, crop=crop)
        whole = torch.from_numpy(np.asarray(shown, dtype=np.float32)) / 255
        return functional.avg_pool2d(whole[None], self._scale)


def masked_mean(error: Tensor, mask: Tensor) -> Tensor:
    """Return the mean error over the area of masks; (B,). A mask without any area gives 0.

    Args:
        error: (B, C, H, W).
        mask: how much each place counts; (B, 1, H, W).
    """
    area = mask.flatten(1).mean(1).clamp(min=torch.finfo(mask.dtype).eps)
    return (error * mask).flatten(1).mean(1) / area
