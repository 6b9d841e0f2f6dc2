"""What is refused, and what is advised against, of the settings of captions."""

from pathlib import Path

import pytest

from loranb.dataset.training_set import TrainingImage
from loranb.errors import SettingsError
from loranb.plan import plan
from loranb.settings import Settings
from loranb.settings.advice import advice
from loranb.settings.conflicts import conflicts


def captions(**changes):
    return Settings().assign_all({f"captions.{name}": value for name, value in changes.items()})


@pytest.mark.parametrize(
    "marks",
    [
        {"keep_separator": "|||", "group_separator": "|||"},
        {"keep_separator": ","},
        {"group_separator": ";", "separator": ";"},
    ],
)
def test_marks_that_are_the_same_are_refused(marks):
    assert any("two of these marks are the same" in said for said in conflicts(captions(**marks)))


@pytest.mark.parametrize("marks", [{}, {"separator": ","}, {"keep_separator": "|||", "group_separator": ";;;"}])
def test_marks_that_differ_are_not(marks):
    assert conflicts(captions(**marks)) == []


@pytest.mark.parametrize("tokens", [0, 74, 76, 100, 226, 300])
def test_text_encoders_read_75_150_or_225_tokens(tokens):
    with pytest.raises(SettingsError, match="75 to 225; a multiple of 75"):
        captions(tokens=tokens)


@pytest.mark.parametrize(
    "changes",
    [{"dropout": 1}, {"dropout": 0.5}, {"dropout_every_epochs": 1}, {"tag_dropout": 1}, {"keep_separator": "#"}],
)
def test_what_is_unwise_is_said_and_its_mend_ends_it(changes):
    settings = captions(**changes)
    [said] = advice(settings)
    assert f"captions.{next(iter(changes))}" in said.words
    assert advice(settings.assign_all(said.mend)) == []


@pytest.mark.parametrize(
    ("caption", "setting"),
    [("t ||| a, b", "keep_separator"), ("a;;;b", "group_separator"), ("a {b|c}", "wildcards"), ("(a:1.2)", "weighted")],
)
def test_captions_that_hold_what_a_setting_would_read_are_named(caption, setting):
    images = [TrainingImage(Path(f"{i}.png"), 512, 512, 10, caption, "10_x") for i in range(20)]
    [said] = advice(Settings(), plan(Settings(), images))
    assert said.words.startswith("20 captions hold")
    assert list(said.mend) == [f"captions.{setting}"]
    mended = Settings().assign_all(said.mend)
    assert said.words not in [other.words for other in advice(mended, plan(mended, images))]


@pytest.mark.parametrize("caption", ["a, b", "(a), [b]", "a | b", "time 10:30 (x)", "{a}"])
def test_ordinary_captions_are_not(caption):
    images = [TrainingImage(Path(f"{i}.png"), 512, 512, 10, caption, "10_x") for i in range(20)]
    assert advice(Settings(), plan(Settings(), images)) == []
