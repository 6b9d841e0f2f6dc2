import io
import json
import sys

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from loranb.dataset.archive import Limits
from loranb.dataset.tables import caption_of, read_captions, unpack
from loranb.errors import DatasetError


def picture(colour="red", kind="PNG"):
    made = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(made, kind)
    return made.getvalue()


def write(path, rows):
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def table(tmp_path):
    return tmp_path / "train.parquet"


def test_pictures_and_captions_come_out_of_a_parquet_file(tmp_path, table):
    rows = [
        {"image": {"bytes": picture(colour), "path": f"{colour}.png"}, "text": f"a {colour}\n wall"}
        for colour in ("red", "green", "blue")
    ]
    told = []
    unpack(write(table, rows), tmp_path / "out", lambda *said: told.append(said))
    for colour in ("red", "green", "blue"):
        assert (tmp_path / "out" / f"{colour}.png").read_bytes() == picture(colour)
        assert (tmp_path / "out" / f"{colour}.txt").read_text() == f"a {colour} wall\n"
    assert told[-1] == (3, 3, "Unpacking train.parquet")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (None, "train_000001.jpg"),
        ("", "train_000001.jpg"),
        ("a.unknown", "a.jpg"),
        ("../../evil.jpg", "evil.jpg"),
        ("/etc/evil.jpg", "evil.jpg"),
        (r"C:\evil.jpg", "evil.jpg"),
        (".hidden.jpg", "train_000001.jpg"),
        ("x" * 300 + ".jpg", "train_000001.jpg"),
    ],
)
def test_a_picture_is_called_as_it_was_or_after_its_row(tmp_path, table, path, name):
    unpack(write(table, [{"image": {"bytes": picture(kind="JPEG"), "path": path}}]), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == [name]
    assert not list(tmp_path.parent.glob("evil*"))


def test_pictures_of_one_name_stay_apart(tmp_path, table):
    rows = [{"image": {"bytes": picture(colour), "path": "image.png"}, "text": colour} for colour in ("red", "blue")]
    unpack(write(table, rows), tmp_path / "out")
    found = {p.with_suffix(".txt").read_text().strip(): p.read_bytes() for p in (tmp_path / "out").glob("*.png")}
    assert found == {"red": picture("red"), "blue": picture("blue")}


def test_a_column_of_plain_bytes_will_do(tmp_path, table):
    unpack(write(table, [{"prompt": "a wall", "id": 3, "jpg": picture(kind="JPEG")}]), tmp_path / "out")
    assert (tmp_path / "out" / "train_000001.txt").read_text() == "a wall\n"


def test_rows_without_a_picture_are_passed_over(tmp_path, table):
    rows = [{"image": {"bytes": None, "path": "a.png"}}, {"image": {"bytes": picture(), "path": "b.png"}}]
    unpack(write(table, rows), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b.png"]


def test_a_table_without_pictures_names_its_columns(tmp_path, table):
    with pytest.raises(DatasetError, match="its columns are text, number"):
        unpack(write(table, [{"text": "a", "number": 1}]), tmp_path / "out")


@pytest.mark.parametrize("limits", [Limits(files=2), Limits(total=100)])
def test_more_than_is_allowed_is_refused(tmp_path, table, limits):
    rows = [{"image": {"bytes": picture(), "path": None}}] * 3
    with pytest.raises(DatasetError, match="Choose a smaller data set"):
        unpack(write(table, rows), tmp_path / "out", limits=limits)


def test_a_damaged_parquet_file_is_told(tmp_path, table):
    write(table, [{"image": {"bytes": picture(), "path": None}}])
    table.write_bytes(table.read_bytes()[:-20])
    with pytest.raises(DatasetError, match="train.parquet cannot be read"):
        unpack(table, tmp_path / "out")


def test_without_pyarrow_it_is_said_what_is_missing(tmp_path, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DatasetError, match="pip install pyarrow"):
        unpack(table, tmp_path / "out")


@pytest.mark.parametrize(
    ("row", "caption"),
    [
        ({"text": "a cat", "prompt": "a dog"}, "a cat"),
        ({"text": "", "caption": "a\tcat \n"}, "a cat"),
        ({"prompt": "a cat"}, "a cat"),
        ({"text": ["a cat", "one cat"]}, "a cat"),
        ({"text": 3}, ""),
        ({"label": "cat"}, ""),
    ],
)
def test_the_caption_of_a_row(row, caption):
    assert caption_of(row) == caption


def test_captions_in_json_lines(tmp_path):
    table = tmp_path / "metadata.jsonl"
    rows = [{"file_name": "a.png", "text": "käse"}, {"file_name": "./deep/b.png", "caption": "b"}, {"text": "nothing"}]
    table.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    assert read_captions(table) == {"a.png": "käse", "deep/b.png": "b"}


def test_captions_in_comma_separated_values(tmp_path):
    table = tmp_path / "metadata.csv"
    table.write_text('\ufefffile_name,prompt\na.png,"red, and\nround"\nb.png,\n', encoding="utf-8")
    assert read_captions(table) == {"a.png": "red, and round"}


@pytest.mark.parametrize(
    ("name", "content"),
    [("metadata.jsonl", b"{not json"), ("metadata.jsonl", b"[1, 2]"), ("metadata.csv", b"file_name,text\na,\xff\xfe")],
)
def test_a_table_that_cannot_be_read_is_told(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=f"{name} cannot be read.*file_name and text or caption or prompt"):
        read_captions(tmp_path / name)
