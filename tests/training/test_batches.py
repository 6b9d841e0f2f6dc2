from collections import Counter
from pathlib import Path
from random import Random

import pytest

from loranb.dataset.training_set import TrainingImage
from loranb.plan import plan
from loranb.settings import Settings
from loranb.training.batches import all_captions, epoch_batches, epoch_steps

IMAGES = [
    TrainingImage(Path(f"{i}.png"), 512, 512 if i % 2 else 768, 1 + i % 3, f"a, b, c{i}", "1_x") for i in range(7)
]


@pytest.fixture
def horizon():
    return plan(Settings().assign_all({"length.batch_size": 3, "length.gradient_accumulation": 2}), IMAGES)


def test_an_epoch_shows_every_picture_as_often_as_its_repeats(horizon):
    shown = Counter(place for batch in epoch_batches(horizon, 1, 1) for place in batch)
    assert shown == {i: image.repeats for i, image in enumerate(IMAGES)}


def test_a_batch_holds_pictures_of_one_size(horizon):
    for batch in epoch_batches(horizon, 1, 1):
        assert len({horizon.images[i].fit.bucket for i in batch}) == 1


def test_epochs_differ_and_repeat_with_the_seed(horizon):
    assert epoch_batches(horizon, 1, 1) == epoch_batches(horizon, 1, 1)
    assert epoch_batches(horizon, 1, 1) != epoch_batches(horizon, 1, 2)
    assert epoch_batches(horizon, 1, 1) != epoch_batches(horizon, 2, 1)


@pytest.mark.parametrize("first", range(8))
def test_going_on_at_a_step_shows_what_would_have_been_shown(horizon, first):
    def take(start):
        steps = epoch_steps(horizon, Settings(), start)
        return [next(steps) for _ in range(8 - start)]

    assert take(first) == take(0)[first:]


VARIED = {"captions.shuffle": True, "captions.keep": 0, "captions.tag_dropout": 0.2, "captions.warmup": 0.5}


@pytest.mark.parametrize("options", [{}, {"captions.dropout": 0.3}, {"captions.dropout_every_epochs": 2}, VARIED])
def test_all_captions_holds_every_one_that_is_shown(horizon, options):
    settings = Settings().assign_all(options)
    steps = epoch_steps(horizon, settings, 0)
    shown = {c for _ in range(horizon.steps) for batch in next(steps)[1] for c in batch.captions}
    assert shown <= all_captions(horizon, settings, most=1000)
    assert all_captions(horizon, settings, most=len(shown) - 1) is None


@pytest.mark.parametrize(
    "change",
    [
        *[{name: value} for name, value in VARIED.items()],
        *[{f"dataset.{name}": True} for name in ("flip", "colour", "random_crop")],
    ],
)
def test_an_option_changes_no_draw_of_another(horizon, change):
    def take(settings):
        steps = epoch_steps(horizon, settings, 0)
        return [(batch.images, batch.seed) for _ in range(9) for batch in next(steps)[1]]

    assert take(Settings()) == take(Settings().assign_all(change))


def test_half_of_the_pictures_are_mirrored(horizon):
    steps = epoch_steps(horizon, Settings().assign("dataset.flip", True), 0)
    mirrored = [m for _ in range(900) for batch in next(steps)[1] for m in batch.mirrored]
    assert sum(mirrored) == pytest.approx(len(mirrored) / 2, abs=2 * len(mirrored) ** 0.5)  # four deviations


def test_the_draws_of_the_defaults_stay_those_of_the_first_version(horizon):
    """Noise and timesteps of a run that was begun with 0.1.0: a number for each picture is drawn before the seed."""
    _, [first, *_], _ = next(epoch_steps(horizon, Settings(), 0))
    random = Random("42 epoch 1 batch 0")
    assert [random.random() for _ in first.images]
    assert first.seed == random.getrandbits(62)


def test_every_showing_is_cut_and_coloured_anew_and_again_so(horizon):
    def looks(settings):
        steps = epoch_steps(horizon, settings, 0)
        return [
            (horizon.shown[i].fit, look)
            for _ in range(60)
            for batch in next(steps)[1]
            for i, look in zip(batch.images, batch.looks, strict=True)
        ]

    settings = Settings().assign_all({"dataset.random_crop": True, "dataset.colour": True})
    found = looks(settings)
    assert found == looks(settings)
    assert len({look for _, look in found}) > len(found) / 5
    crop_alone = looks(Settings().assign("dataset.random_crop", True))
    assert [look.crop for _, look in crop_alone] == [look.crop for _, look in found]
    colour_alone = looks(Settings().assign("dataset.colour", True))
    assert all(look.crop == fit.crop for fit, look in colour_alone)
    assert [look.colour for _, look in colour_alone] == [look.colour for _, look in found]
