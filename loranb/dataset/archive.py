"""Unpack zip archives safely: nothing is written outside the target, nothing without bound.

An archive comes from anywhere, so all that it says of itself is checked before the first byte is
written, and once more while the bytes come. Whatever fails, nothing is left behind.
"""

import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from loranb.dataset.images import SUFFIXES
from loranb.dataset.progress import Progress, silent
from loranb.errors import DatasetError

CHUNK = 2**20  # bytes held in memory at a time
OTHERS = frozenset({".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})
# Deflate is unpacked piece by piece. `zipfile` unpacks bzip2 and LZMA by the megabyte of what is packed, which a
# bomb makes gigabytes of memory; pictures are hardly ever packed so.
_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_HOW = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OSError, NotImplementedError)
_AGAIN = "Make the archive again, or upload it again."
_YOURSELF = "Unpack it yourself and add the folder."


@dataclass(frozen=True)
class Limits:
    """How much an archive may unpack to; the numbers are assumed, for pictures."""

    total: int = 20 * 2**30  # bytes; a few thousand camera pictures
    files: int = 20_000
    ratio: int = 200  # unpacked to packed; pictures hardly compress, text reaches 100 at the most
    small: int = 200 * 2**16  # bytes; below it a member may be packed as tightly as it likes
    depth: int = 32  # folders within folders
    name: int = 255  # bytes of one folder's or file's name; what Linux allows
    path: int = 1000  # bytes of a whole name; Linux allows 4096 with all that stands before it


LIMITS = Limits()


@dataclass(frozen=True)
class _Member:
    info: zipfile.ZipInfo
    path: PurePosixPath  # where it goes, below the target


def is_archive(path: Path) -> bool:
    """Whether a file is a zip archive, whatever its name is.

    Raises:
        DatasetError: it calls itself an archive and is none, or one of another kind.
    """
    if not path.is_file() or path.suffix.lower() in SUFFIXES:  # a picture may carry a zip at its end
        return False
    if zipfile.is_zipfile(path):
        return True
    suffix = path.suffix.lower()
    if suffix in OTHERS:
        raise DatasetError(
            f"{path.name} is a {suffix} archive; only zip archives are unpacked here. Unpack it yourself "
            "and add the folder, or pack it anew as a zip."
        )
    if suffix == ".zip":
        raise DatasetError(
            f"{path.name} is not a zip archive, or its end is missing ({path.stat().st_size:,} bytes are there): "
            "the upload was probably cut off. Upload it again, or make it again."
        )
    return False


def unpack(path: Path, target: Path, progress: Progress = silent, limits: Limits = LIMITS) -> None:
    """Unpack a zip archive into `target`, a folder that is not there yet.

    Raises:
        DatasetError: it is damaged, encrypted, beyond `limits`, or would write outside the target.
            The target is gone then.
    """
    try:
        _check_directory(path, limits)
        archive = zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise DatasetError(f"{path.name} is damaged: {error}. {_AGAIN}") from error
    with archive:
        members = [_member(path, info, limits) for info in archive.infolist()]
        members = [member for member in members if member]
        _check_sizes(path, [member.info for member in members], limits)
        _check_room(path, target, sum(member.info.file_size for member in members))
        target.mkdir(parents=True)
        try:
            _write_all(archive, members, target, progress)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise


def _check_directory(path: Path, limits: Limits) -> None:
    """Refuse a list of millions of files before `zipfile` reads it into memory."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 2**16 - 22 - 76))
        tail = file.read()
    end = tail.rfind(b"PK\5\6")
    if end < 0 or len(tail) < end + 22:
        return  # no zip at all; `zipfile` says so
    size = struct.unpack_from("<L", tail, end + 12)[0]
    if end >= 76 and tail[end - 20 : end - 16] == b"PK\6\7":  # zip64: the size is in a record of 56 bytes before
        size = struct.unpack_from("<Q", tail, end - 76 + 40)[0]
    if size > limits.files * (limits.name + 46):  # 46 bytes and the name for each
        raise DatasetError(
            f"{path.name} has {_size(size)} of file names; {limits.files:,} files are allowed. Split it."
        )


def _member(path: Path, info: zipfile.ZipInfo, limits: Limits) -> _Member | None:
    """Check where a member would go and how it is packed; None for a folder."""
    name = _name(info).replace("\\", "/")  # some programs on Windows write backslashes
    inside = PurePosixPath(name)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if inside.is_absolute() or ".." in inside.parts or re.match("[A-Za-z]:", name) or kind == stat.S_IFLNK:
        raise DatasetError(
            f"{path.name} holds {'a link' if kind == stat.S_IFLNK else 'a file'} {_short(_name(info))!r}, which leads "
            "outside its folder. Such archives are not opened; make it again from the pictures alone."
        )
    _check_name(path, inside, limits)
    if name.endswith("/") or not inside.parts:
        return None
    if kind not in (0, stat.S_IFREG):
        raise DatasetError(f"{path.name} holds {name!r}, which is neither a file nor a folder. It is not opened.")
    if info.flag_bits & 1:
        raise DatasetError(f"{path.name} needs a password for {name!r}. {_YOURSELF}")
    if info.compress_type not in _READ:
        how = _HOW.get(info.compress_type, f"method {info.compress_type}")
        raise DatasetError(
            f"{path.name} packs {name!r} by {how}; what is stored or deflated, as usual, can be read. {_YOURSELF}"
        )
    return _Member(info, inside)


def _name(info: zipfile.ZipInfo) -> str:
    """Read a member's name: one not marked as UTF-8 often is it all the same, as from macOS."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _check_name(path: Path, inside: PurePosixPath, limits: Limits) -> None:
    longest = max((len(part.encode()) for part in inside.parts), default=0)
    if len(inside.parts) > limits.depth or longest > limits.name or len(str(inside).encode()) > limits.path:
        raise DatasetError(
            f"{path.name} holds {_short(str(inside))!r}: {len(inside.parts)} folders deep, names of up to {longest} "
            f"bytes. {limits.depth} folders, {limits.name} bytes a name and {limits.path} in all are allowed. "
            "Shorten the names, or unpack it yourself and add the folder."
        )


def _short(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:40]}…{name[-40:]}"


