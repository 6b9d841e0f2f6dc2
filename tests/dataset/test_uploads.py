import hashlib
import os
import shutil
import threading
import time
from collections import namedtuple

import pytest

from loranb.dataset.uploads import CannotWrite, Inbox, Incoming, OutOfOrder, safe_name
from loranb.errors import DatasetError

USAGE = namedtuple("USAGE", "total used free")


@pytest.fixture
def inbox(tmp_path):
    return Inbox(tmp_path / "uploads")


def _send(inbox, file, content, piece=3):
    for at in range(inbox.held(file), len(content), piece):
        inbox.write(file, at, content[at : at + piece])


def _files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_pieces_become_the_file_that_was_sent(inbox):
    content = os.urandom(10_000)
    file = Incoming("church.jpg", len(content), 1_700_000_000_000)
    _send(inbox, file, memoryview(content), piece=999)
    (path,) = inbox.hand_over([[file]])
    assert path.name == "church.jpg"
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(content).digest()


def test_writing_says_how_much_has_arrived(inbox):
    file = Incoming("church.jpg", 5)
    assert inbox.held(file) == 0
    assert inbox.write(file, 0, b"abc") == 3
    assert inbox.held(file) == 3
    assert inbox.write(file, 3, b"de") == 5


def test_what_has_arrived_outlives_the_kernel(tmp_path):
    file = Incoming("church.jpg", 6, 7)
    Inbox(tmp_path).write(file, 0, b"abc")
    after = Inbox(tmp_path)
    assert after.held(Incoming("church.jpg", 6, 7)) == 3
    assert after.kept() == {file: 3}
    _send(after, file, b"abcdef")
    assert after.hand_over([[file]])[0].read_bytes() == b"abcdef"


@pytest.mark.parametrize("other", [Incoming("a.jpg", 6, 7), Incoming("b.jpg", 5, 7), Incoming("b.jpg", 6, 8)])
def test_a_file_is_another_when_its_name_its_size_or_its_time_is(inbox, other):
    inbox.write(Incoming("b.jpg", 6, 7), 0, b"abc")
    assert inbox.held(other) == 0


@pytest.mark.parametrize("at", [0, 2, 4])
def test_a_piece_out_of_order_is_refused_and_changes_nothing(inbox, at):
    file = Incoming("church.jpg", 6)
    inbox.write(file, 0, b"abc")
    with pytest.raises(OutOfOrder, match="3 have arrived") as caught:
        inbox.write(file, at, b"zz")
    assert caught.value.held == 3
    _send(inbox, file, b"abcdef")
    assert inbox.hand_over([[file]])[0].read_bytes() == b"abcdef"


def test_more_than_was_said_is_refused_and_less_is_not_handed_over(inbox):
    file = Incoming("church.jpg", 4)
    inbox.write(file, 0, b"abc")
    with pytest.raises(DatasetError, match="larger than the 4 bytes"):
        inbox.write(file, 3, b"de")
    with pytest.raises(DatasetError, match="3 of 4 bytes"):
        inbox.hand_over([[file]])
    assert inbox.held(file) == 3


@pytest.mark.parametrize("size", [0, -1])
def test_an_empty_file_is_refused(inbox, size):
    with pytest.raises(DatasetError, match="church.jpg is empty"):
        inbox.write(Incoming("church.jpg", size), 0, b"")


