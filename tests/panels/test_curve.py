import random
import re
import xml.etree.ElementTree as ElementTree

import pytest

from loranb.events import EpochEnded, Started, Step
from loranb.panels._curve import HEIGHT, MOST_POINTS, WIDTH, decimate, svg, ticks


def _run(steps, planned=None, rates=("unet", "text_encoder")):
    noise = random.Random(steps)
    events = [Started(planned or steps, 4, 9, "demo", "cpu", "float32", 100)]
    for step in range(1, steps + 1):
        loss = noise.gammavariate(2, 0.05)
        events.append(Step(step, 1, loss, dict.fromkeys(rates, 1e-4 * step / steps), step * 0.1))
        if step % 25 == 0:
            events.append(EpochEnded(step // 25, step, loss))
    return events


def _lines(picture):
    return [line.get("points").split() for line in ElementTree.fromstring(picture).iter() if line.get("points")]


@pytest.mark.parametrize("steps", [0, 1, 2, 30, 499, 501, 20_000])
def test_every_run_is_a_valid_picture_of_few_points_within_its_frame(steps):
    for line in _lines(svg(_run(steps))):
        assert len(line) <= MOST_POINTS
        for x, y in (map(float, point.split(",")) for point in line):
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


@pytest.mark.parametrize(("steps", "share"), [(7, 0.2), (200, 0.7), (450, 0.8), (1000, 0.95)])
def test_a_young_run_fills_the_plot_too(steps, share):
    right, _ = _lines(svg(_run(steps, 1000)))[0][-1].split(",")
    assert float(right) / WIDTH > share


def test_it_is_drawn_in_the_notebooks_own_colour_and_loads_nothing():
    picture = svg(_run(100))
    assert "currentColor" in picture
    assert not re.search(r"<script|url\(|href|<style|background", picture)
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_a_line_is_drawn_for_the_loss_its_mean_and_each_learning_rate():
    assert len(_lines(svg(_run(100)))) == 4
    assert len(_lines(svg(_run(100, rates=("unet",))))) == 3


def test_names_from_elsewhere_cannot_become_markup():
    assert "<b>" not in svg(_run(10, rates=("<b>",)))


def test_thinning_keeps_the_ends_and_the_extremes():
    values = [0.5] * 5000
    values[1234], values[4321] = 9.0, -9.0
    kept = decimate(range(5000), values, 100)
    assert len(kept) <= 100
    assert {(0, 0.5), (4999, 0.5), (1234, 9.0), (4321, -9.0)} <= set(kept)
    assert kept == sorted(kept)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.093, 0.271), (0, 12345), (-1, 1e-6), (3, 3)])
def test_ticks_are_few_and_inside(low, high):
    chosen = ticks(low, high)
    assert 1 <= len(chosen) <= 7
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in chosen)


def test_ticks_are_round():
    assert ticks(0, 600, 8) == [0, 100, 200, 300, 400, 500, 600]
