"""What is changed of a picture from one showing to the next: where it is cut, and its colours.

Every number is drawn from the random state that is given, so that a showing can be repeated.
"""

from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image

from loranb.dataset.buckets import Fit

# As kohya's trainer had it while it used albumentations: of a third of the pictures the hue is turned by up to 8 of
# OpenCV's 180 steps, or the brightness is bent by a gamma of up to 5 %.
SHARE = 0.33
HUE = 8 / 180  # of the whole circle
GAMMA = 0.05


class Colour(NamedTuple):
    """A change of a picture's colours."""

    hue: float = 0.0  # share of the circle that hues are turned by
    gamma: float = 1.0  # power that brightness, 0 to 1, is raised to


class Look(NamedTuple):
    """How a picture is cut and coloured in one showing."""

    crop: tuple[int, int]  # left and top of the cut, in the scaled picture
    colour: Colour = Colour()  # noqa: RUF009  it cannot be changed


def draw_crop(fit: Fit, random: Random) -> tuple[int, int]:
    """Draw left and top of a cut, evenly from all that hold the whole bucket."""
    return random.randint(0, fit.resized[0] - fit.bucket[0]), random.randint(0, fit.resized[1] - fit.bucket[1])


def draw_colour(random: Random) -> Colour:
    """Draw a change of colours; mostly none."""
    if random.random() >= SHARE:
        return Colour()
    if random.random() < 0.5:
        return Colour(hue=random.uniform(-HUE, HUE))
    return Colour(gamma=random.uniform(1 - GAMMA, 1 + GAMMA))


def recoloured(picture: Image.Image, colour: Colour) -> Image.Image:
    """Change the colours of a picture in mode RGB."""
    if colour.hue:
        hue, saturation, value = picture.convert("HSV").split()
        turned = (np.asarray(hue).astype(int) + round(colour.hue * 256)) % 256
        picture = Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), saturation, value)).convert("RGB")
    if colour.gamma != 1:
        bent = [round(255 * (level / 255) ** colour.gamma) for level in range(256)]
        picture = picture.point(bent * 3)
    return picture