def _check_sizes(path: Path, infos: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(infos) > limits.files:
        raise DatasetError(f"{path.name} holds {len(infos):,} files; {limits.files:,} are allowed. Split it.")
    total, packed = sum(info.file_size for info in infos), path.stat().st_size
    if total > limits.total:
        largest = max(infos, key=lambda info: info.file_size)
        raise DatasetError(
            f"{path.name} would unpack to {_size(total)}, {_name(largest)!r} alone to {_size(largest.file_size)}; "
            f"{_size(limits.total)} are allowed. {_YOURSELF}"
        )
    tight = [info for info in infos if info.file_size > max(limits.ratio * info.compress_size, limits.small)]
    if tight:
        raise DatasetError(
            f"{path.name} holds {_name(tight[0])!r}, which would unpack to {_size(tight[0].file_size)} from "
            f"{_size(tight[0].compress_size)}; pictures do not pack so tightly, {limits.ratio} times is allowed. "
            f"{_YOURSELF}"
        )
    if total > max(limits.ratio * packed, limits.small):  # members that share bytes look harmless one by one
        raise DatasetError(
            f"{path.name} would unpack to {_size(total)} from {_size(packed)}; pictures do not pack so tightly, "
            f"{limits.ratio} times is allowed. {_YOURSELF}"
        )


def _check_room(path: Path, target: Path, needed: int) -> None:
    there = next(folder for folder in target.absolute().parents if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise DatasetError(
            f"{path.name} unpacks to {_size(needed)}, and {_size(free)} are free in {there}. Make room there, or set "
            "the environment variable TMPDIR to a folder on a larger disk."
        )


def _size(count: int) -> str:
    """Say a number of bytes as people do: "95 MiB"."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:,.0f} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"


def _write_all(archive: zipfile.ZipFile, members: list[_Member], target: Path, progress: Progress) -> None:
    name = Path(archive.filename or "").name
    done, total = 0, sum(member.info.file_size for member in members)
    for member in members:
        out = target / member.path
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            file = out.open("xb")
        except (FileExistsError, NotADirectoryError) as error:
            raise DatasetError(
                f"{name} holds {str(member.path)!r} twice, or two names that are one on this disk. "
                f"Rename one of them. {_YOURSELF}"
            ) from error
        with file:
            for chunk in _chunks(archive, member.info, name):
                file.write(chunk)
                done += len(chunk)
                progress(done, total, f"Unpacking {name}")


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """Read a member; the checksum is compared at its end."""
    left = info.file_size
    try:
        with archive.open(info) as packed:
            while chunk := packed.read(min(CHUNK, left + 1)):
                left -= len(chunk)
                yield chunk
    except _DAMAGE as error:
        raise DatasetError(f"{name} is damaged at {_name(info)!r}: {error}. {_AGAIN}") from error
    if left:
        raise DatasetError(
            f"{name} is damaged at {_name(info)!r}: it says {info.file_size:,} bytes, and {info.file_size - left:,} "
            f"came out. {_AGAIN}"
        )
