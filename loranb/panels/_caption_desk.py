"""What every view of a project's captions shows and does, without a widget: the grids and the tools share one desk."""

import io
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from loranb import clip
from loranb.dataset import captions, masks, tagging
from loranb.dataset.caption_advice import tokens_read
from loranb.dataset.caption_store import CaptionStore
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.panels._caption_words import Words
from loranb.project import Project

LARGE = 1600  # pixels on the longer side of a picture that is looked at closely
HEAVY = 900_000  # bytes; Colab's page takes about 1 MB in one message
QUICK = 9  # tags that have a number key


class Remark(Protocol):
    """What is shown of a remark of `loranb.dataset.caption_advice`."""

    severity: str
    title: str
    message: str


class ChangedElsewhere(DatasetError):
    """A caption is not what an edit of it began with; `now` is what it has become."""

    def __init__(self, picture: Path, now: str):
        self.now = now
        super().__init__(
            f"The caption of {picture.name} was changed elsewhere meanwhile. Keep yours or take the other one."
        )


class CaptionDesk:
    """A project's captions and pictures, and what there is to say of each.

    Args:
        project: whose.
        store: its captions, if they were read already.
        pictures: its pictures, if they are read elsewhere too.
    """

    def __init__(self, project: Project, store: CaptionStore | None = None, pictures: Pictures | None = None):
        self.project = project
        self.store = store or CaptionStore.load(project)
        self.pictures = pictures or Pictures(project)
        self.limit = tokens_read(project)  # above which the rest of a caption is not read
        self.remarks: Mapping[Path, Sequence[Remark]] = {}  # as in `Advice.of`
        self._words = Words(project)
        self._counts: dict[str, int] | None = None
        self._frequent: list[str] = []

    def card(self, picture: Path) -> dict[str, Any]:
        """Return all that is shown of a picture but itself, as plain values.

        ``text`` is the caption as it is in its file. ``problem`` says why it cannot be edited: it cannot be read,
        or the picture is ``missing``. ``stamp`` is another one when the picture has changed.
        """
        text, problem = self.store.text(picture), self.store.problems.get(picture, "")
        stamp = _stamp(picture, self.project.edits_file)
        if not stamp:
            problem = f"{picture.name} is not there any more; it was moved or renamed. Look again."
        return {
            "name": picture.name,
            "path": self.path(picture),
            "missing": not stamp,
            "subject": self.store.subject(picture),
            "text": text,
            "sentence": tagging.is_sentence(text),
            **self.length(text),
            "edited": self.store.edited(picture),
            "drafted": self.store.drafted(picture),
            "remarks": [[r.severity, r.title, r.message] for r in self.remarks.get(picture, ())],
            "masked": masks.mask_of(picture) is not None,
            "problem": problem,
            "stamp": stamp,
        }

    def path(self, picture: Path) -> str:
        """Return where a picture lies within its project."""
        inside = picture.is_relative_to(self.project.root)
        return (picture.relative_to(self.project.root) if inside else picture).as_posix()

    def length(self, text: str) -> dict[str, Any]:
        """Return a caption's number of ``tokens``, how many are read (``limit``), and what is ``cut`` off."""
        tokens = clip.count(text)
        return {
            "tokens": tokens,
            "limit": self.limit,
            "cut": clip.cut(text, self.limit)[1] if tokens > self.limit else "",
        }

    def thumbnail(self, picture: Path, side: int, masked: bool = False) -> bytes:
        """Return a small JPEG of a picture; with `masked`, what its mask leaves out is darkened.

        Raises:
            DatasetError: it cannot be read.
        """
        if masked and masks.mask_of(picture):
            return masks.overlay(self.pictures, picture, side)
        return self.pictures.thumbnail(picture, side)

    def large(self, picture: Path, masked: bool = False) -> bytes:
        """Return a JPEG of a picture to be looked at closely, of less than a megabyte.

        Raises:
            DatasetError: it cannot be read.
        """
        if masked and masks.mask_of(picture):
            return masks.overlay(self.pictures, picture, LARGE)
        opened = self.pictures.open(picture).convert("RGB")
        opened.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)
        for quality in (88, 76, 60, 40):
            jpeg = io.BytesIO()
            opened.save(jpeg, "JPEG", quality=quality)
            if jpeg.tell() < HEAVY:
                break
        return jpeg.getvalue()

    def save(self, picture: Path, text: str, based_on: str | None = None, continues: bool = False) -> str:
        """Write a caption, and return it as it was written.

        Args:
            picture: whose caption.
            text: the new caption.
            based_on: the caption that was edited; None writes over whatever there is.
            continues: it is one edit with that before, for undoing.

        Raises:
            ChangedElsewhere: the caption is another one than `based_on` by now, and not the new one either.
            DatasetError: it cannot be written.
        """
        if based_on is not None and picture.exists() and (now := captions.text(picture)) not in (based_on, text):
            self.store.look_again()
            raise ChangedElsewhere(picture, now)
        written = self.store.save(picture, text, continues=continues)
        self.changed()
        return written

    def changed(self) -> None:
        """Count tags anew when they are asked for next; to be called after captions have changed."""
        self._counts = None

    @property
    def counts(self) -> dict[str, int]:
        """How often each tag stands in the set, the most frequent first."""
        if self._counts is None:
            self._counts = self.store.tag_counts()
        return self._counts

    def frequent(self) -> list[str]:
        """List the most frequent tags that do not stand in every caption: those worth a number key.

        A tag keeps its number while captions are edited, or a key would do something else each time.
        """
        captioned = self.store.captioned
        kept = [tag for tag in self._frequent if tag in self.counts]
        new = (tag for tag, count in self.counts.items() if count < captioned and tag not in kept)
        self._frequent = [*kept, *islice(new, QUICK - len(kept))]
        return self._frequent

    def suggest(self, typed: str) -> list[tuple[str, int]]:
        """List tags that begin with or hold what was typed, and how often each stands in the set."""
        return self._words.suggest(typed, self.counts)


def _stamp(*files: Path) -> str:
    """Return what changes whenever the first of some files, which must be there, or another does."""
    try:
        first = files[0].stat()
    except OSError:
        return ""
    others = [file.stat().st_mtime_ns for file in files[1:] if file.exists()]
    return "-".join(map(str, (first.st_mtime_ns, first.st_size, *others)))
