"""Minutes from the speed of this machine's earlier runs, and none before there is one."""

import pytest

from loranb.estimate import estimate, named, speeds_here
from loranb.estimate import speed as measuring
from loranb.estimate.speed import seconds_per_step
from loranb.events import Started, Step
from loranb.plan import plan
from loranb.training.run import Run


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(measuring, "device_name", lambda: "cpu")


def started(at=1000.0, gpu=""):
    return Started(100, 2, 5, "tiny", "cuda" if gpu else "cpu", "fp32", 1000, gpu=gpu, at=at)


def steps(count, seconds, first=1):
    return [Step(first + i, 1, 0.1, {"unet": 1e-4}, i * seconds) for i in range(count)]


def run_of(project, seconds, gpu="", at=1000.0, count=40):
    run = Run.create(project, project.settings())
    for event in (started(at, gpu), *steps(count, seconds)):
        run.record(event)
    return run


def test_the_mean_step_is_that_of_the_last_sitting_without_its_first_steps():
    slow_start = [Step(i + 1, 1, 0.1, {}, (0, 30, 60, 90)[i]) for i in range(4)]
    then = [Step(5 + i, 1, 0.1, {}, 92 + 2 * i) for i in range(20)]
    assert seconds_per_step([started(), *steps(50, 9.0), started(), *slow_start, *then])[0] == pytest.approx(2.0)
    assert seconds_per_step([started(), *steps(4, 1.0)]) == (0.0, 0)


def test_a_run_like_an_earlier_one_takes_as_long_as_that_did(small_project):
    assert speeds_here(small_project) == ()
    run = run_of(small_project, 0.5)
    settings = run.settings()
    horizon = plan(settings, run.images())
    known = estimate(settings, horizon, speeds=speeds_here(small_project))
    assert known.seconds == pytest.approx(0.5 * horizon.steps, rel=0.01)


def test_twice_the_pictures_in_a_batch_take_twice_as_long(small_project):
    run = run_of(small_project, 0.5)
    speeds = speeds_here(small_project)
    settings = run.settings().assign_all({"length.epochs": 4})
    one, two = (
        estimate(changed, plan(changed, run.images()), speeds=speeds)
        for changed in (settings, settings.assign("length.epochs", 8))
    )
    assert two.seconds == pytest.approx(2 * one.seconds)


def test_what_one_project_measured_is_known_to_another(small_project, tmp_path):
    run_of(small_project, 0.5)
    measured = speeds_here(small_project)
    assert speeds_here(None) == measured


def test_a_run_of_another_machine_says_nothing_of_this_one(small_project):
    run_of(small_project, 0.5, gpu="A100-SXM4-40GB")
    assert speeds_here(small_project) == ()


def test_a_file_of_speeds_that_is_no_such_file_is_no_matter(small_project, tmp_path):
    (tmp_path / "cache/loranb").mkdir(parents=True)
    (tmp_path / "cache/loranb/speed.json").write_text('[{"device": 3}]')
    assert speeds_here(small_project) == ()
    run_of(small_project, 0.5)
    assert speeds_here(small_project)


def test_a_tiny_run_says_nothing_of_a_model_of_full_size(small_project):
    run = run_of(small_project, 0.5)
    settings = run.settings().assign("model.base", "stable-diffusion-v1-5/stable-diffusion-v1-5")
    known = estimate(settings, plan(settings, run.images()), speeds=speeds_here(small_project))
    assert known.memory is not None
    assert known.seconds is None


def test_this_machines_speed_says_nothing_of_another_gpu(small_project):
    run = run_of(small_project, 0.5)
    settings, speeds = run.settings(), speeds_here(small_project)
    assert estimate(settings, plan(settings, run.images()), named("T4"), speeds).seconds is None
