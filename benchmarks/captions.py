"""How quickly captions can be edited in a notebook, next to the plain way. See README.md beside this file."""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from check import machine, made

from loranb.dataset import captions
from loranb.dataset.reader import Pictures
from loranb.project import Project

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from conftest import Lab  # noqa: E402  needs the path above

SIZE = (1024, 768)
DRAWN = 20  # the others are these with other bytes at their end
TAGS = ("castle", "tower", "red roof", "stone wall", "gate", "river", "bridge", "sunset", "snow", "bell tower", "ivy")
LIMIT = 240  # seconds to wait for a grid
# What a browser gets over the kernel's connection, counted in the page.
COUNTING = """
window.received = 0;
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
    constructor(...given) {
        super(...given);
        this.addEventListener('message', ({ data }) => window.received += data.byteLength ?? data.size ?? data.length);
    }
};
"""
SETUP = """
import os
from pathlib import Path
from loranb.dataset import captions
from loranb.dataset.reader import Pictures
from loranb.project import Project
project = Project.open(Path({root!r}))
(project.root / "pid").write_text(str(os.getpid()))
"""
GRID = """
from loranb.panels._caption_desk import CaptionDesk
from loranb.panels._caption_grid import CaptionGrid
desk = CaptionDesk(project)
grid = CaptionGrid(desk)
grid.show(desk.store.find())
grid
"""
PLAIN = """
import ipywidgets as w

def row(picture):
    text = w.Textarea(value=captions.text(picture), continuous_update=False, layout=w.Layout(width="400px"))
    text.observe(lambda change: captions.write(picture, change["new"]), "value")
    return w.HBox([w.Image(value={bytes}, width=160), text])

pictures = Pictures(project)
w.VBox([row(picture) for picture in sorted(project.img.rglob("*.jpg"))])
"""
# Whether all that is in sight can be edited and is drawn.
GRID_READY = """() => {
    const grid = document.querySelector('.lb-cg[data-ready="true"]');
    if (!grid) return false;
    const edge = grid.querySelector('.lb-cg-scroller').getBoundingClientRect().bottom;
    const cards = Array.from(grid.querySelectorAll('.lb-cg-card')).filter(c => c.getBoundingClientRect().top < edge);
    return cards.length > 0 && cards.every(card => card.querySelector('img')?.naturalWidth > 0);
}"""
PLAIN_READY = """count => {
    const texts = document.querySelectorAll('.jp-OutputArea textarea').length;
    const images = Array.from(document.querySelectorAll('.jp-OutputArea img'));
    return texts >= count && images.filter(image => image.naturalWidth > 0).length >= count;
}"""
PLAIN_SEEN = "() => document.querySelectorAll('.jp-OutputArea textarea').length"


def main() -> None:
    """Measure the grid and the plain ways, and print it as JSON and as a table."""
    asked = _asked()
    found: dict[str, Any] = {"machine": machine(), "pictures": asked.count}
    with tempfile.TemporaryDirectory() as folder:
        project = _project(Path(folder) / "captions", asked.count)
        found["bytes of a picture"] = round(statistics.mean(p.stat().st_size for p in project.img.rglob("*.jpg")))
        found["ways"] = {
            "loranb, first time": measured(project, GRID, asked),
            "loranb, again": measured(project, GRID, asked),
        }
        if not asked.only_grid:
            thumbnails = PLAIN.replace("{bytes}", "pictures.thumbnail(picture)")
            whole = PLAIN.replace("{bytes}", "picture.read_bytes()")
            _draw_thumbnails(project)
            found["ways"]["plain, with the same thumbnails"] = measured(project, thumbnails, asked)
            found["ways"]["plain, with whole pictures"] = measured(project, whole, asked)
    print(json.dumps(found, indent=2))
    print(table(found))


def _project(root: Path, count: int) -> Project:
    project = Project.create(root)
    folder = project.img / "10_red castle"
    originals = made(folder, min(count, DRAWN), SIZE)
    for number in range(len(originals), count):
        content = originals[number % len(originals)].read_bytes() + number.to_bytes(4, "big")
        (folder / f"{number:04}.jpg").write_bytes(content)
    return project


def _caption(project: Project) -> None:
    for number, picture in enumerate(sorted(project.img.rglob("*.jpg"))):
        tags = [TAGS[(number * step) % len(TAGS)] for step in (1, 3, 4, 7, 9)]
        captions.write(picture, ", ".join(["mokuba", "castle", *dict.fromkeys(tags), f"view {number}"]))


def _draw_thumbnails(project: Project) -> None:
    pictures = Pictures(project)
    for picture in project.img.rglob("*.jpg"):
        pictures.thumbnail(picture)


