"""The pictures that the demo draws."""

import itertools

import pytest

from loranb.demo.scenes import (
    COLOURS,
    GROUNDS,
    OBJECTS,
    SUBJECTS,
    TIMES,
    Scene,
    doodle,
    draw,
    every_scene,
    held_out,
    training_scenes,
)

SCENE = Scene("house", "red", "grass", "day")


def test_the_same_seed_gives_the_same_picture() -> None:
    assert draw(SCENE, 7) == draw(SCENE, 7)
    assert doodle(7) == doodle(7)


def test_another_seed_gives_another_picture() -> None:
    assert draw(SCENE, 7) != draw(SCENE, 8)
    assert doodle(7) != doodle(8)


@pytest.mark.parametrize(
    "other",
    [
        SCENE._replace(**{k: v})
        for k, v in (("object", "castle"), ("colour", "blue"), ("ground", "snow"), ("time", "night"))
    ],
)
def test_each_word_changes_the_picture(other: Scene) -> None:
    assert draw(SCENE, 7) != draw(other, 7)


@pytest.mark.parametrize("size", [(128, 128), (96, 160), (192, 128)])
def test_every_object_can_be_drawn_in_every_size(size: tuple[int, int]) -> None:
    for thing, time in itertools.product(OBJECTS + SUBJECTS, TIMES):
        assert draw(Scene(thing, "red", "water", time), 1, size).size == size


def test_a_caption_names_all_four_words() -> None:
    assert SCENE.caption == "red house, grass, day"


def test_the_base_model_never_sees_a_held_out_scene() -> None:
    trained = training_scenes()
    assert not set(trained) & set(held_out())
    assert len(trained) + len(held_out()) == len(every_scene())


def test_the_base_model_never_sees_a_subject() -> None:
    assert not set(OBJECTS) & set(SUBJECTS)
    assert {scene.object for scene in every_scene()} == set(OBJECTS)


def test_every_word_occurs_in_the_held_out_scenes_and_in_the_others() -> None:
    hidden = held_out()
    shown = [scene for scene in every_scene() if scene not in set(hidden)]
    for scenes in (hidden, shown):
        words = [set(column) for column in zip(*scenes, strict=True)]
        assert words == [set(OBJECTS), set(COLOURS), set(GROUNDS), set(TIMES)]


def test_one_scene_in_eight_is_held_out() -> None:
    assert 8 * len(held_out()) == len(every_scene())
