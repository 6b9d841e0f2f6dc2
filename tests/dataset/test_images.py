import io

import numpy as np
import pytest
from PIL import Image

from loranb.dataset.images import inspect, is_picture, open_picture, picture_files, scan, thumbnail
from loranb.errors import DatasetError


def test_a_picture_lying_on_its_side_is_turned_upright(tmp_path):
    upright = Image.new("RGB", (60, 90), "blue")
    upright.paste("red", (0, 0, 60, 20))  # red on top
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn a quarter clockwise to see it
    upright.rotate(90, expand=True).save(tmp_path / "a.png", exif=exif)
    seen = open_picture(tmp_path / "a.png")
    assert seen.size == (60, 90)
    assert seen.getpixel((30, 5)) == (255, 0, 0)
    assert inspect(tmp_path / "a.png").width == 60


def test_transparent_parts_are_white(tmp_path):
    Image.new("RGBA", (300, 300), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert open_picture(tmp_path / "a.png").getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_shades(tmp_path):
    Image.fromarray(np.array([[0, 32768, 65535]] * 3, dtype=np.uint16)).save(tmp_path / "a.png")
    assert [open_picture(tmp_path / "a.png").getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def broken(path, how):
    jpeg = io.BytesIO()
    Image.effect_noise((300, 300), 50).convert("RGB").save(jpeg, "JPEG")
    content = {"truncated": jpeg.getvalue()[:4000], "empty": b"", "text": b"no picture at all"}[how]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("how", "said"), [("truncated", "too early"), ("empty", "0 bytes"), ("text", "not a picture")])
def test_a_bad_picture_is_named_with_the_reason_and_the_rest_is_read(tmp_path, how, said):
    Image.new("RGB", (300, 300)).save(tmp_path / "good.png")
    bad, good = scan([broken(tmp_path / "bad.jpg", how), tmp_path / "good.png"])
    assert good.usable
    assert not bad.usable
    assert "bad.jpg" in bad.problem
    assert said in bad.problem


def test_a_decompression_bomb_is_reported_and_not_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr("loranb.dataset.images.LARGEST", 1000)
    Image.new("1", (100, 100)).save(tmp_path / "bomb.png")
    assert "100 x 100" in inspect(tmp_path / "bomb.png").problem


def test_a_picture_that_went_away_is_told(tmp_path):
    assert "not there" in inspect(tmp_path / "gone.png").problem


def test_a_small_picture_is_used_with_a_remark(tmp_path):
    Image.new("RGB", (100, 400)).save(tmp_path / "a.png")
    found = inspect(tmp_path / "a.png")
    assert found.usable
    assert any("small" in remark for remark in found.remarks)


@pytest.mark.parametrize("name", ["a.txt", "._a.jpg", ".DS_Store", "Thumbs.db", "__MACOSX/a.jpg"])
def test_what_is_no_picture_is_left_out(tmp_path, name):
    assert not is_picture(tmp_path / name)


@pytest.mark.parametrize("name", ["a.JPG", "b.jpeg", "c.webp", "d.Png", "e.bmp", "f.tiff", "g.avif", "h.gif"])
def test_pictures_are_known_by_their_endings_in_any_case(tmp_path, name):
    (tmp_path / name).touch()
    assert picture_files(tmp_path) == [tmp_path / name]


def test_a_thumbnail_is_made_once_and_anew_when_the_picture_changes(tmp_path):
    picture = tmp_path / "a.png"
    Image.new("RGB", (900, 600), "red").save(picture)
    first = thumbnail(picture, tmp_path / "cache")
    assert Image.open(io.BytesIO(first)).size == (256, 171)
    assert thumbnail(picture, tmp_path / "cache") == first
    Image.new("RGB", (600, 900), "blue").save(picture)
    assert Image.open(io.BytesIO(thumbnail(picture, tmp_path / "cache"))).size == (171, 256)


def test_a_thumbnail_of_a_bad_picture_raises_the_reason(tmp_path):
    with pytest.raises(DatasetError, match="bad.jpg"):
        thumbnail(broken(tmp_path / "bad.jpg", "text"), tmp_path / "cache")


def test_damaged_exif_does_not_cost_the_picture(tmp_path):
    Image.new("RGB", (300, 300), "red").save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")
    assert inspect(tmp_path / "a.jpg").usable


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "PNG", "JPEG", "GIF", "TIFF", "BMP"])
def test_whatever_bytes_are_damaged_a_scan_goes_on(tmp_path, kind):
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(whole, kind)
    damage = np.random.default_rng(1)
    paths = []
    for number in range(25):
        content = bytearray(whole.getvalue())
        for place in damage.integers(0, len(content), 8):
            content[place] = damage.integers(0, 256)
        paths.append(tmp_path / f"{number}.{kind.lower()}")
        paths[-1].write_bytes(content)
    assert len(scan(paths)) == 25


def test_big_endian_sixteen_bit_grey_is_read(tmp_path):
    Image.fromarray(np.array([[0, 32768, 65535]] * 3, dtype=">u2")).save(tmp_path / "a.tif")
    assert [open_picture(tmp_path / "a.tif").getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]
