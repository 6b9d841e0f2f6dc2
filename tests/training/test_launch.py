"""Training as its own process: a real one, on the tiny base model."""

import time

import pytest

from loranb.errors import TrainingError
from loranb.events import Ended, Step
from loranb.training import launch
from loranb.training.run import Run


@pytest.fixture
def long_run(small_project):
    return Run.create(small_project, small_project.settings().assign("length.epochs", 500))


def wait_for(run, kind):
    for event in launch.follow(run):
        if isinstance(event, kind):
            return event
    raise AssertionError(f"no {kind.__name__} in {run.log_file.read_text()}")


def test_a_process_trains_and_tells(small_project):
    run = Run.create(small_project, small_project.settings())
    launch.start(run)
    events = [event for event in launch.follow(run) if event]
    assert isinstance(events[-1], Ended)
    assert events[-1].why == "finished", run.log_file.read_text()
    assert run.lora_file().exists()
    assert not launch.is_running(run)


def test_a_run_that_is_asked_to_stop_saves_and_can_go_on(long_run):
    launch.start(long_run)
    wait_for(long_run, Step)
    with pytest.raises(TrainingError, match="already"):
        launch.start(long_run)
    launch.stop(long_run)
    ended = wait_for(long_run, Ended)
    assert ended.why == "stopped"
    assert long_run.lora_file(step=ended.step).exists()


def test_a_process_that_is_killed_is_told_as_failed(long_run):
    import psutil

    pid = launch.start(long_run)
    wait_for(long_run, Step)
    psutil.Process(pid).kill()
    last = [event for event in launch.follow(long_run) if event][-1]
    assert (last.why, last.step >= 1) == ("failed", True)
    assert "without a word" in last.message


def test_a_failure_is_told_in_a_sentence(small_project, tiny_base, tmp_path):
    import shutil

    shutil.copytree(tiny_base, tmp_path / "broken")
    (tmp_path / "broken/unet/diffusion_pytorch_model.safetensors").write_bytes(b"no model")
    run = Run.create(small_project, small_project.settings().assign("model.base", str(tmp_path / "broken")))
    launch.start(run)
    last = [event for event in launch.follow(run) if event][-1]
    assert last.why == "failed"
    assert "diffusion_pytorch_model.safetensors is no safetensors file" in last.message


def test_a_stop_that_is_asked_for_at_once_is_not_lost(long_run):
    launch.start(long_run)
    launch.stop(long_run)
    ended = [event for event in launch.follow(long_run) if event][-1]
    assert (ended.why, ended.step) == ("stopped", 1)


def test_a_run_that_was_never_started_stays_clean(small_project):
    run = Run.create(small_project, small_project.settings())
    assert [event.why for event in launch.follow(run) if event] == ["failed"]
    assert run.events() == []


def test_a_run_on_another_machine_is_only_watched(small_project):
    """The folder may lie on a drive that two machines share."""
    import json

    run = Run.create(small_project, small_project.settings())
    (run.folder / "process.json").write_text(json.dumps({"pid": 1, "began": 0.0, "host": "elsewhere"}))
    run.record(Step(1, 1, 0.5, {}, 1.0))
    assert launch.is_running(run)
    with pytest.raises(TrainingError, match="already"):
        launch.start(run)
    assert run.ended() is None


def test_watching_an_old_run_gives_its_events_and_returns(small_project):
    run = Run.create(small_project, small_project.settings())
    launch.start(run)
    first = [event for event in launch.follow(run) if event]
    began = time.monotonic()
    assert [event for event in launch.follow(run) if event] == first
    assert time.monotonic() - began < 5
