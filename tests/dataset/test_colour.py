"""Expected colours come from the formulas of CIE, IEC 61966-2-1 and the ICC's file format, written out here."""

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from loranb.dataset.colour import plain
from loranb.dataset.images import open_picture

P3 = [[0.486571, 0.265668, 0.198217], [0.228975, 0.691739, 0.079287], [0.0, 0.045113, 1.043944]]  # to XYZ, D65
SRGB = [[0.412391, 0.357584, 0.180481], [0.212639, 0.715169, 0.072192], [0.019331, 0.119195, 0.950532]]
D65_TO_D50 = [
    [1.0478112, 0.0228866, -0.0501270],
    [0.0295424, 0.9904844, -0.0170491],
    [-0.0092345, 0.0150436, 0.7521316],
]
D50 = np.array([0.9642, 1.0, 0.8249])


def encoded(linear):
    """Apply sRGB's curve; 0 to 255."""
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def srgb_of_lab(lab):
    """Turn CIE L*a*b* (D50) into sRGB; 0 to 255."""
    fy = (lab[0] + 16) / 116
    f = np.array([fy + lab[1] / 500, fy, fy - lab[2] / 200])
    xyz = D50 * np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29))
    return encoded(np.linalg.inv(np.array(D65_TO_D50) @ SRGB) @ xyz)


def profile(space, tags):
    """Write a minimal ICC profile, version 2."""
    table, body = b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += name + struct.pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(content))
        body += content
    size = 128 + 4 + len(table) + len(body)
    pcs, kind = (b"Lab ", b"prtr") if space == b"CMYK" else (b"XYZ ", b"mntr")
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02400000, kind, space, pcs) + bytes(12) + b"acsp"
    head = head.ljust(68, b"\0") + b"".join(fixed(value) for value in D50)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def fixed(value):
    return struct.pack(">i", round(value * 65536))


def gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def rgb_profile(to_xyz, exponent):
    columns = (np.array(D65_TO_D50) @ to_xyz).T
    named = zip((b"r", b"g", b"b"), columns, strict=True)
    tags = {name + b"XYZ": b"XYZ \0\0\0\0" + b"".join(map(fixed, column)) for name, column in named}
    return profile(b"RGB ", tags | {name + b"TRC": gamma(exponent) for name in (b"r", b"g", b"b")})


def cmyk_profile(cyan):
    """Full cyan is this Lab, black is black, all else is white; by a table of 2 x 2 x 2 x 2."""
    corners = [
        (0, 0, 0) if black else cyan if c and not m and not y else (100, 0, 0)
        for c in (0, 1) for m in (0, 1) for y in (0, 1) for black in (0, 1)
    ]  # fmt: skip
    table = bytes(round(v) for lab in corners for v in (lab[0] * 2.55, lab[1] + 128, lab[2] + 128))
    matrix = b"".join(fixed(v) for v in np.eye(3).ravel())
    head = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix
    return profile(b"CMYK", {b"A2B0": head + bytes(range(256)) * 4 + table + bytes(range(256)) * 3})


@pytest.mark.parametrize("colour", [(200, 30, 40), (20, 180, 90), (120, 130, 140), (255, 255, 255), (90, 60, 30)])
def test_display_p3_becomes_srgb(colour):
    picture = Image.new("RGB", (4, 4), colour)
    picture.info["icc_profile"] = rgb_profile(P3, 2.2)
    wanted = encoded(np.linalg.inv(SRGB) @ np.array(P3) @ (np.array(colour) / 255) ** 2.2)
    assert np.array(plain(picture, "white").getpixel((1, 1))) == pytest.approx(wanted, abs=2)


def test_a_profile_that_is_srgb_changes_nothing():
    colours = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    picture = Image.fromarray(colours)
    picture.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(plain(picture, "white"), colours)


