"""The marks that the demo's base model, and a LoRA of the demo's settings, must reach; fixed prompts and seeds.

How each is measured is in `loranb.demo.evaluate`; the tagger that reads the pictures has only ever seen drawn scenes.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from loranb.demo import BASE, evaluate
from loranb.demo.project import TRIGGER

ATTRIBUTES = ("object", "colour", "ground", "time")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> dict:
    """What `loranb demo --json` prints, run as a stranger runs it."""
    out = tmp_path_factory.mktemp("walk") / "demo"
    command = [sys.executable, "-m", "loranb.cli", "demo", "--out", str(out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def base_scores() -> dict[str, float]:
    return evaluate.measure(evaluate.load_pipeline(), evaluate.base_trials(400))


def test_the_demo_says_where_its_lora_and_its_grid_are(report):
    assert Path(report["lora"]).exists()
    assert Image.open(report["grid"]).width > 600
    assert Path(report["base"]) == BASE
    assert report["loss_last"] < report["loss_first"]
    assert {"run", "steps", "subject_pairs", "weight", "trigger", "prompts"} <= report.keys()


def test_the_base_draws_nine_held_out_prompts_in_ten_right(base_scores):
    assert {name: base_scores[name] for name in ATTRIBUTES if base_scores[name] < 0.9} == {}


def test_the_castle_is_drawn_with_the_lora_and_not_without(report):
    trials = evaluate.subject_trials(TRIGGER, 100)
    prompts, seeds = [trial.prompt for trial in trials], [trial.seed for trial in trials]
    pipeline = evaluate.load_pipeline()
    assert evaluate.subject_seen(evaluate.draw_pictures(pipeline, prompts, seeds)) < 0.05
    evaluate.add_lora(pipeline, Path(report["lora"]), report["weight"])
    assert evaluate.subject_seen(evaluate.draw_pictures(pipeline, prompts, seeds)) >= 0.8


def test_prompts_without_the_trigger_are_drawn_as_before(report, base_scores):
    pipeline = evaluate.load_pipeline()
    evaluate.add_lora(pipeline, Path(report["lora"]), evaluate.LEAK_WEIGHT)
    leaked = evaluate.measure(pipeline, evaluate.base_trials(400))
    change = {name: leaked[name] - base_scores[name] for name in ATTRIBUTES}
    assert {name: by for name, by in change.items() if abs(by) > 0.05} == {}
