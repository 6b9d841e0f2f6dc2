"""Files are known by their content."""

import hashlib
import os
from pathlib import Path

from loranb.dataset.contents import Contents


def test_the_content_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"picture")
    assert Contents(tmp_path, tmp_path / "kept").of(tmp_path / "a") == hashlib.sha256(b"picture").hexdigest()


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    file, contents = tmp_path / "a", Contents(tmp_path, tmp_path / "kept")
    file.write_bytes(b"one")
    first = contents.of(file)
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert contents.of(file) != first


def test_what_was_kept_needs_no_reading(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    contents = Contents(tmp_path, tmp_path / "kept")
    digest = contents.of(file)
    contents.keep()
    assert Contents(tmp_path, tmp_path / "kept").known(file) == digest


def test_keeping_forgets_nothing_that_another_wrote_meanwhile(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    one, other = (Contents(tmp_path, tmp_path / "kept") for _ in range(2))
    one.of(tmp_path / "a"), one.keep()
    other.of(tmp_path / "b"), other.keep()
    again = Contents(tmp_path, tmp_path / "kept")
    assert again.known(tmp_path / "a")
    assert again.known(tmp_path / "b")


def test_a_record_that_was_cut_off_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "kept").write_text('{"a": [1, ')
    assert Contents(tmp_path, tmp_path / "kept").of(tmp_path / "a")
