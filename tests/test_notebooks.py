import ast
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

import loranb

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
STEPS = ["1_assemble_images", "2_caption_images", "3_configure_training", "4_train_lora", "5_test_lora"]
NAMES = [*STEPS, "quickstart"]
COLAB = "https://colab.research.google.com/github/loranb/loranb/blob/main/notebooks/"
MOST_LINES = 5  # of a cell, after the set-up


def _read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def _code(name):
    return [cell.source for cell in _read(name).cells if cell.cell_type == "code"]


def _text(name):
    return "\n".join(cell.source for cell in _read(name).cells if cell.cell_type == "markdown")


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_these_are_the_notebooks():
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


def test_it_is_a_valid_notebook_for_a_gpu_on_colab(name):
    notebook = _read(name)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.accelerator == "GPU"
    assert notebook.metadata.colab == {"gpuType": "T4", "provenance": []}


def test_outputs_are_stripped(name):
    notebook = _read(name)
    assert "widgets" not in notebook.metadata
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_it_begins_with_a_title_its_own_badge_and_what_comes_out(name):
    first = _read(name).cells[0].source
    assert first.startswith("# ")
    assert f"(https://colab.research.google.com/assets/colab-badge.svg)]({COLAB}{name}.ipynb)" in first
    assert "**What comes out:**" in first


def test_there_is_one_set_up_cell_and_it_is_the_same_in_all(name):
    assert _code(name)[0] == _code("quickstart")[0]
    assert "pip" not in "\n".join(_code(name)[1:])


def test_then_comes_the_project_the_same_in_all(name):
    assert _code(name)[1] == _code("quickstart")[1]
    assert 'project = loranb.open("demo")' in _code(name)[1]


def test_cells_are_a_few_lines_that_python_understands(name):
    for source in _code(name):
        ast.parse(source)
    for source in _code(name)[1:]:
        assert len([line for line in source.splitlines() if line.strip()]) <= MOST_LINES


def test_only_public_names_are_used(name):
    used = set(re.findall(r"\bloranb\.(\w+)\(", "\n".join(_code(name)) + _text(name)))
    assert used
    assert used <= set(loranb.__all__)


def test_nothing_waits_for_the_user(name):
    assert not re.search(r"^(?!\s*#).*(\binput\(|getpass|drive\.mount)", "\n".join(_code(name)), re.MULTILINE)


def test_links_between_notebooks_lead_somewhere(name):
    targets = re.findall(r"\]\((\w+)\.ipynb\)", _text(name))
    assert targets
    assert set(targets) <= set(NAMES)
    assert set(re.findall(rf"{re.escape(COLAB)}(\w+)\.ipynb", _text(name))) == {*targets, name}


def test_each_step_leads_to_the_next():
    for step, following in zip(STEPS, STEPS[1:], strict=False):
        assert f"**Next:** [{following[0]} · " in _read(step).cells[-1].source


SITE = Path(sysconfig.get_paths()["purelib"])
# Stands in for pip: writes down what it was asked for, and leaves a package to import.
PIP = f"""#!{sys.executable}
import sys
from pathlib import Path
out = Path(__file__).parent
out.joinpath("asked").write_text("\\n".join(sys.argv[1:]))
out.joinpath("constraints").write_text(Path(sys.argv[sys.argv.index("--constraint") + 1]).read_text())
out.joinpath("loranb").mkdir()
out.joinpath("loranb", "__init__.py").write_text("def check(): return 'installed'")
"""


@pytest.fixture
def set_up(tmp_path):
    """Run the set-up cell in a Python that finds the installed packages, loranb not among them."""
    if (SITE / "loranb").exists():
        pytest.skip("loranb is installed as plain files here, so a Python without it cannot be made")
    fake = tmp_path / "site" / "python"
    fake.parent.mkdir()
    fake.write_text(PIP)
    fake.chmod(0o755)

    def run(folder, path=()):
        folder.mkdir(parents=True, exist_ok=True)
        code = f"import sys; sys.executable = {str(fake)!r}; sys.path.insert(0, '')\n{_code('quickstart')[0]}"
        search = os.pathsep.join(map(str, [fake.parent, *path, SITE]))
        told = subprocess.run(
            [sys.executable, "-S", "-c", code],
            cwd=folder,
            env={"PYTHONPATH": search, "LORANB_HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0, told.stderr
        asked = fake.parent / "asked"
        return told.stdout, asked.read_text().split("\n") if asked.exists() else []

    return run


def test_set_up_installs_from_the_web_under_constraints_that_keep_torch(set_up, tmp_path):
    said, asked = set_up(tmp_path / "empty")
    assert asked[-1] == "git+https://github.com/loranb/loranb"
    constraints = (tmp_path / "site" / "constraints").read_text()
    assert re.search(r"^torch==\d", constraints, re.MULTILINE)
    assert re.search(r"^ipywidgets==\d", constraints, re.MULTILINE)
    assert said.strip() == "installed"


def test_set_up_installs_from_the_checkout_that_the_notebook_lies_in(set_up, tmp_path):
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / "pyproject.toml").touch()
    _, asked = set_up(tmp_path / "checkout" / "notebooks")
    assert asked[-1] == str(tmp_path / "checkout")


def test_set_up_is_not_fooled_by_a_folder_of_projects(set_up, tmp_path):
    (tmp_path / "work" / "loranb" / "my_cat").mkdir(parents=True)
    _, asked = set_up(tmp_path / "work")
    assert asked


def test_set_up_installs_nothing_where_loranb_is_there(set_up, tmp_path):
    (tmp_path / "there" / "loranb").mkdir(parents=True)
    (tmp_path / "there" / "loranb" / "__init__.py").write_text("def check(): return 'there'")
    said, asked = set_up(tmp_path / "empty", path=[tmp_path / "there"])
    assert (said.strip(), asked) == ("there", [])


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A home for projects and a place to run notebooks in, that they share."""
    before = dict(os.environ)
    home = tmp_path_factory.mktemp("machine")
    search = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    os.environ |= {"LORANB_HOME": str(home / "projects"), "PYTHONPATH": search}
    yield home
    os.environ.clear()
    os.environ |= before


@pytest.mark.slow
@pytest.mark.parametrize("step", NAMES)
def test_it_runs_from_top_to_bottom_on_the_demo(step, machine):
    ran = _execute(step, machine)
    outputs = [output for cell in ran.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    project = machine / "projects" / "demo"
    if step in ("4_train_lora", "quickstart"):
        assert list(project.glob("runs/*/lora/*.safetensors"))
        assert any("image/png" in output.get("data", {}) for output in outputs)
    if step in ("5_test_lora", "quickstart"):
        assert list(project.glob("grids/*.png"))
        assert any("image/jpeg" in output.get("data", {}) for output in outputs)


@pytest.mark.slow
def test_the_last_step_alone_trains_the_demo_first(machine, monkeypatch):
    monkeypatch.setenv("LORANB_HOME", str(machine / "fresh"))
    _execute("5_test_lora", machine)
    assert len(list((machine / "fresh" / "demo" / "runs").iterdir())) == 1


def _execute(step, folder):
    from nbclient import NotebookClient

    notebook = _read(step)
    NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook
