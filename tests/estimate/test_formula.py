"""The formula of a run's length, drawn."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from loranb.dataset.training_set import TrainingImage
from loranb.estimate.formula import formula, plain_steps
from loranb.plan import plan
from loranb.settings import Settings


def picture(repeats, size=(1024, 1024), folder="x"):
    return TrainingImage(Path("x.png"), *size, repeats, "caption", f"{repeats}_{folder}")


def texts(svg):
    return [element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


def test_the_guides_example_gives_50_and_1000():
    """Ten pictures, 20 repeats, batch 4, 20 epochs: 50 steps/epoch, 1,000 in all (guide 002)."""
    settings = Settings().assign_all({"length.batch_size": 4, "length.epochs": 20, "dataset.resolution": 1024})
    said = texts(formula(plan(settings, [picture(20)] * 10)))
    numbers = [text for text in said if re.fullmatch(r"[\d,]+|[×÷=→]", text)]
    assert numbers == ["10", "×", "20", "÷", "4", "=", "50", "50", "×", "20", "=", "1,000"]
    assert [text for text in said if text not in numbers] == [
        "pictures", "repeats", "in a batch", "steps/epoch", "steps/epoch", "epochs", "steps",
    ]  # fmt: skip


def test_what_buckets_add_to_the_plain_sum_is_said():
    settings = Settings().assign_all({"length.batch_size": 4})
    horizon = plan(settings, [picture(1)] * 5 + [picture(1, (1024, 512))] * 5)
    assert (plain_steps(horizon), horizon.steps_per_epoch) == (3, 4)
    assert "1 more than the plain sum" in formula(horizon)


def test_subjects_with_repeats_of_their_own_are_counted_as_showings():
    said = texts(formula(plan(Settings(), [picture(20)] * 3 + [picture(5, folder="y")] * 4)))
    assert said[:2] == ["80", "showings"]


def test_steps_that_are_asked_for_cut_the_last_epoch():
    settings = Settings().assign("length.steps", 25)
    assert "steps (cut)" in texts(formula(plan(settings, [picture(1)] * 10)))


def test_the_picture_is_readable_without_being_seen():
    svg = ET.fromstring(formula(plan(Settings(), [picture(2)] * 3)))
    assert svg.get("role") == "img"
    assert "3 pictures × 2 repeats ÷ 1 in a batch = 6 steps/epoch" in svg.get("aria-label")
