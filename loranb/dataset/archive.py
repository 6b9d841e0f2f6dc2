"""Unpack zip archives safely: nothing is written outside the target, nothing without bound."""

import contextlib
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from loranb.errors import DatasetError

LARGEST = 20 * 2**30  # bytes unpacked; a few thousand camera pictures (assumed)
MOST_FILES = 20_000
HIGHEST_RATIO = 200  # pictures hardly compress; text reaches 100 at the most (assumed)
CHUNK = 2**20


@contextlib.contextmanager
def unpacked(archives: Sequence[Path]) -> Iterator[list[Path]]:
    """Unpack archives into temporary folders that are gone afterwards.

    Raises:
        DatasetError: an archive is damaged, too large, or would write outside its folder.
    """
    with tempfile.TemporaryDirectory(prefix="loranb-") as folder:
        targets = []
        for number, path in enumerate(archives):
            target = Path(folder, str(number))
            unpack(path, target)
            targets.append(target)
        yield targets


def unpack(path: Path, target: Path) -> list[Path]:
    """Unpack a zip archive into `target` and list the files.

    Raises:
        DatasetError: see `unpacked`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir() and not _is_junk(info.filename)]
            _check(path, members)
            return [_extract(archive, info, target) for info in members]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DatasetError(f"{path.name} is damaged: {error}. Make the archive again, or upload it again.") from error
    except RuntimeError as error:  # an archive with a password
        raise DatasetError(
            f"{path.name} cannot be unpacked: {error}. Unpack it yourself and add the folder."
        ) from error


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or parts[-1] in (".DS_Store", "Thumbs.db", "thumbs.db", "desktop.ini")


def _check(path: Path, members: list[zipfile.ZipInfo]) -> None:
    total = sum(info.file_size for info in members)
    packed = sum(info.compress_size for info in members)
    if len(members) > MOST_FILES:
        raise DatasetError(f"{path.name} holds {len(members):,} files; {MOST_FILES:,} are allowed. Split it.")
    if total > LARGEST or total > HIGHEST_RATIO * max(packed, 2**16):
        raise DatasetError(
            f"{path.name} would unpack to {total / 2**20:,.0f} MiB from {packed / 2**20:,.1f} MiB; pictures do not "
            f"pack so tightly, and {LARGEST / 2**30:.0f} GiB are allowed. Unpack it yourself and add the folder."
        )
    for info in members:
        name = PurePosixPath(info.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in name.parts[0] or stat.S_ISLNK(info.external_attr >> 16):
            raise DatasetError(
                f"{path.name} holds {info.filename!r}, which would be written outside its folder. "
                "Such archives are not opened; make it again from the pictures alone."
            )


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> Path:
    out = target / PurePosixPath(info.filename.replace("\\", "/"))
    out.parent.mkdir(parents=True, exist_ok=True)
    left = info.file_size
    with archive.open(info) as packed, out.open("wb") as file:
        while chunk := packed.read(CHUNK):
            left -= len(chunk)
            if left < 0:  # the header lied about the size
                raise DatasetError(f"{info.filename} unpacks to more than the archive says. It is not opened.")
            file.write(chunk)
    return out
