"""Captions: a text file beside each picture, with the same stem."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from loranb.errors import DatasetError
from loranb.files import write_text

EXTENSIONS = (".txt", ".caption")  # read in this order; a new caption goes to .txt


def caption_file(picture: Path) -> Path:
    """Return the file that holds a picture's caption, or where it would be written."""
    found = [picture.with_suffix(extension) for extension in EXTENSIONS if picture.with_suffix(extension).exists()]
    return found[0] if found else picture.with_suffix(EXTENSIONS[0])


def read(picture: Path) -> str:
    """Read a picture's caption on one line; empty where there is none.

    Raises:
        DatasetError: the file is not text.
    """
    file = caption_file(picture)
    if not file.exists():
        return ""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{file.name} is not UTF-8 text (byte {error.start}). Open it in an editor and save it as UTF-8."
        ) from error
    return " ".join(text.split())


def write(picture: Path, caption: str) -> str:
    """Write a picture's caption and return it as it was written."""
    tidy = " ".join(caption.split())
    write_text(caption_file(picture), tidy + "\n" if tidy else "")
    return tidy


def tags(caption: str) -> list[str]:
    """Split a caption at its commas."""
    return [tag for part in caption.split(",") if (tag := part.strip())]


def tag_frequency(captions: Iterable[str]) -> dict[str, int]:
    """Count tags in lower case, the most frequent first; kohya's ``ss_tag_frequency`` for one folder."""
    return dict(Counter(tag.lower() for caption in captions for tag in tags(caption)).most_common())
