import colorsys
from collections import Counter
from random import Random

import pytest
from PIL import Image

from loranb.dataset.augmentation import GAMMA, HUE, SHARE, Colour, draw_colour, draw_crop, recoloured
from loranb.dataset.buckets import Fit


@pytest.mark.parametrize("colour", [(255, 0, 0), (200, 120, 40), (10, 200, 220), (128, 128, 128), (255, 255, 255)])
@pytest.mark.parametrize("turn", [1 / 3, -1 / 6, 0.02])
def test_a_hue_is_turned_on_the_circle(colour, turn):
    hue, saturation, value = colorsys.rgb_to_hsv(*(level / 255 for level in colour))
    wanted = [level * 255 for level in colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)]
    found = recoloured(Image.new("RGB", (1, 1), colour), Colour(hue=turn)).getpixel((0, 0))
    assert found == pytest.approx(wanted, abs=8)  # hues come in 256 steps


@pytest.mark.parametrize("gamma", [0.5, 1.05, 2.0])
def test_a_gamma_bends_the_middle_and_leaves_black_and_white(gamma):
    found = recoloured(Image.linear_gradient("L").convert("RGB"), Colour(gamma=gamma))
    for level in (0, 1, 40, 128, 200, 255):
        assert found.getpixel((0, level)) == pytest.approx([255 * (level / 255) ** gamma] * 3, abs=0.5)


def test_no_change_changes_nothing():
    picture = Image.effect_noise((8, 8), 90).convert("RGB")
    assert recoloured(picture, Colour()).tobytes() == picture.tobytes()


def test_a_third_of_the_colours_are_changed_within_bounds_half_of_them_in_hue():
    drawn = [draw_colour(Random(i)) for i in range(4000)]
    changed = [colour for colour in drawn if colour != Colour()]
    assert len(changed) == pytest.approx(4000 * SHARE, abs=120)  # four deviations
    assert sum(colour.hue != 0 for colour in changed) == pytest.approx(len(changed) / 2, abs=75)
    assert all(abs(colour.hue) <= HUE and abs(colour.gamma - 1) <= GAMMA for colour in changed)
    assert all(colour.hue == 0 or colour.gamma == 1 for colour in changed)


def test_crops_are_drawn_evenly_from_all_that_hold_the_bucket():
    drawn = Counter(draw_crop(Fit((64, 64), (66, 64)), Random(i)) for i in range(3000))
    assert set(drawn) == {(0, 0), (1, 0), (2, 0)}
    assert all(count == pytest.approx(1000, abs=104) for count in drawn.values())
