"""How quickly the plan follows the form of settings in a notebook. See README.md beside this file."""

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from check import machine
from PIL import Image

from loranb.project import Project
from loranb.settings import Settings

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from conftest import Lab  # noqa: E402  needs the path above

SIDES = (512, 640, 768, 900, 1024)
# SDXL on a GPU that it does not fit, so that the cheapest change is looked for at every key: the most that a plan does.
HEAVY = {"length.batch_size": 16, "memory.gradient_checkpointing": "none", "dataset.no_upscale": False}
GPU = "T4, 15 GiB"
# Where a number is typed, and the numbers: every one changes the plan.
CHANGES = (
    ("lora.rank", "LoRA", ("48", "40", "56", "72")),
    ("length.epochs", "Length", ("3", "7", "12", "25")),
    ("length.batch_size", "Length", ("12", "14", "20", "10")),
    ("dataset.resolution", "Pictures", ("960", "832", "1152", "896")),
)
CELL = """
from pathlib import Path
from loranb.panels.settings import panel
from loranb.project import Project
panel(Project.open(Path({root!r})))
"""
# Puts a number into a field as a key would, and waits until the plan is another; in milliseconds.
TYPED = """([path, value]) => new Promise((done, failed) => {
    const input = document.querySelector(`.loranb input[title="${path}"]`);
    const plan = document.querySelector('.lb-aside');
    const before = plan.innerText;
    let began;
    const watch = new MutationObserver(() => {
        if (plan.innerText === before) return;
        watch.disconnect();
        done(performance.now() - began);
    });
    watch.observe(plan, { subtree: true, childList: true, characterData: true });
    setTimeout(() => failed(new Error(`no other plan for ${path} = ${value}`)), 20000);
    input.focus();
    input.value = value;
    began = performance.now();
    input.dispatchEvent(new Event('input', { bubbles: true }));
})"""


def main() -> None:
    """Measure, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="pictures")
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder) / "settings", count)
        (Path(folder) / "settings.ipynb").write_text(_notebook(CELL.format(root=str(project.root))))
        environment = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "LORANB_HOME": folder}
        found = {"machine": machine(), "pictures": count}
        with Lab(Path(folder), environment) as lab:
            print(json.dumps(found | _measured(lab), indent=2))
        shutil.rmtree(project.root)


def _measured(lab: Lab) -> dict[str, Any]:
    lab.open("settings.ipynb")
    lab.command("notebook:run-all-cells")
    lab.wait(90, ".loranb svg")
    lab.page.wait_for_timeout(1000)
    found: dict[str, Any] = {}
    for path, group, values in CHANGES:
        lab.page.locator(".lb-chooser button", has_text=group).first.click()
        lab.page.wait_for_selector(f'.loranb input[title="{path}"]')
        times = []
        for value in values:
            lab.page.wait_for_timeout(400)  # the file is written after the plan is shown
            times.append(lab.page.evaluate(TYPED, [path, value]))
        found[path] = {"ms, median": round(statistics.median(times), 1), "ms, most": round(max(times), 1)}
    return {"from a key to the plan": found}


def _project(root: Path, count: int) -> Project:
    """Make pictures of 25 shapes, which go into many buckets; what is in them does not matter."""
    project = Project.create(root, Settings.preset("sdxl_person").assign_all(HEAVY))
    (project.cache / "settings_form.json").write_text(json.dumps({"gpu": GPU}))
    folder, chance = project.img / "10_castle", random.Random(0)
    folder.mkdir()
    for number in range(count):
        size = (chance.choice(SIDES), chance.choice(SIDES))
        Image.new("RGB", size, (number % 256, 40, 40)).save(folder / f"{number:04}.jpg")
        (folder / f"{number:04}.txt").write_text(f"mokuba, castle, view {number}")
    return project


def _notebook(cell: str) -> str:
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    code = {"cell_type": "code", "id": "one", "metadata": {}, "execution_count": None, "outputs": [], "source": cell}
    return json.dumps({"cells": [code], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


if __name__ == "__main__":
    main()