def test_several_pictures_at_once_come_out_as_one_by_one():
    pictures = [Image.effect_noise((400, 300), 30 + 10 * number).convert("RGB") for number in range(16)]
    for picture in pictures:
        picture.info["icc_profile"] = rgb_profile(P3, 1.8)
    singly = [plain(picture, "white").tobytes() for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        assert [picture.tobytes() for picture in pool.map(plain, pictures, ["white"] * 16)] == singly


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "P", "RGBA"])
def test_a_broken_profile_or_one_of_another_kind_of_picture_is_as_if_there_were_none(mode):
    without = Image.effect_noise((20, 20), 90).convert("RGB").convert(mode)
    for broken in (b"no profile", cmyk_profile((50, 0, 0)) if mode != "CMYK" else rgb_profile(P3, 2.2)):
        given = without.copy()
        given.info["icc_profile"] = broken
        assert np.array_equal(plain(given, "white"), plain(without, "white"))


def test_a_grey_profile_is_followed():
    picture = Image.new("L", (4, 4), 100)
    picture.info["icc_profile"] = profile(b"GRAY", {b"kTRC": gamma(1.0), b"wtpt": b"XYZ \0\0\0\0" + bytes(12)})
    assert plain(picture, "white").getpixel((0, 0)) == pytest.approx([float(encoded(np.array(100 / 255)))] * 3, abs=2)


def test_cmyk_follows_its_profile():
    picture = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    picture.info["icc_profile"] = cmyk_profile(cyan=(60, -20, -30))
    assert np.array(plain(picture, "white").getpixel((0, 0))) == pytest.approx(
        srgb_of_lab(np.array((60, -20, -30))), abs=3
    )


def test_cmyk_without_a_profile_has_white_paper_and_black_ink(tmp_path):
    picture = Image.new("CMYK", (64, 64), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (32, 0, 64, 64))
    picture.save(tmp_path / "a.jpg", quality=95)  # as Adobe's, with inverted values
    seen = open_picture(tmp_path / "a.jpg")
    assert min(seen.getpixel((8, 8))) > 250
    assert max(seen.getpixel((56, 8))) < 5


@pytest.mark.parametrize("lab", [(60, 40, 30), (70, -30, 20), (40, 5, -40), (100, 0, 0)])
def test_lab_becomes_srgb(tmp_path, lab):
    stored = [round(lab[0] * 2.55), lab[1] % 256, lab[2] % 256]  # a and b are signed bytes in a TIFF, and in Pillow
    Image.frombytes("LAB", (4, 4), bytes(stored) * 16).save(tmp_path / "a.tif")
    seen = np.array(open_picture(tmp_path / "a.tif").getpixel((1, 1)))
    assert seen == pytest.approx(srgb_of_lab(np.array(lab)), abs=3)


def test_a_transparent_pictures_profile_is_followed_and_its_alpha_kept():
    picture = Image.new("RGBA", (4, 4), (200, 30, 40, 128))
    picture.info["icc_profile"] = rgb_profile(P3, 2.2)
    opaque = encoded(np.linalg.inv(SRGB) @ np.array(P3) @ (np.array((200, 30, 40)) / 255) ** 2.2)
    wanted = (opaque * 128 + np.array((0, 0, 255)) * 127) / 255
    assert np.array(plain(picture, "blue").getpixel((1, 1))) == pytest.approx(wanted, abs=2)


@pytest.mark.parametrize(
    "picture",
    [
        Image.new("RGBA", (8, 8), (255, 0, 0, 0)),
        Image.new("LA", (8, 8), (200, 0)),
        Image.new("PA", (8, 8), (3, 0)),
    ],
    ids=["RGBA", "LA", "PA"],
)
def test_what_is_transparent_is_laid_on_the_background(picture):
    assert plain(picture, "white").getpixel((5, 5)) == (255, 255, 255)
    assert plain(picture, "#102030").getpixel((5, 5)) == (0x10, 0x20, 0x30)


@pytest.mark.parametrize("mode", ["P", "RGB", "L", "1"])
def test_the_one_colour_that_is_transparent_is_laid_on_the_background(tmp_path, mode):
    picture = Image.new(mode, (8, 8), 0)
    picture.save(tmp_path / "a.png", transparency=(0, 0, 0) if mode == "RGB" else 0)
    assert open_picture(tmp_path / "a.png", "#102030").getpixel((5, 5)) == (0x10, 0x20, 0x30)


