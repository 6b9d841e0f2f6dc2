import io
import struct
import time
import zlib

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from loranb.dataset import health
from loranb.dataset.training_set import collect


def encoded(picture, form="JPEG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, depth, colour_type, pixels: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


STORED = {  # EXIF 2.32, table 6: which way the camera's rows and columns run
    1: lambda p: p,
    2: lambda p: p.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda p: p.rotate(180),
    4: lambda p: p.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda p: p.transpose(Image.Transpose.TRANSPOSE),
    6: lambda p: p.rotate(90, expand=True),
    7: lambda p: p.transpose(Image.Transpose.TRANSVERSE),
    8: lambda p: p.rotate(-90, expand=True),
}


def with_orientation(picture, orientation) -> dict:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"picture": STORED[orientation](picture), "exif": exif}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_pictures_stored_in_all_eight_orientations_are_one_picture_and_said_to_be_turned(leaves, town, project, form):
    for orientation in STORED:
        stored = with_orientation(leaves(size=(300, 400)), orientation)
        name = f"{orientation}.{form.lower().replace('jpeg', 'jpg')}"
        (town / name).write_bytes(encoded(stored["picture"], form, exif=stored["exif"]))
    report = health.check(project)
    assert {picture.size for picture in report.pictures} == {(300, 400)}
    assert [picture.has("exif_orientation") for picture in report.pictures] == [False] + [True] * 7
    assert len(report.groups.duplicates[0]) == 8


@pytest.mark.parametrize("tenth", range(1, 11))
def test_a_jpeg_cut_anywhere_is_left_out_as_damaged(leaves, town, found, tenth):
    whole = encoded(leaves(), quality=85)
    (town / "cut.jpg").write_bytes(whole[: len(whole) * tenth // 11])
    (town / "whole.jpg").write_bytes(whole)
    assert found()["cut.jpg"] == {"damaged"}
    assert "damaged" not in found()["whole.jpg"]


def warned_of(content: bytes) -> bool:
    """Whether libjpeg warns of anything in a full decode."""
    try:
        simplejpeg.decode_jpeg(content, strict=True)
    except ValueError:
        return True
    return False


def readable(content: bytes) -> bool:
    """Whether Pillow, which reads pictures for training, reads it whole."""
    try:
        Image.open(io.BytesIO(content)).load()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("progressive", [False, True])
def test_whatever_libjpeg_warns_of_is_told_and_what_pillow_reads_all_the_same_is_used(
    leaves, town, project, progressive
):
    whole, chance = encoded(leaves(size=(900, 600)), quality=85, progressive=progressive), np.random.default_rng(0)
    start = whole.index(b"\xff\xda") + 14  # where the pixels begin
    damaged = {}
    for number in range(12):
        flipped = bytearray(whole)
        for at in chance.integers(start, len(whole) - 2, 8):
            flipped[at] ^= 0x5A
        damaged[f"{number}.jpg"] = bytes(flipped)
        (town / f"{number}.jpg").write_bytes(flipped)
    pictures = health.check(project).pictures
    assert {p.path.name: p.has("damaged") for p in pictures} == {name: warned_of(c) for name, c in damaged.items()}
    assert {p.path.name: p.usable for p in pictures} == {name: readable(c) for name, c in damaged.items()}
    assert sum(picture.has("damaged") for picture in pictures) >= 6


def test_bytes_after_the_end_of_a_jpeg_are_no_damage(leaves, town, found):
    (town / "phone.jpg").write_bytes(encoded(leaves()) + b"made by a phone" * 50)
    assert "damaged" not in found()["phone.jpg"]


@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.8])
def test_other_pictures_that_are_cut_off_are_left_out_as_damaged(leaves, town, found, form, share):
    whole = encoded(leaves(size=(300, 300)), form)
    (town / f"cut.{form.lower()}").write_bytes(whole[: int(len(whole) * share)])
    assert found()[f"cut.{form.lower()}"] == {"damaged"}


def test_a_wrong_checksum_of_a_pngs_pixels_is_told_though_it_can_be_read(leaves, town, finding):
    content = bytearray(encoded(leaves(), "PNG"))
    at = content.index(b"IDAT") - 4
    length = int.from_bytes(content[at : at + 4], "big")
    content[at + 8 + length] ^= 0xFF
    (town / "crc.png").write_bytes(content)
    assert finding("damaged").severity == "warning"
    assert "IDAT" in finding("damaged").message


@pytest.mark.parametrize("tenth", range(1, 10))
def test_a_png_whose_pixels_cannot_be_unpacked_is_left_out_by_the_check_as_by_training(leaves, town, project, tenth):
    content = bytearray(encoded(leaves(), "PNG"))
    first, end = content.find(b"IDAT") + 4, content.find(b"IEND") - 8
    content[first + (end - first) * tenth // 10] ^= 0xFF
    (town / "broken.png").write_bytes(content)
    used = [image.path.name for image in collect(project.img).images]
    assert [picture.path.name for picture in health.check(project).pictures if picture.usable] == used


def test_a_wrong_checksum_of_a_pngs_header_leaves_it_out(leaves, town, finding):
    content = bytearray(encoded(leaves(), "PNG"))
    content[29] ^= 0xFF
    (town / "crc.png").write_bytes(content)
    assert finding("damaged").severity == "error"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "0 bytes"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"\n  <html lang='en'>", "web page"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "video"),
        (b"a cat on a red sofa, looking up", "text"),
        (bytes(range(256)), "not a picture"),
    ],
)
def test_what_is_no_picture_is_left_out_and_named_for_what_it_is(town, finding, content, said):
    (town / "a.jpg").write_bytes(content)
    assert finding("undecodable").severity == "error"
    assert said in finding("undecodable").message


