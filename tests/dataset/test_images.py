import io
import os
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from loranb.dataset import images
from loranb.dataset.images import is_picture, look, open_picture, open_small, picture_files
from loranb.errors import DatasetError


def blocks(width=64, height=96):
    """Four colours, one in each corner: no two ways of turning it look the same."""
    seen = np.zeros((height, width, 3), np.uint8)
    seen[: height // 2, : width // 2] = (220, 40, 40)
    seen[: height // 2, width // 2 :] = (40, 200, 60)
    seen[height // 2 :, : width // 2] = (50, 60, 210)
    seen[height // 2 :, width // 2 :] = (230, 220, 60)
    return seen


# Where the stored picture's first row and first column are to be seen (EXIF 2.32, tag 0x0112).
STORED = {
    1: lambda seen: seen,  # top, left
    2: lambda seen: seen[:, ::-1],  # top, right
    3: lambda seen: seen[::-1, ::-1],  # bottom, right
    4: lambda seen: seen[::-1],  # bottom, left
    5: lambda seen: seen.swapaxes(0, 1),  # left, top
    6: lambda seen: np.rot90(seen),  # right, top
    7: lambda seen: seen[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda seen: np.rot90(seen, -1),  # left, bottom
}


def lying(path, orientation, seen=None):
    """Write a picture as a camera does that was held in another way."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = STORED[orientation](blocks() if seen is None else seen)
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif.tobytes())
    return path


def problem(path):
    """Say what is wrong with a picture; nothing where it can be used."""
    try:
        look(path)
    except DatasetError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif", "avif", "heic"])
def test_a_picture_is_turned_as_exif_says(tmp_path, ending, orientation):
    if ending == "heic":
        pytest.importorskip("pillow_heif").register_heif_opener()
    path = lying(tmp_path / f"a.{ending}", orientation)
    seen = np.asarray(open_picture(path)).astype(int)
    assert seen.shape == blocks().shape
    assert np.abs(seen - blocks()).mean() < 12
    assert look(path) == (64, 96)


@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_read_small_is_turned_too_and_its_full_size_is_told(tmp_path, orientation):
    path = lying(tmp_path / "a.jpg", orientation, blocks(640, 960))
    small, full = open_small(path, lambda size: (size[0] // 5, size[1] // 5))
    assert full == (640, 960)
    assert small.size == (160, 240)  # a quarter: the next that is not smaller than a fifth
    assert np.abs(np.asarray(small).astype(int) - blocks(160, 240)).mean() < 12


def test_damaged_exif_does_not_cost_the_picture(tmp_path):
    Image.new("RGB", (300, 300), "red").save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")
    assert look(tmp_path / "a.jpg") == (300, 300)


@pytest.mark.parametrize("orientation", [0, 9, 4711])
def test_a_way_of_turning_that_there_is_not_turns_nothing(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(blocks()).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(open_picture(tmp_path / "a.png"), blocks())


@pytest.mark.parametrize(("name", "kind"), [("a.gif", "GIF"), ("a.png", "PNG"), ("a.webp", "WEBP"), ("a.tif", "TIFF")])
def test_of_an_animation_or_several_pages_the_first_is_read(tmp_path, name, kind):
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / name, kind, save_all=True, append_images=frames[1:])
    assert Image.open(tmp_path / name).n_frames == 3
    assert np.abs(np.asarray(open_picture(tmp_path / name)).astype(int) - (255, 0, 0)).max() < 8


def test_a_heic_picture_is_read_whatever_its_name(tmp_path):
    pytest.importorskip("pillow_heif").register_heif_opener()
    Image.fromarray(blocks()).save(tmp_path / "a.heic", quality=95)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.heic").read_bytes())  # as some phones name them
    for name in ("a.heic", "b.jpg"):
        assert np.abs(np.asarray(open_picture(tmp_path / name)).astype(int) - blocks()).mean() < 12


def test_where_heic_cannot_be_read_it_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(500))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # what Python finds where it is not installed
    images.learn_heif.cache_clear()
    with pytest.raises(DatasetError, match=r'a\.heic .*pip install "loranb\[heif\]"'):
        open_picture(tmp_path / "a.heic")
    images.learn_heif.cache_clear()


def test_what_only_another_program_can_open_is_not_opened(tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "a.eps")  # Pillow has Ghostscript run such a file
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match="not a picture, whatever its name"):
        open_picture(tmp_path / "a.jpg")


def broken(path, how):
    jpeg = io.BytesIO()
    Image.effect_noise((300, 300), 50).convert("RGB").save(jpeg, "JPEG")
    content = {"truncated": jpeg.getvalue()[:4000], "empty": b"", "text": b"no picture at all"}[how]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("how", "said"), [("truncated", "too early"), ("empty", "0 bytes"), ("text", "not a picture")])
def test_a_bad_picture_is_named_with_the_reason(tmp_path, how, said):
    told = problem(broken(tmp_path / "bad.jpg", how))
    assert "bad.jpg" in told
    assert said in told


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("tenth", range(10))
def test_a_jpeg_that_is_cut_off_anywhere_is_not_used(tmp_path, tenth, progressive):
    jpeg = io.BytesIO()
    Image.effect_noise((320, 240), 60).convert("RGB").save(jpeg, "JPEG", quality=90, progressive=progressive)
    whole = jpeg.getvalue()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) * tenth // 10 + 100])
    with pytest.raises(DatasetError, match=r"a\.jpg"):
        look(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match=r"a\.jpg"):
        open_picture(tmp_path / "a.jpg")


def test_a_decompression_bomb_is_reported_and_not_decoded(tmp_path):
    def chunk(kind, content):
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    side = (30_000).to_bytes(4, "big")
    header = chunk(b"IHDR", side + side + b"\x08\x02\0\0\0")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    assert "900,000,000 pixels" in problem(tmp_path / "bomb.png")


def test_a_picture_that_went_away_is_told(tmp_path):
    assert "not there" in problem(tmp_path / "gone.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_picture_that_may_not_be_read_is_told(tmp_path):
    Image.new("RGB", (300, 300)).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    assert "Permission denied" in problem(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.txt", "._a.jpg", ".DS_Store", "Thumbs.db", "__MACOSX/a.jpg"])
def test_what_is_no_picture_is_left_out(tmp_path, name):
    assert not is_picture(tmp_path / name)


@pytest.mark.parametrize(
    "name",
    [
        *("a.JPG", "b.jpeg", "c.webp", "d.Png", "e.bmp", "f.tiff", "g.avif", "h.gif", "i.HEIC", "j.heif", "k.jfif"),
        *("l.jpe", "m.tif"),
    ],
)
def test_pictures_are_known_by_their_endings_in_any_case(tmp_path, name):
    (tmp_path / name).touch()
    assert picture_files(tmp_path) == [tmp_path / name]


@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "PNG", "JPEG", "GIF", "TIFF", "BMP", "HEIF"])
def test_whatever_bytes_are_damaged_a_scan_goes_on(tmp_path, kind):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
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
    told = [problem(path) for path in paths]
    assert all(not text or path.name in text for path, text in zip(paths, told, strict=True))
