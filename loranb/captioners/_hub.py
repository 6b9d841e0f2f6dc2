"""Where a captioner's files come from: a folder, or the Hugging Face hub and its cache."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from loranb.dataset.progress import Progress, silent
from loranb.downloads import Counted
from loranb.errors import CaptionerError


class Layout(NamedTuple):
    """What a captioner's model consists of.

    Args:
        what: its name for people, such as "tagger".
        files: those without which it is none.
        wanted: alternatives of what is fetched from the hub, as patterns; the first that brings weights is taken.
        weights: the pattern of what makes an alternative complete.
        usual: a model to propose.
        builtin: folders that go by a word.
    """

    what: str
    files: tuple[str, ...]
    wanted: tuple[tuple[str, ...], ...]
    weights: tuple[str, ...]
    usual: str
    builtin: Mapping[str, Path] = {}


def folder(source: str, layout: Layout, progress: Progress | None = None) -> Path:
    """Return the folder that a model's files lie in, after fetching them if need be.

    Args:
        source: a folder, a word of `Layout.builtin`, or a model's name on the hub (``owner/name``).
        layout: what the model consists of.
        progress: told bytes while a model is fetched.

    Raises:
        CaptionerError: there is no such folder or model, it lacks a file, or it cannot be fetched.
    """
    place = layout.builtin.get(source) or Path(source).expanduser()
    if place.is_dir():
        return _complete(place, layout, f"{place} holds no {{}}; the folder of a {layout.what} holds {_held(layout)}.")
    if place.is_absolute() or source.count("/") != 1 or source.startswith("."):
        words = "".join(f"{word!r}, " for word in layout.builtin)
        raise CaptionerError(
            f"There is no {layout.what} {source!r}: it is no folder here. Give {words}a folder that holds "
            f"{_held(layout)}, or a name on the Hugging Face hub such as {layout.usual!r}."
        )
    lacking = f"{source} on the Hugging Face hub has no {{}}, so it is no {layout.what} that can be used; try "
    return _complete(_fetch(source, layout, progress or silent), layout, f"{lacking}{layout.usual!r}.")


def brief(error: BaseException) -> str:
    """Say an exception in one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _held(layout: Layout) -> str:
    return " and ".join(dict.fromkeys([*layout.files, layout.weights[0]]))


def _complete(place: Path, layout: Layout, complaint: str) -> Path:
    for name in layout.files:
        if not (place / name).is_file():
            raise CaptionerError(complaint.format(name))
    if not _has_weights(place, layout):
        raise CaptionerError(complaint.format(f"weights ({' or '.join(layout.weights)})"))
    return place


def _has_weights(place: Path, layout: Layout) -> bool:
    return any(next(place.glob(pattern), None) for pattern in layout.weights)


def _fetch(model: str, layout: Layout, progress: Progress) -> Path:
    from huggingface_hub import snapshot_download

    try:
        for wanted in layout.wanted:
            counted = Counted(model)
            options = {"allow_patterns": list(wanted), "tqdm_class": counted.bar()}
            place = Path(counted.wait(partial(snapshot_download, model, **options), progress))
            if _has_weights(place, layout):
                break
        return place
    except Exception as error:  # which ones there are differs between versions of huggingface_hub
        raise CaptionerError(
            f"The {layout.what} {model} could not be downloaded: {brief(error)}. {_remedy(model, error)} "
            f"Or download it from https://huggingface.co/{model} elsewhere, put its files into one folder and "
            f"give that folder as the model."
        ) from error


def _remedy(model: str, error: Exception) -> str:
    from huggingface_hub import constants, errors

    if isinstance(error, errors.GatedRepoError):
        return f"Accept its terms at https://huggingface.co/{model} and set HF_TOKEN to a token of your account."
    if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
        return "Check the spelling; for a private model set HF_TOKEN to a token of your account."
    if isinstance(error, OSError) and error.errno == 28:  # ENOSPC
        return f"The disk is full: make room in {constants.HF_HUB_CACHE}, or set HF_HOME to a folder on another disk."
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set: unset it and restart to go on-line."
    return (
        f"Check the internet connection (on Kaggle it is switched on in the side panel). Where "
        f"{constants.ENDPOINT} is out of reach, set HF_ENDPOINT to a mirror and restart."
    )