def test_files_that_are_sent_at_the_same_time_do_not_mix(inbox):
    contents = {Incoming(f"{i}.jpg", 60_000 + i): os.urandom(60_000 + i) for i in range(4)}
    threads = [threading.Thread(target=_send, args=(inbox, *each, 1000)) for each in contents.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path, content in zip(inbox.hand_over([contents]), contents.values(), strict=True):
        assert path.read_bytes() == content


def test_two_pages_that_send_the_same_file_give_that_file(tmp_path):
    content, file = os.urandom(50_000), Incoming("church.jpg", 50_000)

    def send():
        inbox, at = Inbox(tmp_path), 0
        while at < file.size:
            try:
                at = inbox.write(file, at, content[at : at + 100])
            except OutOfOrder as error:
                at = error.held

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Inbox(tmp_path).hand_over([[file]])[0].read_bytes() == content


def test_a_caption_stands_beside_its_picture_and_selections_stay_apart(inbox):
    first = [Incoming("1.jpg", 2, 1), Incoming("1.txt", 2, 1)]
    second = [Incoming("1.jpg", 2, 2), Incoming("10_red castle/1.jpg", 2, 2), Incoming("10_red castle/1.txt", 2, 2)]
    for number, file in enumerate(first + second):
        inbox.write(file, 0, f"{number:02}".encode())
    paths = inbox.hand_over([first, second])
    assert [path.read_bytes() for path in paths] == [b"00", b"01", b"02", b"03", b"04"]
    assert paths[0].with_suffix(".txt") == paths[1]
    assert paths[3].with_suffix(".txt") == paths[4]
    assert paths[3].parent.name == "10_red castle"
    assert len(set(paths)) == 5


def test_names_that_become_the_same_both_stay(inbox):
    files = [Incoming("a:.jpg", 1), Incoming("a?.jpg", 1)]
    inbox.write(files[0], 0, b"1")
    inbox.write(files[1], 0, b"2")
    assert [path.read_bytes() for path in inbox.hand_over([files])] == [b"1", b"2"]


def test_what_was_handed_over_can_be_handed_over_again_until_it_is_forgotten(tmp_path):
    file, inbox = Incoming("cats/church.jpg", 3), Inbox(tmp_path)
    inbox.write(file, 0, b"abc")
    inbox.hand_over([[file]])
    after = Inbox(tmp_path)
    assert after.held(file) == 3
    (again,) = after.hand_over([[file]])
    assert again.read_bytes() == b"abc"
    after.forget([file])
    assert list(tmp_path.iterdir()) == []
    assert after.held(file) == 0


def test_a_file_that_was_moved_away_is_forgotten_all_the_same(tmp_path):
    inbox, file = Inbox(tmp_path / "uploads"), Incoming("church.jpg", 3)
    inbox.write(file, 0, b"abc")
    inbox.hand_over([[file]])[0].rename(tmp_path / "mine.jpg")
    inbox.forget([file])
    assert _files_in(tmp_path) == ["mine.jpg"]


def test_a_file_received_whole_replaces_what_there_was_of_it(inbox):
    for content in (b"old", b"new"):
        file = inbox.receive("church.jpg", content)
    assert inbox.hand_over([[file]])[0].read_bytes() == b"new"


@pytest.mark.parametrize(
    ("hostile", "safe"),
    [
        ("church.jpg", "church.jpg"),
        ("cats/church.jpg", "cats/church.jpg"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\pictures\\a.jpg", "C_/pictures/a.jpg"),
        ("./a/./b//c.jpg", "a/b/c.jpg"),
        (".htaccess", "htaccess"),
        (". .hidden", "hidden"),
        ("a.jpg. . ", "a.jpg"),
        ("con", "_con"),
        ("COM1.jpg", "_COM1.jpg"),
        ("aux/nul.tar.gz", "_aux/_nul.tar.gz"),
        ("console.jpg", "console.jpg"),
        ('what?<is>"this"|*.png', "what__is__this___.png"),
        ("new\nline\0\x1b[31m.jpg", "newline[31m.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("Cafe\u0301.jpg", "Café.jpg"),
        ("\ud800.jpg", "jpg"),
        ("猫 и кошка.jpg", "猫 и кошка.jpg"),
        ("", "file"),
        ("..", "file"),
        ("///", "file"),
    ],
)
def test_a_name_leads_nowhere_and_hides_nothing(hostile, safe):
    assert safe_name(hostile).as_posix() == safe


def test_long_and_deep_names_are_cut_and_keep_their_ending(inbox):
    name = safe_name("é" * 500 + ".jpg").name
    assert len(name.encode()) <= 255
    assert name.endswith("é.jpg")
    assert safe_name("x" * 300 + ". A sentence with a full stop and no ending at all, which is no suffix").name
    assert len(safe_name("/".join("abcdefghijklmnop")).parts) == 9
    file = Incoming("long/" * 40 + "é" * 500 + ".jpg", 1)
    inbox.write(file, 0, b"x")
    assert inbox.hand_over([[file]])[0].read_bytes() == b"x"


def test_a_name_never_leads_out_of_the_folder(inbox, tmp_path):
    file = Incoming("../../../outside.jpg", 3)
    inbox.write(file, 0, b"abc")
    (path,) = inbox.hand_over([[file]])
    assert path.resolve().is_relative_to(inbox.folder.resolve())
    assert all(name.startswith("uploads/") for name in _files_in(tmp_path))


@pytest.mark.parametrize("ready", ["../../mine.jpg", "/etc/passwd", "ready-x/../../mine.jpg"])
def test_a_record_that_someone_wrote_leads_nowhere(inbox, tmp_path, ready):
    (tmp_path / "mine.jpg").write_bytes(b"abc")
    file = Incoming("church.jpg", 3)
    inbox.write(file, 0, b"ab")
    record = next(inbox.folder.glob("*.json"))
    record.write_text(record.read_text().replace('"ready": ""', f'"ready": "{ready}"'))
    assert inbox.held(file) == 2
    inbox.forget([file])
    assert (tmp_path / "mine.jpg").read_bytes() == b"abc"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"name": "church.jpg"}'])
def test_a_damaged_record_costs_nothing_but_the_name(inbox, damage):
    file = Incoming("church.jpg", 3)
    inbox.write(file, 0, b"ab")
    next(inbox.folder.glob("*.json")).write_text(damage)
    assert inbox.kept() == {}
    assert inbox.write(file, 2, b"c") == 3
    assert inbox.hand_over([[file]])[0].read_bytes() == b"abc"


def test_a_full_disk_is_said_before_and_while_files_arrive(inbox, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: USAGE(10**9, 0, 10**9))
    inbox.check_room(files=10, size=300 * 10**6, to_come=300 * 10**6)
    with pytest.raises(DatasetError, match=r"600 MB are to come.*1\.0 GB are free.*Make room"):
        inbox.check_room(files=10, size=600 * 10**6, to_come=600 * 10**6)
    with pytest.raises(CannotWrite, match=r"disk is full at church\.jpg.*what has arrived is kept"):
        inbox.write(Incoming("church.jpg", 2 * 10**9), 0, b"abc")


def test_a_disk_that_takes_no_more_keeps_what_has_arrived(inbox):
    file = Incoming("church.jpg", 6)
    inbox.write(file, 0, b"abc")
    part = next(inbox.folder.glob("*.part"))
    aside = part.rename(part.with_suffix(".aside"))
    part.symlink_to("/dev/full")  # every write to it fails as on a full disk
    with pytest.raises(CannotWrite, match="The disk is full"):
        inbox.write(file, 0, b"abc")
    part.unlink()
    aside.rename(part)
    assert inbox.write(file, 3, b"def") == 6


def test_too_many_files_are_refused(inbox):
    with pytest.raises(DatasetError, match="20,001 files; 20,000"):
        inbox.check_room(files=20_001, size=1, to_come=1)


def test_what_nobody_goes_on_with_is_discarded_and_the_rest_stays(inbox):
    old, new, whole = Incoming("old.jpg", 6), Incoming("new.jpg", 6), Incoming("whole.jpg", 3)
    for file in (old, new, whole):
        inbox.write(file, 0, b"abc")
    inbox.hand_over([[whole]])
    (inbox.folder / "ready-left").mkdir()
    stray = inbox.folder / "ready-left" / "stray.jpg"
    stray.write_bytes(b"x")
    long_ago = time.time() - 8 * 86_400
    for path in (inbox._where(old), inbox._where(whole), stray):
        os.utime(path, (long_ago, long_ago))
    inbox.discard_older(7)
    assert inbox.kept() == {new: 3}
    assert len(list(inbox.folder.iterdir())) == 2


def test_discarding_from_a_folder_that_is_not_there_does_nothing(inbox):
    inbox.discard_older()
    assert inbox.kept() == {}
    assert inbox.hand_over([]) == []
    assert not inbox.folder.exists()
