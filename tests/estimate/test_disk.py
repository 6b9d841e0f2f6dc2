"""What a run writes to the disk, against a run that was really made."""

import pytest

from loranb.estimate import estimate
from loranb.estimate.disk import lora_files
from loranb.events import Ended
from loranb.plan import Plan, plan
from loranb.settings import Settings
from loranb.training.recipe import train
from loranb.training.run import Run


def horizon(steps_per_epoch, epochs, steps=None):
    total = steps or steps_per_epoch * epochs
    return Plan((), (), 1, 1, steps_per_epoch, steps_per_epoch, -(-total // steps_per_epoch), total)


@pytest.mark.parametrize(
    ("changes", "made", "files"),
    [
        ({}, horizon(10, 10), 10),  # nine on the way, and the finished one
        ({"every_epochs": 5}, horizon(10, 100), 20),
        ({"every_epochs": 3}, horizon(10, 10), 4),
        ({"every_epochs": 100}, horizon(10, 10), 1),
        ({"every_epochs": 100, "every_steps": 30}, horizon(10, 10), 4),
        ({"every_epochs": 1, "every_steps": 5}, horizon(10, 2), 4),  # 5, 10, 15 and 20
        ({"keep_last": 3}, horizon(10, 10), 4),
        ({"keep_last": 30}, horizon(10, 10), 10),
        ({}, horizon(10, 0, steps=25), 3),
    ],
)
def test_files_are_counted_as_they_are_saved(changes, made, files):
    saving = Settings().saving.model_copy(update=changes)
    assert lora_files(saving, made) == files


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"length.epochs": 5, "saving.every_epochs": 2, "lora.type": "dora"}], ids=str)
def test_a_run_takes_as_much_as_the_plan_said(small_project, changes):
    settings = small_project.settings().assign_all({"lora.rank": 64, **changes})
    run = Run.create(small_project, settings)
    assert isinstance(list(train(run))[-1], Ended)
    known = estimate(run.settings(), plan(run.settings(), run.images()))
    files = run.loras()
    assert len(files) == known.disk.files
    headers = [8 + int.from_bytes(file.read_bytes()[:8], "little") for file in files]
    assert sum(f.stat().st_size for f in files) - sum(headers) == known.disk.file * known.disk.files
    assert run.state_file.stat().st_size == pytest.approx(known.disk.state, rel=0.15)
    latents = sum(file.stat().st_size for file in (small_project.cache / "latents").iterdir())
    assert latents == pytest.approx(known.disk.latents, rel=0.5)  # tiny pictures: the headers count as much
