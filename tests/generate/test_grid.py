"""The laws of the sheet of test pictures."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor

from loranb.generate.grid import LABEL_WIDTH, GridPlan, compose, draw_grid, save_grid
from loranb.generate.pictures import Generator
from loranb.generate.prompt import SamplePrompt


class Painter:
    """Draws a plain colour, and notes what it was asked for."""

    def __init__(self):
        self.asked: list[SamplePrompt] = []

    def draw(self, request: SamplePrompt, loras: Mapping[str, Path] | None = None, clip_skip: int = 1) -> Image.Image:
        self.asked.append(request)
        return Image.new(
            "RGB",
            (request.width, request.height),
            ImageColor.getrgb(f"hsl({37 * len(self.asked)}, 80%, 50%)"),
        )


@pytest.fixture
def plan() -> GridPlan:
    prompts = [
        SamplePrompt("a house", width=128, height=128, seed=1),
        SamplePrompt("b", width=96, height=128, seed=2),
    ]
    return GridPlan.of(prompts, [Path("town-000002.safetensors"), Path("town.safetensors")], [0.5, 1])


def test_the_first_column_is_without_a_lora_and_with_the_rows_seed(plan: GridPlan):
    painter = Painter()
    cells = list(draw_grid(painter, plan))
    assert [(cell.row, cell.column) for cell in cells] == [(r, c) for r in range(2) for c in range(5)]
    assert [asked.prompt for asked in painter.asked[:5]] == [
        "a house",
        "a house <lora:town-000002:0.5>",
        "a house <lora:town-000002:1>",
        "a house <lora:town:0.5>",
        "a house <lora:town:1>",
    ]
    assert {asked.seed for asked in painter.asked[:5]} == {1}


def test_seeds_multiply_the_rows():
    plan = GridPlan.of([SamplePrompt("a"), SamplePrompt("b")], [], seeds=[7, 8])
    assert [(row.prompt, row.seed) for row in plan.rows] == [("a", 7), ("a", 8), ("b", 7), ("b", 8)]
    assert plan.total == 4


def test_pictures_come_one_by_one(plan: GridPlan):
    painter = Painter()
    next(draw_grid(painter, plan))
    assert len(painter.asked) == 1


def test_every_picture_is_seen_whole_and_none_covers_another(plan: GridPlan):
    cells = list(draw_grid(Painter(), plan))
    pixels = np.asarray(compose(plan, cells))
    for cell in cells:
        colour = cell.picture.getpixel((0, 0))
        rows, columns = np.where((pixels == colour).all(-1))
        width, height = columns.max() - columns.min() + 1, rows.max() - rows.min() + 1
        assert (width, height) == (2 * cell.request.width, 2 * cell.request.height)  # enlarged to be legible
        assert len(rows) == width * height


def test_the_margin_stays_white(plan: GridPlan):
    sheet = np.asarray(compose(plan, list(draw_grid(Painter(), plan))))
    for edge in (sheet[:12], sheet[-12:], sheet[:, :12], sheet[:, -12:]):
        assert (edge == 255).all()


def test_a_long_prompt_is_wrapped_beside_its_row_and_touches_no_picture():
    prompts = [replace(SamplePrompt("x"), width=64, height=64, prompt="castle " * 200 + "x" * 300)]
    plan = GridPlan.of(prompts, [])
    pixels = np.asarray(compose(plan, list(draw_grid(Painter(), plan))))
    rows, columns = np.where((pixels < 128).all(-1))
    beside = columns[rows > 60]
    assert beside.max() <= 24 + LABEL_WIDTH + 1
    assert rows.max() < pixels.shape[0] - 12


def test_a_sheet_can_be_seen_before_it_is_full(plan: GridPlan):
    cells = list(draw_grid(Painter(), plan))
    assert compose(plan, cells[:3]).size == compose(plan, cells).size == compose(plan, []).size


def test_large_pictures_are_shrunk():
    plan = GridPlan.of([SamplePrompt("x", width=2048, height=1024)], [])
    assert compose(plan, []).size[0] < 900


def test_the_recipe_lies_beside_the_sheet(plan: GridPlan, tmp_path: Path):
    cells = list(draw_grid(Painter(), plan))
    save_grid(plan, cells, tmp_path / "grid.png")
    recipe = json.loads((tmp_path / "grid.json").read_text(encoding="utf-8"))
    assert [SamplePrompt(**row) for row in recipe["rows"]] == list(plan.rows)
    assert recipe["columns"][1] == {
        "label": "town-000002\n0.5",
        "file": "town-000002.safetensors",
        "weight": 0.5,
    }
    assert recipe["pictures"][1]["prompt"] == "a house <lora:town-000002:0.5>"
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.size == compose(plan, cells).size


def test_a_real_grid_shows_the_lora_at_work(
    generator: Generator, request_: SamplePrompt, make_lora: Callable, tmp_path: Path
):
    plan = GridPlan.of([request_], [make_lora("town")], [0, 1])
    plain, nought, full = (np.asarray(cell.picture) for cell in draw_grid(generator, plan))
    assert np.array_equal(plain, nought)
    assert not np.array_equal(plain, full)
