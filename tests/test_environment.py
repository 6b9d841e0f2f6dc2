"""The three lists of packages say the same."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
CONDA = {"pytorch": "torch", "matplotlib-base": "matplotlib"}  # conda's names for them


def plain(requirement: str) -> str:
    return re.sub(r"\s", "", requirement).lower()


def test_the_conda_environment_is_core_notebook_and_gpu_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {plain(r) for r in [*project["dependencies"], *extras["notebook"], *extras["gpu"]]}
    wanted.add("python" + plain(project["requires-python"]))
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = {plain(r) for entry in listed if isinstance(entry, dict) for r in entry["pip"] if r != "."}
    for entry in listed:
        if isinstance(entry, str) and entry != "pip":
            name = re.match(r"[\w-]+", entry).group()
            conda.add(plain(entry.replace(name, CONDA.get(name, name), 1)))
    assert conda == wanted


def test_the_tested_set_fits_the_bounds():
    from packaging.requirements import Requirement

    tested = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    tested = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in tested.items()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in [*project["dependencies"], *project["optional-dependencies"]["notebook"]]:
        requirement = Requirement(text)
        version = tested[re.sub(r"[-_.]+", "-", requirement.name).lower()]
        assert requirement.specifier.contains(version), text
