"""Fetch a base model from the Hugging Face hub: the disk looked at first, going on where it broke off."""

import re
import shutil
import time
from collections.abc import Generator, Mapping
from pathlib import Path

from loranb.base_models.checkpoints import SUFFIXES
from loranb.base_models.files import wanted
from loranb.base_models.picks import MOVED
from loranb.base_models.places import here, mark_whole, places, where_in
from loranb.base_models.transfer import Broken, Denied, Source, transfer
from loranb.dataset.progress import Progress, silent
from loranb.errors import ModelError

SPARE = 2**30  # bytes that are left free on the disk: the run's own files need some (assumed)
_HUB_NAME = re.compile(r"[A-Za-z0-9_]([\w.-]*[A-Za-z0-9_])?", re.ASCII)  # as the hub allows
_LONGEST_NAME = 96  # letters, of owner/name
EVERY = 0.5  # seconds between two tellings


def is_on_hub(source: str) -> bool:
    """Whether a base model is named as one of the hub: ``owner/name`` or ``owner/name/file.safetensors``."""
    parts = source.split("/")
    is_file = source.endswith(
        SUFFIXES
    )  # models/a.safetensors is a path, and owner/name/a.safetensors a file of the hub
    of_hub = len(parts) == (3 if is_file else 2)
    named = all(_HUB_NAME.fullmatch(part) for part in parts[:2]) and len("/".join(parts[:2])) <= _LONGEST_NAME
    named = named and not any(odd in source for odd in ("--", "..")) and not source.endswith(".git")
    return of_hub and named and all(parts) and "\\" not in source and not Path(source).exists()


def at_hand(place: str) -> str:
    """Return a path as it is, and a model of the hub as the path that it is fetched to; see `download`."""
    return str(download(place)) if is_on_hub(place) else place


def download(source: str, progress: Progress = silent) -> Path:
    """Fetch a base model, unless it is there; return its folder or file.

    Args:
        source: ``owner/name`` or ``owner/name/file.safetensors``, as `model.base` has it.
        progress: told bytes.

    Raises:
        ModelError: it is not on the hub, one has to sign in, the disk is too small, or the hub is out of reach.
    """
    fetching = fetch(source)
    while True:
        try:
            done, total = next(fetching)
        except StopIteration as ended:
            return ended.value
        progress(done, total, f"Fetching {source}")


def fetch(source: str) -> Generator[tuple[int, int], None, Path]:
    """Fetch a base model, unless it is there, telling the bytes that came and those there are; see `download`."""
    if not is_on_hub(source):
        raise ModelError(
            f"model.base = {source!r} is no model of the Hugging Face hub. Give owner/name, such as "
            "stable-diffusion-v1-5/stable-diffusion-v1-5, or owner/name/file.safetensors."
        )
    if there := here(source):
        return there
    owner, name, *file = source.split("/")
    repo = f"{owner}/{name}"
    commit, listed = _listed(repo)
    names = wanted(repo, listed, *file)
    sizes = {named: listed[named] for named in names}
    folder = where_in(_place(repo, sizes), repo)
    yield from _fetched(repo, commit, folder, names, sizes)
    path = folder / next(iter(names.values())) if len(names) == 1 else folder
    mark_whole(path, {plain: sizes[name] for name, plain in names.items()})
    return path


def _listed(repo: str) -> tuple[str, dict[str, int]]:
    """Return the newest commit of a model, and its files with bytes."""
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(repo, files_metadata=True)
    except Exception as error:  # which ones there are differs between versions of huggingface_hub
        raise _refusal(repo, error) from error
    return info.sha or "main", {file.rfilename: file.size or 0 for file in info.siblings or ()}


def _place(repo: str, sizes: Mapping[str, int]) -> Path:
    """Choose the first folder whose disk has room.

    Raises:
        ModelError: none has.
    """
    said = []
    for place in places():
        folder = where_in(place, repo)
        there = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else 0
        missing = max(0, sum(sizes.values()) - there)
        free = shutil.disk_usage(next(path for path in (place, *place.parents) if path.exists())).free
        if free >= missing + SPARE:
            return place
        said.append(f"{place} has {free / 2**30:.1f} GiB free")
    raise ModelError(
        f"{repo} is {sum(sizes.values()) / 2**30:.1f} GiB, and there is no room for it: {'; '.join(said)}. Make room "
        "there, or set the environment variable LORANB_MODELS to a folder on a larger disk."
    )


def _fetched(
    repo: str, commit: str, folder: Path, names: Mapping[str, str], sizes: Mapping[str, int]
) -> Generator[tuple[int, int], None, None]:
    """Fetch what is missing, file by file, under the names they are kept by."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    before, total, told = 0, sum(sizes.values()), time.monotonic()
    for name, plain in names.items():
        target = folder / plain
        if not (target.exists() and target.stat().st_size == sizes[name]):
            part = target.with_name(f".{target.name}.{commit[:8]}.part")
            source = Source(hf_hub_url(repo, name, revision=commit), build_hf_headers(), sizes[name])
            try:
                for came in transfer(source, target, part):
                    if time.monotonic() - told >= EVERY:
                        told = time.monotonic()
                        yield before + came, total
            except (Broken, Denied, OSError) as error:
                raise _refusal(repo, error) from error
        before += sizes[name]
    yield before, total


def _refusal(repo: str, error: Exception) -> ModelError:
    """Say why the hub gives no model, and what to do."""
    lines = str(error).strip().splitlines()
    words = f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__
    return ModelError(
        f"The base model {repo} could not be downloaded: {words}. {_remedy(repo, error)} Or download it elsewhere "
        "from its page, and give its folder or its .safetensors file as model.base."
    )


def _remedy(repo: str, error: Exception) -> str:
    from huggingface_hub import constants, errors

    token = "set HF_TOKEN to a token of your account (on Colab, in the secrets on the left), or call " + (
        "huggingface_hub.login()"
    )
    if copy := MOVED.get(repo):
        return f"Its owner has taken it off the hub; {copy} has the same weights."
    if isinstance(error, errors.GatedRepoError | Denied):
        return f"It is gated: accept its terms at https://huggingface.co/{repo}, and {token}."
    if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
        return f"Check the spelling; for a private model {token}."
    if isinstance(error, OSError) and error.errno == 28:  # ENOSPC
        return "The disk is full: make room, or set LORANB_MODELS to a folder on a larger disk, and try again."
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set: unset it and restart to go on-line."
    return (
        "See whether this machine is on-line (on Kaggle it is switched on in the side panel) and try again; it goes "
        f"on where it broke off. Where {constants.ENDPOINT} is out of reach, set HF_ENDPOINT to a mirror and restart."
    )
