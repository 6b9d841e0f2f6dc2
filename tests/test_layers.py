"""Imports point one way: notebooks -> panels -> core -> settings -> errors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "loranb"
SETTINGS = [path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.glob("settings/**/*.py"))]
WIDGETS, TORCH = ("ipywidgets", "IPython", "anywidget"), ("torch", "diffusers", "transformers", "peft")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("loranb", [*TORCH, *WIDGETS, "numpy", "PIL"]),
        ("loranb.settings", [*TORCH, *WIDGETS]),
        ("loranb.plan", [*TORCH, *WIDGETS]),
        ("loranb.cli", [*TORCH, *WIDGETS]),
        ("loranb.training.recipe", [*WIDGETS, "matplotlib"]),
        ("loranb.training.problems", [*TORCH, *WIDGETS]),
        ("loranb.training.launch", [*TORCH, *WIDGETS, "matplotlib"]),
        ("loranb.dataset.health", [*TORCH, *WIDGETS]),
        ("loranb.clip", [*TORCH, *WIDGETS]),
        ("loranb.dataset.caption_advice", [*TORCH, *WIDGETS]),
        ("loranb.trigger", [*TORCH, *WIDGETS]),
        ("loranb.dataset.masks", [*TORCH, *WIDGETS]),
        ("loranb.dataset.intake", [*TORCH, *WIDGETS, "pyarrow", "httpx"]),
        ("loranb.dataset.uploads", [*TORCH, *WIDGETS]),
        ("loranb.dataset.caption_store", [*TORCH, *WIDGETS, "tokenizers"]),
        ("loranb.dataset.materials", [*TORCH, *WIDGETS]),
        ("loranb.base_models.known", [*TORCH, *WIDGETS]),
        ("loranb.saved_settings", [*TORCH, *WIDGETS]),
        ("loranb.panels._upload", [*TORCH, "anywidget"]),
        ("loranb.panels.settings", list(TORCH)),
        ("loranb.panels.images", list(TORCH)),
        ("loranb.panels.captions", [*TORCH, "anywidget"]),
        ("loranb.panels.training", list(TORCH)),
        ("loranb.panels.testing", list(TORCH)),
        ("loranb.interop.terminal", [*TORCH, *WIDGETS]),
        ("loranb.captioning.terminal", [*TORCH, *WIDGETS, "onnxruntime"]),
        ("loranb.captioners", [*TORCH, *WIDGETS, "onnxruntime"]),
        ("loranb.families._recognise", [*TORCH, *WIDGETS]),
        ("loranb.families", [*TORCH, *WIDGETS]),
        ("loranb.estimate", [*TORCH, *WIDGETS, "matplotlib", "huggingface_hub"]),
        ("loranb.estimate.terminal", [*TORCH, *WIDGETS, "matplotlib"]),
        ("loranb.base_models", [*TORCH, *WIDGETS, "huggingface_hub"]),
    ],
)
def test_importing_a_module_does_not_load_what_its_layer_may_not_know(module, absent):
    code = f"import sys, {module}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")  # and nothing is said to whoever runs a notebook


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("loranb")}


def test_only_panels_and_the_public_names_know_panels():
    for path in PACKAGE.rglob("*.py"):
        if "panels" not in path.parts and path != PACKAGE / "__init__.py":
            assert not {name for name in imports_of(path) if name.startswith("loranb.panels")}, path


@pytest.mark.parametrize("folder", ["families", "captioners"])
def test_families_and_captioners_never_import_each_other(folder):
    members = {p.stem for p in (PACKAGE / folder).glob("*.py") if not p.stem.startswith("_")}
    for member in members:
        others = {f"loranb.{folder}.{other}" for other in members - {member}}
        assert not imports_of(PACKAGE / folder / f"{member}.py") & others


@pytest.mark.parametrize("path", ["errors.py", "events.py", "files.py", *SETTINGS])
def test_the_ground_floor_knows_nothing_above_it(path):
    ground = ("loranb.errors", "loranb.files", "loranb.settings")
    assert not {name for name in imports_of(PACKAGE / path) if not name.startswith(ground)}


def test_importing_loranb_takes_under_three_tenths_of_a_second():
    code = "import time; t = time.perf_counter(); import loranb; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(times) < 0.3
