"""The whole path, as a stranger runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from loranb.demo import BASE


def test_the_base_model_is_small_and_in_half_precision():
    from safetensors import safe_open

    files = [file for file in BASE.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) <= 16_000_000
    for file in files:
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as tensors:
                assert all("float16" in str(tensors.get_tensor(name).dtype) for name in tensors.keys())  # noqa: SIM118
    assert (BASE / "model_index.json").exists()


@pytest.mark.slow
def test_the_demo_learns_the_castle_and_says_where_it_is(tmp_path):
    command = [sys.executable, "-m", "loranb.cli", "demo", "--out", str(tmp_path / "demo"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert Path(report["lora"]).exists()
    assert Image.open(report["grid"]).width > 600
    assert report["loss_last"] < report["loss_first"]
    assert report["subject_seen_with_lora"] > report["subject_seen_without_lora"] + 0.5
    assert Path(report["base"]) == BASE
    assert {"run", "steps", "subject_pairs", "weight", "trigger", "prompts"} <= report.keys()
