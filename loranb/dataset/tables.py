"""Captions and pictures that data sets keep in tables.

A ``metadata.csv`` or ``metadata.jsonl`` names each picture beside it and its caption; a parquet file
holds pictures and captions in its rows. Both are as the Hugging Face hub's image folders have them.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from loranb.dataset import captions
from loranb.dataset.archive import CHUNK, LIMITS, Limits
from loranb.dataset.images import SUFFIXES, is_picture
from loranb.dataset.progress import Progress, silent
from loranb.errors import DatasetError

CAPTIONS = ("text", "caption", "prompt")  # columns, the first that is there
PICTURES = ("image", "img", "picture")
NAMES = ("metadata.csv", "metadata.jsonl")
LONGEST = 200  # bytes of a picture's name
ROWS = 8  # read at a time; a row may hold a picture of 50 MB


def is_table(path: Path) -> bool:
    """Whether a file is one that gives pictures beside it their captions, by its name."""
    return path.name.lower() in NAMES


def read_captions(table: Path) -> dict[str, str]:
    """Read the captions of pictures, by their names relative to the table's folder.

    Raises:
        DatasetError: it cannot be read as what its name says.
    """
    found = {}
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file) if table.suffix.lower() == ".csv" else map(json.loads, filter(str.strip, file))
            for row in rows:
                words = caption_of(row)
                if words and isinstance(row.get("file_name"), str):
                    found[row["file_name"].replace("\\", "/").removeprefix("./")] = words
    except (OSError, ValueError, AttributeError, csv.Error) as error:
        raise DatasetError(
            f"{table.name} cannot be read: {error}. It is a table with the columns file_name and "
            f"{' or '.join(CAPTIONS)}, in UTF-8."
        ) from error
    return found


def caption_of(row: dict[str, Any]) -> str:
    """Return the caption in a row, on one line; empty where there is none."""
    words = next((row[name] for name in CAPTIONS if row.get(name)), "")
    if isinstance(words, list):  # several captions of one picture: the first
        words = words[0]
    return " ".join(words.split()) if isinstance(words, str) else ""


def unpack(table: Path, target: Path, progress: Progress = silent, limits: Limits = LIMITS) -> None:
    """Write the pictures of a parquet file to `target`, their captions beside them.

    A picture is called as it was, or after its row.

    Raises:
        DatasetError: the table cannot be read, holds no pictures, or more than `limits`.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise DatasetError(
            f"{table.name} is a parquet file, which needs the package pyarrow: pip install pyarrow."
        ) from error
    target.mkdir(parents=True, exist_ok=True)
    written = 0
    for number, total, row in _rows(table, parquet.ParquetFile, ArrowException):
        written += _write(row, target, f"{table.stem}_{number:06d}")
        if number > limits.files or written > limits.total:
            raise DatasetError(
                f"{table.name} holds more than {limits.files:,} pictures, or more than {limits.total / 2**30:.0f} GiB "
                "of them. Choose a smaller data set."
            )
        progress(number, total, f"Unpacking {table.name}")


def _rows(table: Path, opened: Any, broken: type[Exception]) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Read a parquet file: the number of a row, of how many, and its picture and captions."""
    try:
        with opened(table, buffer_size=CHUNK) as file:
            column = _picture_column(table, file.schema_arrow)
            captioned = [name for name in CAPTIONS if name in file.schema_arrow.names]
            number = 0
            for batch in file.iter_batches(ROWS, columns=[column, *captioned]):
                for row in batch.to_pylist():
                    number += 1
                    yield number, file.metadata.num_rows, {"picture": row[column], **row}
    except (broken, OSError) as error:
        raise DatasetError(f"{table.name} cannot be read: {error}. Fetch it again.") from error


def _picture_column(table: Path, schema: Any) -> str:
    """Find the column of pictures: bytes, or a struct of bytes and path."""
    from pyarrow import types

    def holds_bytes(kind: Any) -> bool:
        if types.is_struct(kind):
            return kind.get_field_index("bytes") >= 0
        return types.is_binary(kind) or types.is_large_binary(kind)

    found = [field.name for field in schema if holds_bytes(field.type)]
    if not found:
        raise DatasetError(
            f"{table.name} holds no pictures; its columns are {', '.join(schema.names)}. A column of pictures is of "
            "bytes, or of bytes and path."
        )
    return next((name for name in PICTURES if name in found), found[0])


def _write(row: dict[str, Any], target: Path, name: str) -> int:
    """Write a row's picture and caption; return the picture's bytes."""
    cell = row["picture"] if isinstance(row["picture"], dict) else {"bytes": row["picture"]}
    content = cell.get("bytes")
    if not content:  # it lies elsewhere, or nowhere
        return 0
    called = PurePosixPath(str(cell.get("path") or "").replace("\\", "/"))
    suffix = called.suffix if called.suffix.lower() in SUFFIXES else _suffix(content)
    path = target / f"{called.stem}{suffix}"
    if not is_picture(path) or len(path.name.encode()) > LONGEST or path.exists():
        path = target / f"{name}{suffix}"
    path.write_bytes(content)
    if words := caption_of(row):
        captions.write(path, captions.one_line(words))
    return len(content)


def _suffix(content: bytes) -> str:
    """Tell a picture's kind by its first bytes; as a JPEG where nothing is known, for the check to report."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            suffix = f".{picture.format}".lower().replace("jpeg", "jpg")
    except Exception:  # Pillow's readers fail in many ways
        suffix = ""
    return suffix if suffix in SUFFIXES else ".jpg"
