"""Where pictures come from: files, folders, zip archives, addresses on the web, data sets of the hub.

Whatever a source is, what comes out is a file or a folder on this machine. Archives are unpacked on
the local disk, where that is fast, and not beside the project, which may lie on Google Drive.
"""

import contextlib
import errno
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from loranb.dataset import archive, hub
from loranb.dataset.pile import Place
from loranb.dataset.progress import Progress, silent
from loranb.errors import DatasetError

_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
Source = str | Path  # a path, an address, or hf:owner/name


@contextlib.contextmanager
def opened(sources: Iterable[Source], progress: Progress = silent) -> Iterator[list[Place]]:
    """Make files and folders on this machine of all sources; what was fetched or unpacked is gone afterwards.

    Raises:
        DatasetError: a source is not there, or cannot be fetched or unpacked.
    """
    asked = [_path(source) or str(source).strip() for source in sources if str(source).strip()]
    if not asked:
        raise DatasetError("No pictures are given. Give a picture, a folder, a zip archive or an address.")
    missing = [source for source in asked if isinstance(source, Path) and not _is_there(source)]
    if missing:
        raise DatasetError(
            f"There is no such file or folder: {', '.join(map(str, missing))}. {_advice(str(missing[0]))}"
        )
    with tempfile.TemporaryDirectory(prefix="loranb-", ignore_cleanup_errors=True) as folder:
        try:
            places = [
                replace(place, given=str(source))
                for number, source in enumerate(asked)
                for place in _open(source, Path(folder, str(number)), progress)
            ]
        except OSError as error:
            raise _unwritable(error, folder) from error
        yield places


def _path(source: Source) -> Path | None:
    """Read a source as a path; None for an address or a data set."""
    text = str(source).strip()
    if isinstance(source, str) and (_ADDRESS.match(text) or hub.parse(text)):
        return None
    return Path(text).expanduser()


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no file could be called that
        return False


def _open(source: Path | str, work: Path, progress: Progress) -> list[Place]:
    if isinstance(source, Path):
        return [_unpacked(source, work, progress) if archive.is_archive(source) else Place(source)]
    if dataset := hub.parse(source):
        return hub.fetch(dataset, work, progress)
    from loranb.dataset import download  # httpx takes a while to import

    fetched = download.fetch(source, work / "fetched", progress)
    place = _unpacked(fetched, work, progress)
    fetched.unlink()  # its room may be needed
    return [place]


def _unpacked(file: Path, work: Path, progress: Progress) -> Place:
    folder = work / "unpacked" / file.stem  # whose name may be that of a subject
    archive.unpack(file, folder, progress)
    return Place(folder)


def _advice(path: str) -> str:
    if path.startswith("/content/drive") and not Path("/content/drive/MyDrive").exists():
        return "Google Drive is not mounted: run `from google.colab import drive; drive.mount('/content/drive')` first."
    if re.match(r"[A-Za-z]:[\\/]", path) and os.name != "nt":
        return "This is a path on a computer with Windows, and loranb runs on another one: upload the pictures first."
    return "Check the path."


def _unwritable(error: OSError, folder: str) -> DatasetError:
    what = str(Path(folder).parent)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DatasetError(
            f"The disk of {what} is full. Make room there, or set the environment variable TMPDIR to a folder on a "
            "larger disk."
        )
    return DatasetError(f"The pictures cannot be unpacked in {what}: {error.strerror or error}.")
