import math
import subprocess
import sys

import pytest
from PIL import Image

from loranb.events import EpochEnded, Sampled, Started, Step, Validated
from loranb.figures import curve, loss_figure, running_mean, samples_figure, spread, to_png

RATES = {"unet": 1e-4, "text_encoder": 5e-5}


def _started(first_step=0, steps=40):
    return Started(steps, 2, 5, "demo", "cpu", "float32", 1000, first_step)


def _steps(first, last, loss=0.1):
    return [Step(s, 1 + (s - 1) // 20, loss, RATES, 0.5 * s) for s in range(first, last + 1)]


@pytest.fixture
def run_events():
    return [_started(), *_steps(1, 20), EpochEnded(1, 20, 0.12), *_steps(21, 40), EpochEnded(2, 40, 0.1)]


def test_what_was_kept_back_is_drawn_below_the_losses_and_steps_taken_again_count_once():
    seen = [Validated(0, 0, 0.2), Validated(1, 20, 0.15), Validated(1, 30, 0.1)]
    events = [_started(), seen[0], *_steps(1, 20), seen[1], *_steps(21, 30), seen[2], _started(20), *_steps(21, 30)]
    assert curve(events).validations == tuple(seen[:2])
    labels = [axes.get_ylabel() for axes in loss_figure(events).axes]
    assert labels == ["loss", "validation", "learning rate"]


def test_steps_taken_again_after_a_crash_count_once():
    numbers = curve([_started(), *_steps(1, 30, 0.9), EpochEnded(1, 20, 0.9), _started(10), *_steps(11, 20)])
    assert numbers.steps == tuple(range(1, 21))
    assert numbers.losses[9:11] == (0.9, 0.1)
    assert numbers.epochs == ()


def test_the_mean_of_a_constant_is_that_constant_from_the_first_step_on():
    assert running_mean([0.3] * 50, 10) == pytest.approx([0.3] * 50)


def test_the_mean_follows_a_change_within_its_window():
    means = running_mean([1.0] * 30 + [0.0] * 30, 10)
    assert means[29] == pytest.approx(1.0)
    assert 0.1 < means[39] < 0.2
    assert means[59] < 0.01


def test_a_loss_that_is_no_number_leaves_the_mean_alone():
    assert running_mean([0.5, math.nan, 0.5], 10) == pytest.approx([0.5, 0.5, 0.5])


def test_one_far_outlier_does_not_flatten_the_curve():
    steps = [Step(s, 1, 50.0 if s == 70 else 0.1 + s % 7 / 100, RATES, s) for s in range(1, 201)]
    low, high = curve([_started(steps=200), *steps]).loss_range
    assert low < 0.1
    assert high < 10


def test_the_figure_shows_every_step_the_mean_the_epochs_and_each_learning_rate(run_events):
    above, below = loss_figure(run_events, "demo_v1a").axes
    marks = {line.get_label(): len(line.get_xdata()) for line in above.get_lines()}
    assert (marks["each step"], marks["running mean"], marks["mean of an epoch"]) == (40, 40, 2)
    assert [line.get_label() for line in below.get_lines()] == ["U-Net", "text encoder"]
    assert above.get_title("left") == "demo_v1a"


def test_the_axes_are_labelled(run_events):
    above, below = loss_figure(run_events).axes
    assert (above.get_ylabel(), below.get_ylabel(), below.get_xlabel()) == ("loss", "learning rate", "step")


@pytest.mark.parametrize("known", [0, 1, 2, 21])
def test_a_run_can_be_drawn_at_any_time(run_events, known):
    assert to_png(loss_figure(run_events[:known])).startswith(b"\x89PNG")


def test_samples_are_a_row_for_each_prompt_and_a_column_for_each_epoch(tmp_path):
    events = []
    for epoch in (1, 2, 3):
        for number, prompt in enumerate(("castle", "windmill")):
            Image.new("RGB", (32, 48), "red").save(tmp_path / f"{epoch}{number}.png")
            events.append(Sampled(epoch, epoch * 10, f"{epoch}{number}.png", prompt))
    figure = samples_figure(tmp_path, events)
    places = [axes.get_position() for axes in figure.axes]
    assert len(places) == 6
    assert len({round(place.x0, 3) for place in places}) == 3
    assert len({round(place.y0, 3) for place in places}) == 2
    assert [axes.get_title() for axes in figure.axes[:3]] == ["epoch 1", "epoch 2", "epoch 3"]
    assert to_png(figure).startswith(b"\x89PNG")


def test_without_pictures_there_is_no_figure_of_them(tmp_path):
    assert samples_figure(tmp_path, [Sampled(1, 10, "gone.png", "castle")]) is None


def test_of_many_epochs_the_first_and_the_last_are_shown():
    assert spread(range(1, 101), 8)[0] == 1
    assert spread(range(1, 101), 8)[-1] == 100
    assert len(set(spread(range(1, 101), 8))) == 8
    assert spread([1, 2, 3], 8) == [1, 2, 3]


def test_pyplot_is_not_needed():
    draw = "from loranb.figures import loss_figure, to_png; to_png(loss_figure([]))"
    code = f"import sys; {draw}; print('matplotlib.pyplot' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


def test_groups_of_weights_are_named_unless_there_are_too_many():
    rates = {"unet": 1e-4, "unet_block_04_up": 5e-4, "text_encoder_2": 5e-5}
    few = loss_figure([_started(), Step(1, 1, 0.1, rates, 1.0)]).axes[-1]
    assert [text.get_text() for text in few.get_legend().get_texts()] == [
        "U-Net",
        "U-Net block 04 up",
        "text encoder 2",
    ]
    blocks = {f"unet_block_{number:02d}": 1e-4 for number in range(25)}
    many = loss_figure([_started(), Step(1, 1, 0.1, blocks, 1.0)]).axes[-1]
    assert len(many.get_lines()) == 25
    assert many.get_legend() is None
