"""A sheet of test pictures: prompts downwards, LoRA files and weights across, the same seed in each row.

The pictures come one by one (`draw_grid`), so a view can show the sheet as it fills (`compose`).
"""

import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from PIL import Image, ImageDraw, ImageFont

from loranb.files import write_bytes, write_text
from loranb.generate.prompt import SamplePrompt

NO_LORA = "no LoRA"
LEAST_SIDE, MOST_SIDE = 192, 512  # pixels of a picture's longer side in the sheet
MARGIN, GAP = 24, 10
LABEL_WIDTH = 230
FONT_SIZE, LINE = 17, 22
INK, FAINT, PAPER, EMPTY = "#1a1a1a", "#6b6b6b", "#ffffff", "#eeeeee"


class Draws(Protocol):
    """What `draw_grid` needs of a `loranb.generate.pictures.Generator`."""

    def draw(self, request: SamplePrompt, loras: Mapping[str, Path] | None = None, clip_skip: int = 1) -> Image.Image:
        """Draw one picture."""
        ...


@dataclass(frozen=True)
class Column:
    """A LoRA file at a weight; without a file, the base model alone."""

    label: str
    file: Path | None = None
    weight: float = 1.0

    def ask(self, request: SamplePrompt) -> SamplePrompt:
        """Add the LoRA to a prompt, as one would write it by hand."""
        if self.file is None:
            return request
        return replace(request, prompt=f"{request.prompt} <lora:{self.file.stem}:{self.weight:g}>".strip())


@dataclass(frozen=True)
class GridPlan:
    """What the sheet shows: a row for each request, a column for each LoRA and weight."""

    rows: tuple[SamplePrompt, ...]
    columns: tuple[Column, ...]

    @classmethod
    def of(
        cls,
        prompts: Sequence[SamplePrompt],
        files: Sequence[Path],
        weights: Sequence[float] = (1.0,),
        seeds: Sequence[int] = (),
    ) -> "GridPlan":
        """Cross LoRA files with weights, after a first column without a LoRA.

        Args:
            prompts: without mentions of the LoRAs that are tested.
            files: LoRA files, such as the epochs of a run.
            weights: each file is drawn at each of these.
            seeds: each prompt is drawn with each of these; none keeps the prompts' own.
        """
        rows = [replace(prompt, seed=seed) for prompt in prompts for seed in seeds or (prompt.seed,)]
        columns = [Column(f"{file.stem}\n{weight:g}", file, weight) for file in files for weight in weights]
        return cls(tuple(rows), (Column(NO_LORA), *columns))

    @property
    def total(self) -> int:
        """How many pictures there are to draw."""
        return len(self.rows) * len(self.columns)


@dataclass(frozen=True)
class Cell:
    """One picture of the sheet, and what it was drawn from."""

    row: int
    column: int
    request: SamplePrompt
    picture: Image.Image


def draw_grid(generator: Draws, plan: GridPlan, clip_skip: int = 1) -> Iterator[Cell]:
    """Draw the sheet's pictures row by row, and hand out each as it is done.

    Raises:
        GenerationError: a prompt cannot be drawn.
        LoraFileError: a file cannot be read, or does not fit the base model.
    """
    for row, prompt in enumerate(plan.rows):
        for number, column in enumerate(plan.columns):
            request = column.ask(prompt)
            loras = {column.file.stem: column.file} if column.file else {}
            yield Cell(row, number, request, generator.draw(request, loras, clip_skip))


def compose(plan: GridPlan, cells: Iterable[Cell]) -> Image.Image:
    """Put the pictures together on white, labelled; those that are still to come are left grey."""
    drawn = {(cell.row, cell.column): cell.picture for cell in cells}
    sizes = [_shown_size(row.width, row.height) for row in plan.rows]
    width, heights = max(size[0] for size in sizes), [size[1] for size in sizes]
    heads = [_wrap(column.label, width) for column in plan.columns]
    top = MARGIN + LINE * max(map(len, heads)) + GAP
    left = MARGIN + LABEL_WIDTH + 2 * GAP
    sheet = Image.new(
        "RGB",
        (
            left + len(plan.columns) * (width + GAP) - GAP + MARGIN,
            top + sum(heights) + GAP * (len(heights) - 1) + MARGIN,
        ),
        PAPER,
    )
    for number, head in enumerate(heads):
        _write(sheet, (left + number * (width + GAP) + width // 2, top - GAP - LINE * len(head)), head, "ma")
    y = top
    for number, (row, size) in enumerate(zip(plan.rows, sizes, strict=True)):
        _write_row_label(sheet, row, y, size[1])
        for column in range(len(plan.columns)):
            x = left + column * (width + GAP) + (width - size[0]) // 2
            _place(sheet, (x, y), size, drawn.get((number, column)))
        y += size[1] + GAP
    return sheet


def save_grid(plan: GridPlan, cells: Sequence[Cell], path: Path) -> None:
    """Write the sheet as a PNG, and beside it, as ``.json``, what each picture was drawn from."""
    png = io.BytesIO()
    compose(plan, cells).save(png, "PNG")
    columns = [asdict(column) | {"file": str(column.file) if column.file else None} for column in plan.columns]
    pictures = [{"row": cell.row, "column": cell.column, **asdict(cell.request)} for cell in cells]
    recipe = {"rows": [asdict(row) for row in plan.rows], "columns": columns, "pictures": pictures}
    write_bytes(path, png.getvalue())
    write_text(path.with_suffix(".json"), json.dumps(recipe, indent=2, ensure_ascii=False) + "\n")


def _shown_size(width: int, height: int) -> tuple[int, int]:
    """Enlarge small pictures a whole number of times, and shrink large ones."""
    side = max(width, height)
    scale = math.ceil(LEAST_SIDE / side) if side < LEAST_SIDE else min(1.0, MOST_SIDE / side)
    return round(width * scale), round(height * scale)


def _place(sheet: Image.Image, corner: tuple[int, int], size: tuple[int, int], picture: Image.Image | None) -> None:
    if picture is None:
        picture = Image.new("RGB", size, EMPTY)
    sheet.paste(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), corner)


def _write_row_label(sheet: Image.Image, row: SamplePrompt, y: int, height: int) -> None:
    lines = _wrap(row.prompt or "(empty prompt)", LABEL_WIDTH)
    room = max(1, height // LINE - 1)  # a line is kept for the seed
    if len(lines) > room:
        lines = [*lines[: room - 1], _shorten(lines[room - 1])]
    start = y + max(0, (height - LINE * (len(lines) + 1)) // 2)
    _write(sheet, (MARGIN, start), lines, "la")
    _write(sheet, (MARGIN, start + LINE * len(lines)), [f"seed {row.seed}"], "la", FAINT)


def _write(sheet: Image.Image, at: tuple[int, int], lines: list[str], anchor: str, colour: str = INK) -> None:
    pen = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        pen.text((at[0], at[1] + number * LINE), line, colour, _font(), anchor)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(FONT_SIZE)


def _wrap(text: str, width: int) -> list[str]:
    """Break text into lines that are at most `width` pixels long, between words where it can."""
    font, lines = _font(), []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if font.getlength(longer) <= width:
                line = longer
                continue
            lines += [line] if line else []
            *full, line = _break(word, width)
            lines += full
        lines.append(line)
    return lines


def _break(word: str, width: int) -> list[str]:
    """Break a word that is longer than a line."""
    font, pieces = _font(), [""]
    for letter in word:
        if font.getlength(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def _shorten(line: str) -> str:
    while line and _font().getlength(f"{line} ...") > LABEL_WIDTH:
        line = line[:-1]
    return f"{line} ..."
