"""Regularisation pictures: as many as others in an epoch, as in kohya's trainer, but all of them in turn."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest

from loranb.dataset.training_set import TrainingImage, collect
from loranb.demo.scenes import Scene, draw
from loranb.errors import DatasetError
from loranb.events import Started, Step
from loranb.lora.file import load_lora
from loranb.plan import apportion, plan
from loranb.settings import Settings
from loranb.training.batches import epoch_batches
from loranb.training.loss import Shown
from loranb.training.recipe import train
from loranb.training.run import Run

WIDE = (768, 384)


def image(number, size=(512, 512), repeats=1, regularisation=False):
    return TrainingImage(
        Path(f"{regularisation}{number}.png"), *size, repeats, "c", "1_x", regularisation=regularisation
    )


OWN = [image(i, repeats=3) for i in range(5)] + [image(9, WIDE)]  # shown 16 times in an epoch
REG = [image(i, regularisation=True) for i in range(20)] + [image(i, WIDE, 2, True) for i in range(30, 40)]


@pytest.fixture
def horizon():
    return plan(Settings().assign_all({"length.batch_size": 4, "length.epochs": 5}), [*OWN, *REG])


def test_an_epoch_shows_as_many_as_of_the_others(horizon):
    assert horizon.items == horizon.regularisation_items == 16
    assert len(horizon.images) == len(OWN)
    batches = [batch for epoch in (1, 2, 3) for batch in epoch_batches(horizon, 1, epoch)]
    regularisation = [horizon.shown[place].image.regularisation for batch in batches for place in batch]
    assert sum(regularisation) * 2 == len(regularisation) == 3 * 32


def test_the_steps_are_those_of_the_batches(horizon):
    by_bucket = Counter(planned.fit.bucket for planned in horizon.regularisation)
    assert by_bucket == {(512, 512): 20, (640, 320): 10}
    # Of 40 showings of all of them, repeats counted, half are of squares; so of 16 in an epoch 8 are.
    assert horizon.batches_per_epoch == math.ceil((15 + 8) / 4) + math.ceil((1 + 8) / 4)
    for epoch in (1, 2, 3):
        assert len(epoch_batches(horizon, 1, epoch)) == horizon.batches_per_epoch
    assert horizon.steps == 5 * horizon.batches_per_epoch


def test_over_the_epochs_each_is_shown_equally_often_but_for_one_time(horizon):
    shown = Counter(
        place
        for epoch in range(1, 8)
        for batch in epoch_batches(horizon, 1, epoch)
        for place in batch
        if horizon.shown[place].image.regularisation
    )
    squares = [shown[len(OWN) + i] for i in range(20)]
    assert sum(squares) == 7 * 8
    assert max(squares) - min(squares) <= 1
    wide = [shown[len(OWN) + 20 + i] for i in range(10)]  # each stands twice in its turn
    assert max(wide) - min(wide) <= 2


def test_fewer_of_them_than_of_the_others_are_repeated_evenly():
    few = [image(i, regularisation=True) for i in range(3)]
    horizon = plan(Settings(), [*OWN, *few])
    shown = Counter(place for batch in epoch_batches(horizon, 1, 1) for place in batch)
    assert sorted(shown[len(OWN) + i] for i in range(3)) == [5, 5, 6]


def test_a_bucket_of_theirs_alone_has_batches_too():
    horizon = plan(Settings(), [*OWN[:5], image(0, WIDE, regularisation=True)])
    assert [(bucket.images, bucket.items) for bucket in horizon.buckets] == [(5, 15), (0, 15)]


def test_left_aside_the_plan_is_as_if_there_were_none():
    settings = Settings().assign("dataset.regularisation", False)
    assert plan(settings, [*OWN, *REG]) == plan(Settings(), OWN)


def test_with_nothing_else_there_is_nothing_to_train_on():
    with pytest.raises(DatasetError, match="no pictures to train on"):
        plan(Settings(), REG)


def test_the_sentence_counts_them():
    assert "16 pictures an epoch and as many of 30 regularisation pictures" in plan(Settings(), [*OWN, *REG]).sentence()


@pytest.mark.parametrize(
    ("seats", "votes", "given"),
    [
        (10, [470, 160, 159, 120, 60, 31], [5, 2, 1, 1, 1, 0]),
        (5, [0, 0], [0, 0]),
        (7, [1, 1], [4, 3]),
        (0, [3, 4], [0, 0]),
    ],
)
def test_shares_go_by_the_largest_remainders(seats, votes, given):
    """The first is the usual example of the method: 47,000, 16,000, 15,900 ... votes for 10 seats."""
    assert apportion(seats, votes) == given


def test_they_count_by_the_prior_loss_weight():
    horizon = plan(Settings(), [OWN[0], REG[0]])
    assert Shown(horizon.shown, [], 0.3).weights([1, 0, 1]).tolist() == pytest.approx([0.3, 1, 0.3])


@pytest.fixture
def with_reg(small_project):
    folder = small_project.reg / "1_tower"
    folder.mkdir(parents=True)
    for i in range(4):
        draw(Scene("house", "blue", "sand", "day"), i, (96, 64) if i % 2 else (80, 80)).save(folder / f"{i}.png")
    return small_project


def test_the_reg_folder_is_looked_through_too(with_reg):
    (with_reg.reg / "1_tower/bad.png").touch()
    (with_reg.reg / "loose.png").touch()
    found = collect(with_reg.img)
    assert [image.path.name for image in found.regularisation] == ["0.png", "1.png", "2.png", "3.png"]
    assert {image.caption for image in found.regularisation} == {"tower"}
    assert not any(image.regularisation for image in found.images)
    assert found.uncaptioned == 0
    assert [picture.path.name for picture in found.unusable] == ["bad.png"]
    assert any("lie in reg itself" in said for said in found.remarks)


def test_a_run_trains_on_them_and_goes_on_exactly(with_reg):
    def losses(events):
        return [event.loss for event in events if isinstance(event, Step)]

    whole = list(train(Run.create(with_reg, with_reg.settings())))
    run = Run.create(with_reg, with_reg.settings())
    first = []
    for event in train(run):
        first.append(event)
        if isinstance(event, Step) and event.step == 5:
            run.stop_file.touch()
    assert losses(first) + losses(train(run)) == losses(whole)
    assert next(event.images for event in whole if isinstance(event, Started)) == 5
    told = load_lora(run.lora_file())[1]
    assert (told["ss_num_train_images"], told["ss_num_reg_images"]) == ("8", "8")
    assert json.loads(told["ss_reg_dataset_dirs"]) == {"1_tower": {"n_repeats": 1, "img_count": 4}}
    assert "1_tower" not in json.loads(told["ss_dataset_dirs"])


def test_without_weight_nothing_is_learnt_from_them(with_reg):
    """A step whose batch holds none but regularisation pictures costs nothing then."""
    settings = with_reg.settings().assign_all({"dataset.prior_loss_weight": 0, "length.batch_size": 1})
    run = Run.create(with_reg, settings)
    steps = [event.loss for event in train(run) if isinstance(event, Step)]
    assert steps.count(0) == len(steps) / 2
