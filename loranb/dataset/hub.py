"""Fetch a data set of the Hugging Face hub.

It is kept in the hub's own cache, so a download that was stopped goes on, and a second one is instant.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import unquote

from loranb.dataset import archive, captions, tables
from loranb.dataset.images import SUFFIXES
from loranb.dataset.pile import Place
from loranb.dataset.progress import Progress, silent
from loranb.downloads import Counted
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

    counted = Counted(dataset.repo)
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
