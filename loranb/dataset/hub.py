"""Fetch a data set of the Hugging Face hub.

It is kept in the hub's own cache, so a download that was stopped goes on, and a second one is instant.
"""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from loranb.dataset import archive, captions, tables
from loranb.dataset.images import SUFFIXES
from loranb.dataset.pile import Place
from loranb.dataset.progress import Progress, silent
from loranb.errors import DatasetError

_ADDRESS = re.compile(
    r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/datasets/(?P<repo>[^/?#]+(?:/[^/?#]+)?)"
    r"(?:/tree/(?P<revision>[^/?#]+)(?:/(?P<folder>[^?#]+))?)?/?(?:[?#].*)?",
    re.IGNORECASE,
)
_SHORT = re.compile(r"hf:(?://datasets/)?(?P<repo>[^@]+?)/?(?:@(?P<revision>[^@]+))?", re.IGNORECASE)
_UNPACK = {".zip": archive.unpack, ".parquet": tables.unpack}
_WANTED = (*SUFFIXES, *captions.EXTENSIONS, *_UNPACK, *tables.NAMES)
PATTERNS = [pattern for end in sorted(_WANTED) for pattern in (f"*{end}", f"*{end.upper()}")]  # they heed case


@dataclass(frozen=True)
class Dataset:
    """A data set and which part of it."""

    repo: str  # owner/name
    revision: str | None = None
    folder: str = ""

    @property
    def page(self) -> str:
        """Its page on the hub."""
        return f"https://huggingface.co/datasets/{self.repo}"


def parse(source: str) -> Dataset | None:
    """Read ``hf:owner/name``, ``hf:owner/name@revision`` or the address of a data set's page; None for others."""
    match = _SHORT.fullmatch(source) or _ADDRESS.fullmatch(source)
    if not match:
        return None
    parts = match.groupdict()
    revision, folder = (unquote(parts.get(name) or "") for name in ("revision", "folder"))
    return Dataset(parts["repo"], revision or None, folder.strip("/"))


def fetch(dataset: Dataset, work: Path, progress: Progress = silent) -> list[Place]:
    """Fetch a data set's pictures, captions and archives; return where they lie.

    Args:
        dataset: which.
        work: where its zip archives and parquet files are unpacked.
        progress: told bytes.

    Raises:
        DatasetError: it is not there, one has to sign in, the hub is out of reach, or there are no pictures in it.
    """
    _check_size(dataset)
    top = _snapshot(dataset, progress) / dataset.folder
    if not top.is_dir():
        raise DatasetError(f"{dataset.repo} has no folder {dataset.folder}. See {dataset.page}.")
    files = sorted(path for path in top.rglob("*") if path.is_file())
    packed = [file for file in files if file.suffix.lower() in _UNPACK]
    if not packed and not any(file.suffix.lower() in SUFFIXES for file in files):
        raise DatasetError(
            f"{dataset.repo} holds no pictures that can be read: no picture files, zip archives or parquet files. "
            f"See {dataset.page}."
        )
    places = [work / str(number) / file.stem for number, file in enumerate(packed)]
    for file, place in zip(packed, places, strict=True):
        _UNPACK[file.suffix.lower()](file, place, progress)
    return [Place(top, frozenset(packed)), *map(Place, places)]


def _patterns(dataset: Dataset) -> list[str]:
    return [f"{dataset.folder}/{pattern}" if dataset.folder else pattern for pattern in PATTERNS]


def _check_size(dataset: Dataset) -> None:
    """Refuse what is too large before the first byte comes; where the hub does not say, see what comes."""
    from huggingface_hub import HfApi

    try:
        info = HfApi().dataset_info(dataset.repo, revision=dataset.revision, files_metadata=True)
    except Exception:  # `_snapshot` says why, or finds the data set in the cache
        return
    sizes = [f.size or 0 for f in info.siblings or () if any(fnmatch(f.rfilename, p) for p in _patterns(dataset))]
    if sum(sizes) > archive.LIMITS.total or len(sizes) > archive.LIMITS.files:
        raise DatasetError(
            f"{dataset.repo} holds {len(sizes):,} files, {sum(sizes) / 2**30:,.1f} GiB in all; "
            f"{archive.LIMITS.files:,} files and {archive.LIMITS.total / 2**30:.0f} GiB are allowed. Choose a folder "
            f"of it, such as {dataset.page}/tree/main/FOLDER, or fetch what you need yourself and add that."
        )


def _snapshot(dataset: Dataset, progress: Progress) -> Path:
    from huggingface_hub import errors, snapshot_download

    counted = _Counted(dataset.repo)
    try:
        return Path(
            counted.wait(
                lambda: snapshot_download(
                    dataset.repo,
                    repo_type="dataset",
                    revision=dataset.revision,
                    allow_patterns=_patterns(dataset),
                    tqdm_class=counted.bar(),
                ),
                progress,
            )
        )
    except errors.GatedRepoError as error:
        raise DatasetError(
            f"{dataset.repo} is gated: only those who agree to its terms get it. Open {dataset.page}, agree, make a "
            "token at https://huggingface.co/settings/tokens, and sign in here with huggingface_hub.login()."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise DatasetError(f"{dataset.repo} has no revision {dataset.revision!r}. See {dataset.page}.") from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise DatasetError(
            f"There is no data set {dataset.repo!r} on the Hugging Face hub, or it is private. Give it as "
            "hf:owner/name; for a private one, sign in with huggingface_hub.login()."
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise DatasetError(
            f"{dataset.repo} cannot be fetched: the Hugging Face hub is out of reach{_offline(error)}. "
            "See whether this machine is online, and try again."
        ) from error
    except errors.HfHubHTTPError.__bases__ as error:  # also of the disk, and of whichever HTTP library is beneath
        raise DatasetError(f"{dataset.repo} cannot be fetched: {error}. Mend that, or try again later.") from error


def _offline(error: Exception) -> str:
    from huggingface_hub.errors import OfflineModeIsEnabled

    return ", since HF_HUB_OFFLINE is set" if isinstance(error.__cause__, OfflineModeIsEnabled) else ""


class _Stopped(Exception):
    """Raised in the hub's threads when whoever waits wants no more."""


class _Counted:
    """Counts the bytes of a download in other threads, and tells them in the one that waits."""

    def __init__(self, name: str):
        self._name = name
        self._bars: list[Any] = []
        self._stopped = False

    def bar(self) -> type:
        """Return a progress bar in tqdm's manner, which shows nothing and counts here."""
        from tqdm import tqdm

        counter = self

        class Bar(tqdm):
            monitor_interval = 0  # no thread of its own

            def __init__(self, *things: Any, **options: Any):
                super().__init__(*things, **{**options, "disable": True})
                if options.get("unit") == "B":  # not the one that counts files
                    counter._bars.append(self)

            def update(self, n: float | None = 1) -> None:
                if counter._stopped:
                    raise _Stopped
                self.n += n or 0

        return Bar

    def wait(self, download: Callable[[], str], progress: Progress) -> str:
        """Run a download in a thread of its own, and say how far it is until it ends."""
        result: list[str] = []
        error: list[BaseException] = []

        def run() -> None:
            try:
                result.append(download())
            except BaseException as raised:
                error.append(raised)

        thread = threading.Thread(target=run, name="loranb-hub", daemon=True)
        thread.start()
        try:
            while True:
                thread.join(0.25)
                self._tell(progress)
                if not thread.is_alive():
                    break
        finally:
            self._stopped = True
        if error:
            raise error[0]
        return result[0]

    def _tell(self, progress: Progress) -> None:
        furthest = max(self._bars, key=lambda bar: bar.n, default=None)  # of bytes that came and bytes written
        if furthest is not None:
            progress(int(furthest.n), int(furthest.total or 0), f"Fetching {self._name}")
