import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from PIL import Image

from loranb.errors import TrainingError
from loranb.events import Ended, Preparing, Saved, Started, Step, Warned
from loranb.panels import training
from loranb.panels._run_view import RunView, clock, current_part, log_tail, status, thumbnail, verdict
from loranb.training import launch
from loranb.training.run import Run

# A trainer of its own process that learns nothing: it writes events and minds the request to stop.
TRAINER = """
import sys, time
from pathlib import Path
from PIL import Image
from loranb.events import *
from loranb.training.run import Run

run, steps, pause, end = Run(Path(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
print("the trainer says hello", flush=True)
run.samples.mkdir(exist_ok=True)
run.record(Preparing("pictures", 5, 5))
run.record(Started(steps, 2, 5, "demo", "cpu", "float32", 100))
began = time.time()
for step in range(1, steps + 1):
    if run.stop_file.exists():
        end = "stopped"
        break
    run.record(Step(step, 1 + 2 * (step - 1) // steps, 0.1 + 1 / step, {"unet": 1e-4}, time.time() - began))
    time.sleep(pause)
    if step % (steps // 2) == 0:
        Image.new("RGB", (64, 64), "red").save(run.samples / f"{step}.png")
        run.record(EpochEnded(2 * step // steps, step, 0.2))
        run.record(Sampled(2 * step // steps, step, f"samples/{step}.png", "a <red> castle"))
if end == "silent":
    sys.exit("out of memory")
run.record(Saved(1, step, f"lora/{run.name}.safetensors"))
run.record(Ended(end, step, "The loss became nan at step 7." if end == "failed" else ""))
"""


@pytest.fixture
def run(small_project):
    return Run.create(small_project, small_project.settings())


@pytest.fixture
def start(run):
    """Start the trainer above as `launch.start` starts the real one."""
    started = []

    def start(steps=20, pause=0.02, end="finished"):
        with run.log_file.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", TRAINER, str(run.folder), str(steps), str(pause), end],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        identity = {"pid": process.pid, "began": psutil.Process(process.pid).create_time(), "host": platform.node()}
        (run.folder / "process.json").write_text(json.dumps(identity))
        started.append(process)

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def displayed(monkeypatch):
    """What the cell displays."""
    shown = []
    monkeypatch.setattr(training, "display", shown.append)
    return shown


def _text(view):
    return view._message.value + view._status.value


def _part(*events):
    return [Started(100, 4, 5, "demo", "cpu", "float32", 10, at=1000.0), *events]


def test_a_run_is_watched_to_its_end_and_given_back(run, start, displayed):
    start()
    assert training.watch(run) is run
    view = displayed[0]
    assert (view._bar.value, view._bar.max, view._bar.bar_style) == (20, 20, "success")
    assert "Finished: 20 steps" in _text(view)
    assert "the trainer says hello" in view._log_text.value


def test_figures_that_a_saved_notebook_keeps_take_the_place_of_the_live_plot(run, start, displayed):
    start()
    training.watch(run)
    view, loss, samples = displayed
    assert loss.data.startswith(b"\x89PNG")
    assert samples.data.startswith(b"\x89PNG")
    assert view._plot.layout.display == "none"


def test_the_plot_is_redrawn_at_most_once_a_second_and_only_for_something_new(run, start, displayed):
    start(steps=150, pause=0.02)
    plots = []
    display = displayed.append
    training.display = lambda shown: (display(shown), isinstance(shown, RunView) and _observe(shown, plots))
    began = time.monotonic()
    training.watch(run)
    assert 2 <= len(plots) <= time.monotonic() - began + 2


def _observe(view, plots):
    view._plot.observe(lambda change: plots.append(change["new"]), "value")


def test_samples_come_in_rows_by_epoch_the_newest_first(run, start, displayed):
    start()
    training.watch(run)
    rows = [row.value for row in displayed[0]._samples.children]
    assert ["epoch 2" in rows[0], "epoch 1" in rows[1], len(rows)] == [True, True, 2]
    assert "a &lt;red&gt; castle" in rows[0]
    assert "data:image/jpeg;base64," in rows[0]


@pytest.mark.parametrize("after", [0.5, 1.5])
def test_the_stop_button_saves_waits_for_the_end_and_says_how_to_go_on(run, start, displayed, after):
    start(steps=5000)
    # A shell that starts tests in the background has them ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()
    training.watch(run)
    assert not launch.is_running(run)
    assert f"{run.name}.safetensors is saved in" in _text(displayed[0])
    assert f"loranb.train(project, resume=&quot;{run.name}&quot;)" in _text(displayed[0])
    taken = [event.step for event in displayed[0].events if isinstance(event, Step)]
    assert taken == list(range(1, len(taken) + 1))