def measured(project: Project, cell: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Run a cell in a fresh notebook, and measure what it takes until it can be edited, and what an edit takes."""
    _caption(project)  # as before any edit
    folder = Path(tempfile.mkdtemp())
    cells = [SETUP.format(root=str(project.root)), cell]
    (folder / "captions.ipynb").write_text(_notebook(cells))
    environment = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "LORANB_HOME": str(project.root.parent)}
    try:
        with Lab(folder, environment) as lab:
            lab.page.add_init_script(COUNTING)
            return _opened(lab, project, cell == GRID, asked)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _opened(lab: Lab, project: Project, is_grid: bool, asked: argparse.Namespace) -> dict[str, Any]:
    page = lab.page
    lab.open("captions.ipynb")
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
    kernel = psutil.Process(int(_until(lambda: (project.root / "pid").read_text(), 60)))
    (project.root / "pid").unlink()
    page.wait_for_timeout(1000)
    memory, received = kernel.memory_info().rss, page.evaluate("window.received")
    began = time.perf_counter()
    lab.command("notebook:run-cell-and-select-next")
    ready = (lambda: page.evaluate(GRID_READY)) if is_grid else (lambda: page.evaluate(PLAIN_READY, asked.count))
    done = _until(ready, LIMIT, raises=False)
    result = {
        "seconds until it can be edited": round(time.perf_counter() - began, 2) if done else None,
        "megabytes to the browser": round((page.evaluate("window.received") - received) / 1e6, 2),
        "megabytes of the kernel": round((kernel.memory_info().rss - memory) / 1e6, 1),
    }
    if not done:
        result["rows shown when given up"] = 0 if is_grid else page.evaluate(PLAIN_SEEN)
        return result
    return {**result, **(_grid_edits if is_grid else _plain_edits)(page, project, asked.edits)}


def _grid_edits(page: Any, project: Project, count: int) -> dict[str, Any]:
    """Add tags, and type; from the last key until it is on disk."""
    pictures = sorted(project.img.rglob("*.jpg"))
    tag, text = [], []
    page.locator(".lb-cg-card").first.focus()
    page.keyboard.press("Enter")
    for number in range(count):
        page.keyboard.type(f"edit{number}")
        page.keyboard.press("Escape")  # of what is proposed
        if page.evaluate("document.activeElement.className") != "lb-cg-adder":
            page.keyboard.press("Enter")
        tag.append(_written(pictures[0], lambda: page.keyboard.press("Enter"), f"edit{number}"))
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.keyboard.press("Enter")
    for number in range(count):
        page.keyboard.type(f", typed {number}")
        text.append(_written(pictures[0], lambda: page.keyboard.press("x"), f"typed {number}x"))
    page.keyboard.press("Escape")
    jumps = [_jump(page, share) for share in (0.5, 1.0, 0.25, 0.75)]
    return {
        "ms from a tag to the disk": _spread(tag),
        "ms from the last key to the disk": _spread(text),
        "ms of a jump until all is drawn": _spread(jumps),
    }


def _jump(page: Any, share: float) -> float:
    began = time.perf_counter()
    page.locator(".lb-cg-scroller").evaluate("(part, share) => part.scrollTop = share * part.scrollHeight", share)
    page.wait_for_timeout(20)
    _until(lambda: page.evaluate(GRID_READY), 30)
    return time.perf_counter() - began


def _plain_edits(page: Any, project: Project, count: int) -> dict[str, Any]:
    """Type, and leave the box: the plain text box saves then."""
    picture = sorted(project.img.rglob("*.jpg"))[0]
    box = page.locator(".jp-OutputArea textarea").first
    taken = []
    for number in range(count):
        box.click()
        page.keyboard.type(f", plain {number}")
        taken.append(_written(picture, lambda: page.keyboard.press("Tab"), f"plain {number}"))
    return {"ms from leaving the box to the disk": _spread(taken)}


def _written(picture: Path, act: Callable[[], object], words: str) -> float:
    began = time.perf_counter()
    act()
    _until(lambda: words in captions.text(picture), 30)
    return time.perf_counter() - began


def _spread(seconds: list[float]) -> dict[str, int]:
    return {"median": round(statistics.median(seconds) * 1000), "most": round(max(seconds) * 1000)}


def _until(ask: Callable[[], Any], seconds: float, raises: bool = True) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if said := ask():
                return said
        except FileNotFoundError:
            pass
        time.sleep(0.01)
    if raises:
        raise TimeoutError(f"not within {seconds} s")
    return None


def table(found: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [found["machine"], f"{found['pictures']} pictures of {found['bytes of a picture'] / 1e3:.0f} kB", ""]
    for way, figures in found["ways"].items():
        lines.append(way)
        for what, figure in figures.items():
            said = f"{figure['median']} (at most {figure['most']})" if isinstance(figure, dict) else figure
            lines.append(f"  {what:40} {said}")
    return "\n".join(lines)


def _notebook(sources: list[str]) -> str:
    cells = [
        {"cell_type": "code", "id": f"c{i}", "source": s, "metadata": {}, "outputs": [], "execution_count": None}
        for i, s in enumerate(sources)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="pictures")
    parser.add_argument("--edits", type=int, default=10, help="of each kind")
    parser.add_argument("--only-grid", action="store_true", help="leave out the plain ways, which take minutes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
