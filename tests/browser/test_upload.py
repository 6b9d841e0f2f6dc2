"""The uploader in a real JupyterLab: what arrives, what is sent again, and what a reader is told."""

import hashlib
import json
import os
import re
import time

import pytest

pytestmark = pytest.mark.browser
SIZE = 8_000_000  # bytes of a photograph
PIECE, WINDOW = 2**20, 6
# Counts what arrives and writes down what was handed over; stands still while there is a file named hold.
CELL = """
import hashlib, json, time
from pathlib import Path
from loranb.dataset.uploads import Inbox
from loranb.errors import DatasetError
from loranb.panels._upload import upload_widget

folder = Path({folder!r})

class Counting(Inbox):
    def write(self, file, at, content):
        while (folder / "hold").exists():
            time.sleep(0.02)
        with (folder / "arrived").open("a") as log:
            print(len(content), file=log)
        return super().write(file, at, content)

def add(paths):
    if (folder / "refuse").exists():
        raise DatasetError("No subject is given.")
    names = [path.relative_to(path.parents[1]).as_posix() for path in paths]
    sums = {{name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in zip(names, paths)}}
    with (folder / "added").open("a") as log:
        print(json.dumps(sums), file=log)

upload_widget(Counting(folder / "uploads"), add)
"""


def _notebook(source):
    cell = {"cell_type": "code", "id": "one", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": [cell], "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


class Page:
    """A notebook with an uploader, and the folder that it fills."""

    def __init__(self, lab, folder):
        self.lab, self.folder, self.name = lab, folder, f"{folder.name}.ipynb"
        (lab.folder / self.name).write_text(_notebook(CELL.format(folder=str(folder))))
        self.show()

    def show(self):
        self.lab.open(self.name)
        self.run()

    def run(self):
        self.lab.command("notebook:run-all-cells")
        self.lab.wait(90, ".lb-up")

    @property
    def box(self):
        return self.lab.page.locator(".lb-up")

    def choose(self, paths):
        self.box.locator("input[type=file]").first.set_input_files([str(path) for path in paths])

    def press(self, text):
        self.box.locator("button", has_text=text).click()

    def reach(self, phase, seconds=180):
        self.lab.page.wait_for_selector(f".lb-up[data-phase={phase}]", timeout=seconds * 1000)

    def tells(self, text, seconds=30):
        self.box.get_by_text(text).wait_for(timeout=seconds * 1000)

    def arrived(self):
        log = self.folder / "arrived"
        return sum(map(int, log.read_text().split())) if log.exists() else 0

    def wait_for(self, count):
        """Wait until so many bytes have arrived, and let no more in."""
        until = time.monotonic() + 60
        while self.arrived() < count and time.monotonic() < until:
            time.sleep(0.05)
        (self.folder / "hold").touch()

    def go_on(self):
        (self.folder / "hold").unlink()

    def added(self):
        return [json.loads(line) for line in (self.folder / "added").read_text().splitlines()]


@pytest.fixture
def page(lab, tmp_path):
    return Page(lab, tmp_path)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Forty files that begin as JPEGs do; random, so that nothing on the way can make them smaller."""
    folder = tmp_path_factory.mktemp("photographs")
    paths = [folder / f"IMG_{number:04}.jpg" for number in range(40)]
    for path in paths:
        path.write_bytes(b"\xff\xd8\xff\xe0" + os.urandom(SIZE - 4))
    return paths


def _sums(paths):
    return {f"0/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def _memory(page):
    """Bytes that the page's scripts hold, buffers included."""
    session = page.lab.page.context.new_cdp_session(page.lab.page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    session.detach()
    return usage["usedSize"] + usage.get("backingStorageSize", 0)


def test_forty_photographs_arrive_as_they_were_and_leave_nothing_in_the_page(page, photographs):
    before = _memory(page)
    page.choose(photographs)
    page.wait_for(60 * PIECE)
    during = _memory(page)
    page.lab.picture("upload_during")
    page.go_on()
    page.reach("done")
    page.lab.picture("upload_done")
    assert page.added() == [_sums(photographs)]
    assert page.arrived() == 40 * SIZE  # nothing was sent twice
    assert during - before < 4 * WINDOW * PIECE
    assert _memory(page) - before < 4 * WINDOW * PIECE
    assert "40 files added, 320 MB" in page.box.inner_text()
    assert list((page.folder / "uploads").iterdir()) == []


def test_a_slow_kernel_is_waited_for_and_not_drowned(page, photographs):
    sent = []
    page.lab.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(len(frame))))
    page.show()
    page.choose(photographs[:5])
    page.wait_for(5 * PIECE)
    page.tells(re.compile("the kernel is busy|kernel does not answer"))  # what ipywidgets 8 and 7 let a page know
    assert sum(sent) < page.arrived() + (WINDOW + 2) * PIECE
    page.go_on()
    page.reach("done")
    assert page.added() == [_sums(photographs[:5])]


