"""The WD captioner, run on real ONNX files of a few numbers."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loranb.captioners import Said, wd14
from loranb.captioners.wd14 import Options
from loranb.errors import CaptionerError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SIDE = 8
RATINGS = (("general", 9), ("sensitive", 9), ("questionable", 9), ("explicit", 9))


def tagger_folder(
    folder: Path,
    tags: tuple[tuple[str, int], ...],
    weights: np.ndarray | None = None,
    bias: tuple[float, ...] | None = None,
    batch: str | int = "batch",
) -> Path:
    """Write a tagger: each probability is ``weights`` times the mean of each channel, plus ``bias``."""
    count, floats = len(tags), onnx.TensorProto.FLOAT
    weights = np.zeros((3, count)) if weights is None else weights
    constants = {"w": weights / 255, "b": np.array(bias or (0.0,) * count)}
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("ReduceMean", ["input"], ["mean"], axes=[1, 2], keepdims=0),
            onnx.helper.make_node("MatMul", ["mean", "w"], ["product"]),
            onnx.helper.make_node("Add", ["product", "b"], ["output"]),
        ],
        "tagger",
        [onnx.helper.make_tensor_value_info("input", floats, [batch, SIDE, SIDE, 3])],
        [onnx.helper.make_tensor_value_info("output", floats, [batch, count])],
        [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
    )
    opset = onnx.helper.make_opsetid("", 13)
    folder.mkdir(exist_ok=True)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), folder / "model.onnx")
    with (folder / "selected_tags.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("tag_id", "name", "category", "count"))
        table.writerows((i, name, category, 1) for i, (name, category) in enumerate(tags))
    return folder


def channels(folder: Path, batch: str | int = "batch") -> wd14.WD14:
    """Load a tagger that gives the mean of the first, second and third channel, 0 to 1."""
    tags = (("first", 0), ("second", 0), ("third", 0))
    return wd14.load(Options(model=str(tagger_folder(folder, tags, np.eye(3), batch=batch))))


def says(folder: Path, probabilities: dict[tuple[str, int], float], **options: Any) -> Said:
    """Return what a tagger says that sees the same in every picture."""
    tags, values = tuple(probabilities), tuple(probabilities.values())
    model = str(tagger_folder(folder, tags, bias=values))
    return wd14.load(Options(model=model, **options)).look([plain()])[0]


def plain(
    colour: str | tuple[int, ...] = "black", size: tuple[int, int] = (SIDE, SIDE), mode: str = "RGB"
) -> Image.Image:
    return Image.new(mode, size, colour)


def test_the_model_is_given_blue_green_red_from_0_to_255(tmp_path: Path) -> None:
    seen = channels(tmp_path).tags(plain((255, 51, 0)))
    assert seen == pytest.approx({"first": 0.0, "second": 0.2, "third": 1.0})


def test_a_picture_is_padded_to_a_white_square(tmp_path: Path) -> None:
    for size in ((2 * SIDE, SIDE), (SIDE, 2 * SIDE)):
        assert channels(tmp_path).tags(plain(size=size)) == pytest.approx(
            {"first": 0.5, "second": 0.5, "third": 0.5}, abs=0.02
        )


def test_padding_leaves_the_picture_in_the_middle() -> None:
    padded = np.asarray(wd14.square(plain(size=(8, 4)), 8))
    assert padded[:, 0, 0].tolist() == [255, 255, 0, 0, 0, 0, 255, 255]


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    see_through = plain((255, 0, 0, 51), mode="RGBA")
    assert channels(tmp_path).tags(see_through) == pytest.approx({"first": 0.8, "second": 0.8, "third": 1.0}, abs=0.01)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "RGBA"])
def test_any_kind_of_picture_can_be_read(tmp_path: Path, mode: str) -> None:
    picture = plain((255, 255, 255)).convert("L" if mode == "LA" else mode).convert(mode)
    assert channels(tmp_path).tags(picture) == pytest.approx({"first": 1, "second": 1, "third": 1}, abs=0.01)


def test_the_size_is_read_from_the_model(tmp_path: Path) -> None:
    assert channels(tmp_path).side == SIDE
    assert wd14.load(Options(model="demo")).side == 128


@pytest.mark.parametrize("fixed", ["batch", 1])
def test_every_picture_gets_its_own_row_in_any_batch(tmp_path: Path, fixed: str | int) -> None:
    pictures = [plain((i, 0, 0)) for i in range(20)]
    rows = channels(tmp_path, fixed).probabilities(pictures)
    assert rows[:, 2] * 255 == pytest.approx(range(20), abs=1e-3)


def test_no_pictures_give_no_captions(tmp_path: Path) -> None:
    assert channels(tmp_path).look([]) == []


def test_tags_come_the_most_certain_first_with_their_probabilities(tmp_path: Path) -> None:
    said = says(tmp_path, {("tree", 0): 0.5, ("sky", 0): 0.9, ("house", 0): 0.7})
    assert said.tags == ("sky", "house", "tree")
    assert said.confidence == pytest.approx((0.9, 0.7, 0.5))


def test_a_tag_is_said_from_its_threshold_on(tmp_path: Path) -> None:
    seen = {("sky", 0): 0.36, ("tree", 0): 0.34, ("miku", 4): 0.86, ("rin", 4): 0.84}
    assert says(tmp_path, seen).tags == ("miku", "sky")
    assert says(tmp_path, seen, general_threshold=0.3, character_threshold=0.8).tags == ("miku", "rin", "sky", "tree")


def test_names_of_characters_can_come_first_or_not_at_all(tmp_path: Path) -> None:
    seen = {("sky", 0): 0.99, ("miku", 4): 0.86, ("tree", 0): 0.5, ("rin", 4): 0.9}
    assert says(tmp_path, seen).tags == ("sky", "rin", "miku", "tree")
    assert says(tmp_path, seen, characters="first").tags == ("rin", "miku", "sky", "tree")
    assert says(tmp_path, seen, characters="none").tags == ("sky", "tree")


def test_ratings_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    seen = dict(zip(RATINGS, (0.1, 0.3, 0.2, 0.05), strict=True)) | {("sky", 0): 0.9}
    assert says(tmp_path, seen).tags == ("sky",)
    assert says(tmp_path, seen, ratings=True).tags == ("sky", "sensitive")


def test_underscores_become_spaces_but_kaomoji_keep_theirs(tmp_path: Path) -> None:
    seen = {("long_hair", 0): 0.9, ("^_^", 0): 0.8, ("|_|", 0): 0.7}
    assert says(tmp_path, seen).tags == ("long hair", "^_^", "|_|")
    assert says(tmp_path, seen, underscores=True).tags == ("long_hair", "^_^", "|_|")


def test_a_closed_tagger_says_that_it_is_closed(tmp_path: Path) -> None:
    tagger = channels(tmp_path)
    tagger.close()
    with pytest.raises(CaptionerError, match="closed"):
        tagger.look([plain()])


@pytest.mark.parametrize("name", ["model.onnx", "selected_tags.csv"])
def test_a_folder_without_one_of_the_files_says_which(tmp_path: Path, name: str) -> None:
    (tagger_folder(tmp_path, RATINGS) / name).unlink()
    with pytest.raises(CaptionerError, match=f"holds no {name}"):
        wd14.load(Options(model=str(tmp_path)))


def test_model_and_tags_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with (tagger_folder(tmp_path, RATINGS) / "selected_tags.csv").open("a") as file:
        file.write("9,one_too_many,0,1\n")
    with pytest.raises(CaptionerError, match="gives 4 values, but .* names 5 tags"):
        wd14.load(Options(model=str(tmp_path)))


def test_files_that_are_something_else_are_refused(tmp_path: Path) -> None:
    (tagger_folder(tmp_path, RATINGS) / "selected_tags.csv").write_text("<html>not found</html>\n\n1\n")
    with pytest.raises(CaptionerError, match="is no list of tags"):
        wd14.load(Options(model=str(tmp_path)))
    (tmp_path / "model.onnx").write_bytes(b"<html>not found</html>")
    with pytest.raises(CaptionerError, match="cannot be loaded"):
        wd14.load(Options(model=str(tmp_path)))