def test_a_picture_bomb_is_reported_by_its_header_and_never_decoded(town, project):
    pixels = zlib.compress(bytes(1000))  # whoever decodes it asks for 900 million
    (town / "bomb.png").write_bytes(png(30000, 30000, 1, 0, pixels))
    began = time.monotonic()
    picture = health.check(project).pictures[0]
    assert time.monotonic() - began < 2
    assert [finding.code for finding in picture.findings] == ["too_large"]
    assert "30000 x 30000" in picture.findings[0].message
    assert not picture.usable


def test_a_picture_of_more_pixels_than_are_read_is_left_out_whoever_would_open_it(town, finding):
    (town / "large.png").write_bytes(png(14000, 13000, 1, 0, b""))  # Pillow only warns of these
    assert "14000 x 13000" in finding("too_large").message


@pytest.mark.parametrize(
    ("code", "name", "make"),
    [
        (
            "sixteen_bit",
            "grey.png",
            lambda p: encoded(Image.fromarray(np.asarray(p.convert("L"), np.uint16) * 257), "PNG"),
        ),
        (
            "sixteen_bit",
            "colour.png",
            lambda p: png(
                2,
                2,
                16,
                2,
                zlib.compress(b"".join(b"\0" + np.array([[9000, 30000, 60000]] * 2, ">u2").tobytes() for _ in "ab")),
            ),
        ),
        (
            "sixteen_bit",
            "grey.tif",
            lambda p: encoded(Image.fromarray(np.asarray(p.convert("L"), np.uint16) * 257), "TIFF"),
        ),
        ("cmyk", "print.jpg", lambda p: encoded(p.convert("CMYK"))),
        ("cmyk", "print.tif", lambda p: encoded(p.convert("CMYK"), "TIFF")),
        ("palette", "dots.png", lambda p: encoded(p.quantize(64), "PNG")),
        ("palette", "dots.gif", lambda p: encoded(p.quantize(64), "GIF")),
        ("greyscale", "grey.jpg", lambda p: encoded(p.convert("L"))),
        ("greyscale", "colourless.jpg", lambda p: encoded(p.convert("L").convert("RGB"))),
        ("animated", "moving.gif", lambda p: encoded(p, "GIF", save_all=True, append_images=[p.rotate(90)])),
        ("animated", "moving.webp", lambda p: encoded(p, "WEBP", save_all=True, append_images=[p.rotate(90)])),
        ("animated", "moving.png", lambda p: encoded(p, "PNG", save_all=True, append_images=[p.rotate(90)])),
        ("wrong_extension", "a.png", lambda p: encoded(p)),
        ("wrong_extension", "a.jpg", lambda p: encoded(p, "WEBP")),
    ],
)
def test_unusual_kinds_of_pictures_are_told_and_used(leaves, town, project, code, name, make):
    (town / name).write_bytes(make(leaves(size=(520, 520))))
    picture = health.check(project).pictures[0]
    assert picture.usable
    assert picture.has(code)


def test_a_coloured_jpeg_with_three_channels_is_none_of_these(leaves, town, found):
    leaves().save(town / "a.jpeg")
    unusual = {"sixteen_bit", "cmyk", "palette", "greyscale", "animated", "wrong_extension", "transparent"}
    assert not found()["a.jpeg"] & unusual


@pytest.mark.parametrize("name", ["rgba.png", "rgba.webp", "palette.png", "palette.gif", "grey.png"])
def test_transparent_parts_are_told_with_the_ground_they_are_laid_on(leaves, town, project, name):
    see_through = leaves(size=(300, 300)).convert("LA" if name == "grey.png" else "RGBA")
    hole = Image.new("L", (300, 300), 255)
    hole.paste(0, (100, 100, 150, 150))
    see_through.putalpha(hole)
    if name == "palette.png":  # a GIF has one anyway
        see_through = see_through.quantize(64)
    see_through.save(town / name)
    picture = health.check(project).pictures[0]
    assert [f for f in picture.findings if f.code == "transparent" and "white" in f.message]
    assert picture.has("palette") == ("palette" in name)


def test_an_alpha_channel_that_hides_nothing_is_not_told(leaves, town, found):
    leaves(size=(300, 300)).convert("RGBA").save(town / "a.png")
    assert "transparent" not in found()["a.png"]


def test_a_picture_that_cannot_be_opened_is_told(town, project):
    looked = health.Surveyor(project).look([town / "gone.jpg", town])
    assert [one.facts.problem for one in looked] == ["no_access", "no_access"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_whatever_bytes_are_broken_the_check_goes_on(leaves, town, found, form):
    whole, chance = encoded(leaves(size=(96, 96)), form), np.random.default_rng(1)
    for number in range(25):
        content = bytearray(whole)
        for place in chance.integers(0, len(content), 8):
            content[place] = chance.integers(0, 256)
        (town / f"{number}.{form.lower()}").write_bytes(content)
    assert len(found()) == 25


def test_an_iphones_picture_is_read_where_what_reads_it_is_installed(leaves, town, project):
    pytest.importorskip("pillow_heif").register_heif_opener()
    leaves(size=(300, 200)).save(town / "a.heic")
    picture = health.check(project).pictures[0]
    assert picture.usable
    assert picture.size == (300, 200)