def test_after_a_reload_only_the_rest_is_sent(page, photographs):
    some = photographs[:5]
    page.choose(some)
    page.wait_for(2 * SIZE)
    page.lab.page.goto("about:blank")  # else the rest would be sent before the page is gone
    page.go_on()
    page.show()
    page.tells("From an earlier upload")
    page.choose(some)
    page.reach("done")
    assert page.added() == [_sums(some)]
    assert page.arrived() <= 5 * SIZE + WINDOW * PIECE


def test_after_a_restart_of_the_kernel_only_the_rest_is_sent(page, photographs):
    some = photographs[:5]
    page.choose(some)
    page.wait_for(2 * SIZE)
    page.lab.page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }")
    page.tells("The kernel was restarted or has stopped. Run this cell again")
    page.lab.picture("upload_restarted")
    page.go_on()
    page.run()
    page.tells("From an earlier upload")
    page.choose(some)
    page.reach("done")
    assert page.added() == [_sums(some)]
    assert page.arrived() <= 5 * SIZE + WINDOW * PIECE


def test_a_connection_that_breaks_goes_on_by_itself(page, photographs):
    page.choose(photographs[:5])
    page.wait_for(2 * SIZE)
    page.lab.page.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.reconnect(); }")
    page.go_on()
    page.reach("done")
    assert page.added() == [_sums(photographs[:5])]


def test_an_upload_is_stopped_gone_on_with_and_tried_again(page, photographs):
    (page.folder / "refuse").touch()
    page.choose(photographs[:3])
    page.wait_for(SIZE)
    page.press("Stop")
    page.tells("What has arrived is kept")
    page.go_on()
    page.press("Go on")
    page.reach("refused")
    page.tells("No subject is given.")
    page.lab.picture("upload_refused")
    (page.folder / "refuse").unlink()
    page.press("Try again")
    page.reach("done")
    assert page.added() == [_sums(photographs[:3])]


def test_a_folder_that_is_dropped_keeps_captions_beside_pictures(page, tmp_path):
    inside = tmp_path / "holiday" / "10_red castle"
    inside.mkdir(parents=True)
    for name in ("1.jpg", "1.txt", ".DS_Store", "plan.pdf", "empty.png"):
        (inside / name).write_text("" if name == "empty.png" else f"this is {name}")
    box = page.box.locator(".lb-up-zone").bounding_box()
    session = page.lab.page.context.new_cdp_session(page.lab.page)
    data = {"items": [], "files": [str(tmp_path / "holiday")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 30, "y": box["y"] + 20, "data": data})
        page.lab.page.wait_for_timeout(200)
    page.reach("done")
    assert [set(added) for added in page.added()] == [{"10_red castle/1.jpg", "10_red castle/1.txt"}]
    page.tells("Left out, since they are no pictures: holiday/10_red castle/plan.pdf")
    page.tells("It is empty (0 bytes)")
    page.lab.picture("upload_dropped")


def test_keys_pressed_in_the_box_are_no_commands_to_the_notebook(page):
    keyboard = page.lab.page.keyboard
    page.box.locator("button").first.focus()
    keyboard.press("b")  # outside, it inserts a cell
    keyboard.press("Tab")
    assert page.lab.page.evaluate("document.activeElement.textContent") == "Choose a folder"
    keyboard.press("b")
    page.lab.page.wait_for_timeout(300)
    assert len(page.lab.cells()) == 1
    assert page.lab.page.locator(".lb-no-uploader").evaluate("part => getComputedStyle(part).display") == "none"


def test_the_uploader_needs_nothing_from_other_machines(page):
    assert page.lab.left == []
