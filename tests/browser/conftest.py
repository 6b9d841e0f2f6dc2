import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import CHROMIUM, Lab

from loranb.demo.project import make
from loranb.project import Project

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def home(tmp_path_factory, tiny_base) -> Path:
    """Where projects are kept: the demo project, set to train on a tiny base model in seconds."""
    home = tmp_path_factory.mktemp("home")
    project = make(home / "demo")
    changes = {
        "model.base": str(tiny_base),
        "dataset.resolution": 64,
        "lora.rank": 4,
        "length.epochs": 2,
        "samples.every_epochs": 1,
        "samples.prompts": ("mokuba, red castle --s 4 --d 1", "green windmill, snow --s 4 --d 2"),
    }
    project.settings().assign_all(changes).save(project.settings_file)
    return home


@pytest.fixture(scope="session")
def project(home) -> Project:
    return Project.open(home / "demo")


@pytest.fixture(scope="session")
def lab(home, tmp_path_factory) -> Iterator[Lab]:
    """JupyterLab in a browser, with copies of the notebooks."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}; install chromium, or name another in CHROMIUM")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed")
    folder = tmp_path_factory.mktemp("lab")
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(notebook, folder)
    environment = {
        "LORANB_HOME": str(home),
        "PYTHONPATH": str(ROOT) + ":/root/w/look/site",
        "HF_HUB_OFFLINE": "1",
    }
    with Lab(folder, environment) as lab:
        yield lab
