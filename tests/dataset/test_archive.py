import copy
import shutil
import stat
import struct
import zipfile
from collections import namedtuple

import pytest

from loranb.dataset import archive
from loranb.dataset.archive import Limits, is_archive, unpack
from loranb.errors import DatasetError

LOCAL_FLAGS, LOCAL_SIZE = 6, 22  # offsets in a member's own header (APPNOTE.TXT 4.3.7)
CENTRAL_FLAGS, CENTRAL_SIZE = 8, 24  # and in the archive's list (4.3.12)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pictures.zip"


@pytest.fixture
def refused(tmp_path, file):
    """Unpack, expect a message, and see that nothing is left behind."""

    def refused(said, limits=archive.LIMITS):
        with pytest.raises(DatasetError, match=said) as caught:
            unpack(file, tmp_path / "out", limits=limits)
        assert "pictures.zip" in str(caught.value)
        assert [path.name for path in tmp_path.iterdir()] == ["pictures.zip"]

    return refused


def pack(file, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(file, "w", method) as made:
        for name, content in members.items():
            made.writestr(name, content)


def patch(file, sizes=(), flags=None, name=None):
    """Change what the headers of an archive of one member say."""
    content = bytearray(file.read_bytes())
    central = content.rfind(b"PK\1\2")
    for start, flag_at, size_at in ((0, LOCAL_FLAGS, LOCAL_SIZE), (central, CENTRAL_FLAGS, CENTRAL_SIZE)):
        if flags is not None:
            struct.pack_into("<H", content, start + flag_at, flags)
        for size in sizes:
            struct.pack_into("<L", content, start + size_at, size)
    if name:
        content = content.replace(*name)
    file.write_bytes(content)


def unpacked(file, target):
    unpack(file, target)
    return {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()}


def test_what_was_packed_comes_out(tmp_path, file):
    pack(file, {"a.jpg": b"A" * 3000, "deep/er/b.txt": b"", "empty/": b""}, zipfile.ZIP_DEFLATED)
    assert unpacked(file, tmp_path / "out") == {"a.jpg": b"A" * 3000, "deep/er/b.txt": b""}


def test_members_of_zip64_come_out(tmp_path, file):
    with zipfile.ZipFile(file, "w") as made, made.open("a.jpg", "w", force_zip64=True) as member:
        member.write(b"A" * 3000)
    assert unpacked(file, tmp_path / "out") == {"a.jpg": b"A" * 3000}


def test_backslashes_of_windows_are_folders(tmp_path, file):
    pack(file, {r"cats\a.jpg": b"A"})
    assert unpacked(file, tmp_path / "out") == {"cats/a.jpg": b"A"}


@pytest.mark.parametrize(
    "name",
    [
        *("../evil.png", "a/../../evil.png", "a/..", "/evil.png", "//server/share/evil.png"),
        *(r"..\evil.png", r"a\..\..\evil.png", r"\evil.png", r"\\server\share\evil.png"),
        *("C:/evil.png", r"C:\evil.png", "c:evil.png"),
    ],
)
def test_a_name_that_leads_outside_is_refused(file, refused, name):
    pack(file, {"good.png": b"x", name: b"x"})
    refused("evil|'a/..'")
    with pytest.raises(DatasetError, match="outside its folder"):
        unpack(file, file.parent / "deep" / "out")
    assert not list(file.parent.rglob("evil.png"))


@pytest.mark.parametrize(
    ("kind", "said"),
    [(stat.S_IFLNK, "link 'a.png'"), (stat.S_IFCHR, "'a.png', which is neither"), (stat.S_IFIFO, "'a.png'")],
)
def test_what_is_no_file_is_refused(file, refused, kind, said):
    info = zipfile.ZipInfo("a.png")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    pack(file, {info: b"/etc/passwd"})
    refused(said)


def test_a_total_beyond_the_limit_is_refused_by_its_largest_member(file, refused):
    pack(file, {"a.bmp": bytes(400), "b.bmp": bytes(700)})
    refused("1 KiB, 'b.bmp' alone to 700 bytes; 1,000 bytes are allowed", Limits(total=1000))


def test_a_member_that_is_packed_too_tightly_is_refused(file, refused):
    pack(file, {"a.png": b"x" * 60_000, "b.png": bytes(100_000_000)}, zipfile.ZIP_DEFLATED)
    refused("'b.png', which would unpack to 95 MiB from 95 KiB.*200 times")


def test_small_files_may_be_packed_as_tightly_as_they_like(tmp_path, file):
    pack(file, {"a.bmp": bytes(1_000_000)}, zipfile.ZIP_DEFLATED)
    assert len(unpacked(file, tmp_path / "out")["a.bmp"]) == 1_000_000


def test_members_that_share_their_bytes_are_refused(file, refused):
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("0.png", bytes(100_000))
        for number in range(1, 300):
            again = copy.copy(made.filelist[0])
            again.filename = again.orig_filename = f"{number}.png"
            made.filelist.append(again)
    refused("would unpack to 29 MiB from 1[0-9]{2} KiB")


def test_too_many_files_are_refused(file, refused):
    pack(file, {f"{number}.png": b"" for number in range(4)})
    refused("holds 4 files; 3 are allowed", Limits(files=3))


@pytest.mark.parametrize("zip64", [False, True])
def test_a_list_of_millions_of_names_is_refused_unread(file, refused, monkeypatch, zip64):
    if zip64:
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 10)
    pack(file, {f"{number}.png": b"" for number in range(50)})
    assert (b"PK\6\6" in file.read_bytes()) == zip64
    monkeypatch.setattr(zipfile, "ZipFile", None)  # it would read them
    refused("KiB of file names; 5 files are allowed", Limits(files=5))


