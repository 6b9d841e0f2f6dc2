"""JupyterLab in a headless browser, for tests: its own server, a page, and a door that lets nothing out."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from loranb.demo.project import make
from loranb.project import Project

ROOT = Path(__file__).parents[2]

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
HERE = ("127.0.0.1", "localhost")
# No news, no saving behind the test's back, and every cell in the page whether it is in sight or not.
PREFERENCES = {
    "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
}
# What the page is asked about the notebook it shows: a state and the errors for all code cells.
CELLS = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = Array.from(panel.content.model.cells).filter(cell => cell.type === 'code');
    return cells.map(cell => ({
        count: cell.executionCount,
        running: cell.executionState === 'running',
        outputs: cell.sharedModel.toJSON().outputs,
    }));
}"""
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"  # beside a notebook's title, for those on GitHub
KERNEL = "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"


class Lab:
    """A JupyterLab server on this machine and a page that shows it; use it in a ``with``.

    Args:
        folder: what the server shows.
        environment: for the server, and so for its kernels.
    """

    def __init__(self, folder: Path, environment: dict[str, str]):
        self.folder, self.environment = folder, environment
        self.left: list[str] = []  # requests that would have left the machine, but for the badge's
        self.errors: list[str] = []  # faults in the page's own scripts

    def __enter__(self) -> "Lab":
        self._own = Path(tempfile.mkdtemp(prefix="loranb-lab-"))
        try:
            self._start_server()
            self._start_browser()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for attribute, end in (("_browser", "close"), ("_playwright", "stop")):
            if hasattr(self, attribute):
                getattr(getattr(self, attribute), end)()
        if hasattr(self, "_server"):
            self._server.terminate()
            try:
                self._server.wait(20)
            except subprocess.TimeoutExpired:
                self._server.kill()
        shutil.rmtree(self._own, ignore_errors=True)

    def _start_server(self) -> None:
        settings = self._own / "config" / "labconfig" / "default_setting_overrides.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(PREFERENCES))
        own = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        options = ["--no-browser", "--allow-root", "--expose-app-in-browser", "--ServerApp.port=0"]
        with (self._own / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={self.folder}"],
                env={**os.environ, **{k: str(self._own / v) for k, v in own.items()}, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._address = self._wait_for_server(90)

    def _wait_for_server(self, seconds: float) -> dict:
        """Wait for the file in which a server says where it listens and what its token is."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._server.poll() is None:
            for file in (self._own / "runtime").glob("jpserver-*.json"):
                said = file.read_text()
                if said.endswith("}"):
                    return json.loads(said)
            time.sleep(0.2)
        raise RuntimeError("JupyterLab did not start:\n" + (self._own / "server.log").read_text()[-3000:])

    def _start_browser(self) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        flags = [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
        ]
        self._browser = self._playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        view = {"width": 1360, "height": 1000}
        context = self._browser.new_context(viewport=view, service_workers="block")
        context.route("**/*", self._door)
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _door(self, route) -> None:  # noqa: ANN001  playwright's
        if urlsplit(route.request.url).hostname in HERE:
            route.continue_()
        else:
            if route.request.url != BADGE:
                self.left.append(route.request.url)
            route.abort()

    def open(self, notebook: str) -> None:
        """Show a notebook alone, and wait until its kernel is ready."""
        said = self._address
        url = f"http://127.0.0.1:{said['port']}/doc/tree/{notebook}?token={said['token']}"
        self.page.goto(url)
        self.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.content?.model", timeout=90_000)
        self.page.wait_for_function(f"() => ({KERNEL})() === 'idle'", timeout=90_000)

    def command(self, name: str) -> None:
        """Carry out one of JupyterLab's commands without waiting for its end."""
        self.page.evaluate("name => { window.jupyterapp.commands.execute(name); }", name)

    def wait(self, seconds: float, selector: str = "") -> None:
        """Wait until something is in the page, or with nothing given until every code cell has run.

        Raises:
            AssertionError: a cell failed, or it took too long.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            cells = self.cells()
            failed = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
            assert not failed, failed
            ended = all(cell["count"] and not cell["running"] for cell in cells)
            if self.page.locator(selector).count() if selector else ended and self.page.evaluate(KERNEL) == "idle":
                return
            self.page.wait_for_timeout(250)
        raise AssertionError(f"{selector or 'The end'} did not come in {seconds} s.")

    def cells(self) -> list[dict]:
        """Give count, state and outputs of all code cells."""
        return self.page.evaluate(CELLS)

    def picture(self, name: str) -> None:
        """Keep a picture of the page, where the environment asks for it."""
        if folder := os.environ.get("LORANB_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder, f"{name}.png")))


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
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "HF_HUB_OFFLINE": "1",
    }
    with Lab(folder, environment) as lab:
        yield lab