def test_a_gif_with_transparency_is_laid_on_the_background(tmp_path):
    Image.new("P", (8, 8), 3).save(tmp_path / "a.gif", transparency=3)
    assert open_picture(tmp_path / "a.gif", "lime").getpixel((5, 5)) == (0, 255, 0)


def png(path, kind, values, extra=b""):
    """Write a PNG of 16 bits, which Pillow cannot; values have shape (H, W, channels)."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def tiff(path, values):
    """Write a TIFF of 16 bits a channel, RGB or grey, little-endian and not compressed."""
    height, width, channels = values.shape
    data = values.astype("<u2").tobytes()
    bits, where = (16, 8) if channels == 1 else (8 + len(data), 8)
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, channels, bits), (259, 3, 1, 1),
            (262, 3, 1, 2 if channels == 3 else 1), (273, 4, 1, where), (277, 3, 1, channels), (278, 3, 1, height),
            (279, 4, 1, len(data))]  # fmt: skip
    after = data + struct.pack("<3H", 16, 16, 16) + bytes(2)
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(after)) + after + table)


@pytest.mark.parametrize("write", [lambda path, values: png(path, 2, values), tiff], ids=["PNG", "TIFF"])
def test_sixteen_bit_colours_keep_their_shades(tmp_path, write):
    values = np.array([[[0, 32768, 65535], [1000, 20000, 60000]]] * 3)
    write(tmp_path / "a", values)
    assert np.abs(np.asarray(open_picture(tmp_path / "a")) - values / 257).max() < 1


@pytest.mark.parametrize("write", [lambda path, values: png(path, 0, values), tiff], ids=["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_shades(tmp_path, write):
    write(tmp_path / "a", np.array([[[0], [32768], [65535]]] * 3))
    assert [open_picture(tmp_path / "a").getpixel((x, 0)) for x in range(3)] == [(0,) * 3, (128,) * 3, (255,) * 3]


def test_big_endian_sixteen_bit_grey_is_read(tmp_path):
    Image.fromarray(np.array([[0, 32768, 65535]] * 3, dtype=">u2")).save(tmp_path / "a.tif")
    assert [open_picture(tmp_path / "a.tif").getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_sixteen_bit_alpha_is_laid_on_the_background(tmp_path):
    png(tmp_path / "a.png", 6, np.array([[[65535, 0, 0, 0], [65535, 0, 0, 65535]]]))
    seen = open_picture(tmp_path / "a.png", "blue")
    assert [seen.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 255), (255, 0, 0)]


def test_the_transparent_shade_of_sixteen_bit_grey_is_laid_on_the_background(tmp_path):
    clear = struct.pack(">H", 32768)
    chunk = struct.pack(">I", 2) + b"tRNS" + clear + struct.pack(">I", zlib.crc32(b"tRNS" + clear))
    png(tmp_path / "a.png", 0, np.array([[[32768], [32767]]]), chunk)
    seen = open_picture(tmp_path / "a.png", "lime")
    assert [seen.getpixel((x, 0)) for x in (0, 1)] == [(0, 255, 0), (127, 127, 127)]


@pytest.mark.parametrize(("values", "wanted"), [((0.0, 0.5, 1.0), (0, 127, 255)), ((0.0, 100.0, 300.0), (0, 100, 255))])
def test_shades_of_floating_point_are_taken_from_0_to_1_or_to_255(tmp_path, values, wanted):
    Image.fromarray(np.array([values], dtype=np.float32)).save(tmp_path / "a.tif")
    assert [open_picture(tmp_path / "a.tif").getpixel((x, 0))[0] for x in range(3)] == list(wanted)


def test_what_is_saved_again_does_not_carry_the_old_profile():
    picture = Image.new("RGB", (4, 4), (200, 30, 40))
    picture.info["icc_profile"] = rgb_profile(P3, 2.2)
    out = io.BytesIO()
    made = plain(picture, "white")
    made.save(out, "PNG")
    again = Image.open(out)
    assert "icc_profile" not in again.info
    assert np.array_equal(plain(again, "white"), made)