@pytest.mark.parametrize(
    "name", ["a/" * 40 + "b.png", "x" * 252 + ".png", "ö" * 126 + ".png", ("y" * 200 + "/") * 6 + "b.png"]
)
def test_names_that_no_disk_takes_are_refused(file, refused, name):
    pack(file, {name: b"x"})
    refused("32 folders, 255 bytes a name and 1000 in all are allowed")


def test_a_password_is_asked_for_by_nobody(file, refused):
    pack(file, {"a.png": b"x" * 100})
    patch(file, flags=1)
    refused("needs a password for 'a.png'")


@pytest.mark.parametrize(("method", "name"), [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_packing_that_cannot_be_read_in_bounded_memory_is_refused(file, refused, method, name):
    pack(file, {"a.png": b"x" * 100}, method)
    refused(f"'a.png' by {name}")


def test_a_flipped_byte_is_found(file, refused):
    pack(file, {"good.png": b"y" * 1000, "a.png": b"x" * 1000})
    file.write_bytes(file.read_bytes().replace(b"x" * 1000, b"x" * 500 + b"z" + b"x" * 499))
    refused("damaged at 'a.png': Bad CRC-32")


def test_broken_compression_is_found(file, refused):
    pack(file, {"a.png": bytes(range(256)) * 200}, zipfile.ZIP_DEFLATED)
    content = bytearray(file.read_bytes())
    content[60:90] = b"\xff" * 30
    file.write_bytes(content)
    refused("damaged at 'a.png'")


@pytest.mark.parametrize("size", [10, 999, 1001, 5000])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_lies_about_the_size_is_found(file, refused, size, method):
    pack(file, {"a.png": b"x" * 1000}, method)
    patch(file, sizes=[size])
    refused("damaged at 'a.png'")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("again", ["a.png", "./a.png", "b//a.png"])
def test_a_name_that_comes_twice_is_refused(file, refused, again):
    with zipfile.ZipFile(file, "w") as made:
        for name in ("a.png", "b/a.png", again):
            made.writestr(name, b"x")
    refused("a.png' twice")


def test_a_file_that_is_also_a_folder_is_refused(file, refused):
    pack(file, {"a.png": b"1", "a.png/b.png": b"2"})
    refused("'a.png/b.png' twice")


def test_names_that_differ_by_capitals_stay_two_where_the_disk_can_tell_them_apart(tmp_path, file):
    (tmp_path / "PROBE").touch()
    if (tmp_path / "probe").exists():
        pytest.skip("this disk knows no capitals")
    pack(file, {"A.jpg": b"1", "a.jpg": b"2"})
    assert unpacked(file, tmp_path / "out") == {"A.jpg": b"1", "a.jpg": b"2"}


def test_names_in_utf_8_are_read_whether_marked_or_not(tmp_path, file):
    pack(file, {"b\u00e4r_\u732b.jpg": b"1"})
    assert unpacked(file, tmp_path / "marked") == {"b\u00e4r_\u732b.jpg": b"1"}
    patch(file, flags=0)
    assert unpacked(file, tmp_path / "unmarked") == {"b\u00e4r_\u732b.jpg": b"1"}


def test_names_in_no_utf_8_are_read_as_dos_wrote_them(tmp_path, file):
    pack(file, {"bxr.jpg": b"1"})
    patch(file, name=(b"bxr.jpg", b"b\x84r.jpg"))  # code page 437: ä
    assert unpacked(file, tmp_path / "out") == {"b\u00e4r.jpg": b"1"}


def test_a_name_that_is_marked_as_utf_8_and_is_none_is_refused(file, refused):
    pack(file, {"b\u00e4r.jpg": b"1"})
    patch(file, name=(b"b\xc3\xa4r.jpg", b"b\xff\xfer.jpg"))
    refused("pictures.zip is damaged")


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_an_archive_that_is_cut_off_is_refused(file, refused, keep):
    pack(file, {"a.png": bytes(range(256)) * 4})
    file.write_bytes(file.read_bytes()[:keep])
    refused("damaged")
    with pytest.raises(DatasetError, match="cut off"):
        is_archive(file)


def test_a_disk_without_room_is_found_before_it_is_full(file, refused, monkeypatch):
    pack(file, {"a.png": b"x" * 3000})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(9000, 7000, 2000))
    refused("unpacks to 3 KiB, and 2 KiB are free")


def test_stopping_leaves_nothing_behind(tmp_path, file):
    pack(file, {"a.png": b"x" * 3000, "b.png": b"x" * 3000})
    told = []

    def stop(done, total, doing):
        told.append((done, total, doing))
        if done > 3000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(file, tmp_path / "out", stop)
    assert told == [(3000, 6000, "Unpacking pictures.zip"), (6000, 6000, "Unpacking pictures.zip")]
    assert not (tmp_path / "out").exists()


def test_an_archive_is_known_by_its_content(tmp_path, file):
    pack(file, {"a.png": b"x"})
    shutil.copy(file, tmp_path / "download")
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "picture.jpg").write_bytes(b"\xff\xd8\xff" + file.read_bytes())
    assert is_archive(tmp_path / "download")
    assert not is_archive(tmp_path / "notes.txt")
    assert not is_archive(tmp_path / "picture.jpg")  # a picture with a zip at its end is a picture
    assert not is_archive(tmp_path)


@pytest.mark.parametrize("name", ["a.rar", "a.7z", "a.tar.gz"])
def test_archives_of_other_kinds_are_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"Rar!")
    with pytest.raises(DatasetError, match="only zip archives"):
        is_archive(tmp_path / name)