def test_a_failure_is_told_in_a_sentence_and_ends_the_cell_without_a_traceback(run, start, displayed):
    start(end="failed")
    with pytest.raises(TrainingError) as failed:
        training.watch(run)
    assert "The loss became nan at step 7." in _text(displayed[0])
    assert "Traceback" not in _text(displayed[0])
    assert displayed[0]._log.selected_index is None
    assert len(failed.value._render_traceback_()) == 1


def test_a_trainer_that_dies_without_a_word_is_noticed(run, start, displayed):
    start(end="silent")
    with pytest.raises(TrainingError):
        training.watch(run)
    assert "out of memory" in _text(displayed[0])


def test_a_run_that_is_being_trained_is_shown_and_no_second_is_started(small_project, run, start, displayed):
    start()
    assert training.panel(small_project).folder == run.folder
    assert len(small_project.runs()) == 1


def test_a_run_that_has_ended_can_be_looked_at_again(run, start, displayed):
    start()
    training.watch(run)
    training.watch(str(run.folder))
    views = [shown for shown in displayed if isinstance(shown, RunView)]
    assert _text(views[0]) == _text(views[1])


def test_a_finished_run_has_nothing_to_go_on_with(small_project, run):
    run.record(Ended("finished", 10))
    with pytest.raises(TrainingError, match="nothing to go on with"):
        training.panel(small_project, resume=run.name)


def test_the_line_tells_epoch_step_time_gone_time_left_and_pace():
    events = _part(*(Step(s, 1 + s // 25, 0.1, {}, 0.5 * s, at=1000.0 + s) for s in range(1, 51)))
    line = status(events, now=1065.0)
    for told in (
        "Epoch 3</b> of 4",
        "step 50</b> of 100",
        "loss 0.1000",
        "1:05 elapsed",
        "0:25 left",
        "0.50 s/it",
    ):
        assert told in line


def test_time_left_of_a_resumed_run_counts_its_own_steps():
    earlier = _part(Step(1, 1, 0.1, {}, 99.0, at=1001.0), Ended("stopped", 80, at=1500.0))
    now = [
        Started(100, 4, 5, "demo", "cpu", "float32", 10, first_step=80, at=9000.0),
        Step(81, 4, 0.1, {}, 2.0, at=9002.0),
    ]
    line = status([*earlier, *now], now=9003.0)
    assert "0:03 elapsed" in line
    assert "0:38 left" in line


def test_work_before_the_first_step_is_told():
    assert "pictures</b>, 3 of 9" in status([Preparing("pictures", 3, 9)], time.time())
    assert "The trainer is starting" in status([], time.time())


def test_the_verdict_names_the_lora_and_counts_those_of_earlier_epochs(run):
    saved = [Saved(1, 25, "lora/a-000001.safetensors"), Saved(4, 100, "lora/a.safetensors")]
    told = verdict(run, _part(*saved, Ended("finished", 100)))
    assert "a.safetensors, and 1 of earlier epochs" in told


def test_warnings_stay_in_sight(run):
    view = RunView(run)
    view.show(Warned("Two pictures are nearly the same."))
    view.finish()
    assert "Two pictures are nearly the same." in _text(view)


def test_an_earlier_parts_end_is_not_taken_for_this_ones(run):
    earlier = _part(Ended("stopped", 10))
    assert "Stopped" not in _text(RunView(run, earlier))
    assert current_part([*earlier, *_part()]) == _part()


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (45.4, "0:45"), (725, "12:05"), (3725, "1:02:05")])
def test_durations_read_as_on_a_clock(seconds, words):
    assert clock(seconds) == words


def test_the_logs_tail_is_short_and_of_an_overwritten_line_the_last_state(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {i}\n" for i in range(99)) + "10 %\r50 %\r100 %\n", newline="")
    assert log_tail(log, 2) == "line 98\n100 %"


def test_a_picture_that_cannot_be_read_does_not_end_the_watching(tmp_path):
    assert thumbnail(tmp_path / "gone.png") == "data:,"
    Image.new("RGB", (2000, 1000)).save(tmp_path / "large.png")
    assert len(thumbnail(tmp_path / "large.png")) < 20_000


@pytest.mark.slow
def test_a_real_run_is_trained_and_watched(small_project, displayed):
    run = training.panel(small_project)
    assert run.ended().why == "finished"
    assert run.loras()[-1].name == f"{run.name}.safetensors"


@pytest.mark.slow
def test_a_real_run_is_stopped_and_gone_on_with(small_project, tiny_settings, displayed):
    run = Run.create(small_project, tiny_settings.assign_all({"length.epochs": 400}))
    launch.start(run)
    while not any(isinstance(event, Step) for event in run.events()):
        time.sleep(0.1)
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    training.watch(run)
    assert run.ended().why == "stopped"
    reached = run.ended().step
    threading.Timer(15, os.kill, (os.getpid(), signal.SIGINT)).start()
    training.panel(small_project, resume=run.name)
    assert run.ended().step > reached
