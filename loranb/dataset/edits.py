"""How pictures are turned and cropped before they are used; the originals are never altered.

The edits of a project are a small record in its folder, ``edits.json``. A picture is known there by the
SHA-256 of its bytes, so that its edit goes along wherever it is moved, and counts for every copy.
"""

import contextlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from PIL import Image

from loranb.dataset.images import Size
from loranb.errors import DatasetError
from loranb.files import free_name, write_bytes

LEAST = 8  # pixels on a side that a crop must keep; the VAE makes one value of eight
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
_ABOUT = "How loranb turns and crops pictures before it uses them. The files themselves are as they were."


class Box(NamedTuple):
    """A rectangle in a picture, in pixels; right and bottom are the first outside of it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        """Width and height."""
        return self.right - self.left, self.bottom - self.top


@dataclass(frozen=True)
class Edit:
    """How a picture is turned, then cropped; as it stands, not at all.

    Args:
        turn: degrees clockwise, 0, 90, 180 or 270, of the picture that EXIF has turned upright.
        crop: what is kept of the turned picture; None is all.

    Raises:
        DatasetError: it cannot be turned so.
    """

    turn: int = 0
    crop: Box | None = None

    def __post_init__(self) -> None:
        if self.turn not in (0, *_TURNS):
            raise DatasetError(f"turn = {self.turn!r}; a picture is turned by 0, 90, 180 or 270 degrees clockwise.")

    def __bool__(self) -> bool:
        return self != Edit()

    def size(self, upright: Size) -> Size:
        """Return the size that a picture has after the edit, from the one it has before.

        Raises:
            DatasetError: the crop reaches outside the picture, or leaves less than 8 pixels.
        """
        whole = self.turned_size(upright)
        if self.crop is None:
            return whole
        left, top, right, bottom = self.crop
        if not (0 <= left < right <= whole[0] and 0 <= top < bottom <= whole[1]):
            raise DatasetError(
                f"crop = {tuple(self.crop)}; the picture is {whole[0]} x {whole[1]} pixels, and left, top, right and "
                "bottom must lie inside it, left before right and top before bottom."
            )
        if min(self.crop.size) < LEAST:
            raise DatasetError(
                f"crop = {tuple(self.crop)} leaves {self.crop.size[0]} x {self.crop.size[1]} pixels; "
                f"{LEAST} on each side is the least. Crop less."
            )
        return self.crop.size

    def turned_size(self, upright: Size) -> Size:
        """Return the size of a picture that is turned and not cropped."""
        return upright[::-1] if self.turn in (90, 270) else upright

    def apply(self, picture: Image.Image) -> Image.Image:
        """Return the picture turned and cropped.

        Args:
            picture: in full size, upright.

        Raises:
            DatasetError: the crop does not fit it.
        """
        self.size(picture.size)
        turned = self.turned(picture)
        return turned.crop(self.crop) if self.crop else turned

    def turned(self, picture: Image.Image) -> Image.Image:
        """Return the picture turned and not cropped, of whatever size it is."""
        return picture.transpose(_TURNS[self.turn]) if self.turn else picture

    def then_turned(self, degrees: int, upright: Size) -> "Edit":
        """Return the edit that also turns what this one leaves, the crop along with it.

        Args:
            degrees: clockwise; 90, 180 or 270.
            upright: size of the picture before any edit.
        """
        width, height = self.turned_size(upright)
        crop = self.crop
        for _ in range(degrees % 360 // 90):  # a quarter clockwise takes (x, y) to (height - y, x)
            crop = crop and Box(height - crop.bottom, crop.left, height - crop.top, crop.right)
            width, height = height, width
        return Edit((self.turn + degrees) % 360, crop)

    def then_cropped(self, box: Box) -> "Edit":
        """Return the edit that also crops what this one leaves to a box in it."""
        left, top = self.crop[:2] if self.crop else (0, 0)
        return Edit(self.turn, Box(box.left + left, box.top + top, box.right + left, box.bottom + top))

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"turn": self.turn, "crop": list(self.crop) if self.crop else None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make an edit of what `as_json` gave.

        Raises:
            ValueError: it is something else.
        """
        turn, crop = values.get("turn", 0), values.get("crop")
        whole = all(type(number) is int for number in (turn, *(crop or ())))
        if not whole or turn not in (0, *_TURNS) or (crop is not None and len(crop) != 4):
            raise ValueError(f"no edit: {values}")
        return cls(turn, Box(*crop) if crop else None)


class Edits:
    """The edits of a project's pictures, on disk at once.

    What another notebook writes into the record is seen; a record that is damaged is set aside, and
    `problems` says so for as long as it lies there.

    Args:
        file: the record; need not be there.
    """

    def __init__(self, file: Path):
        self._file = file
        self._lock = threading.RLock()
        self._seen: tuple[int, ...] = ()  # the state of the file that `_known` was read from
        self._known: dict[str, tuple[str, Edit]] = {}  # SHA-256: name and edit

    def of(self, content: str) -> Edit:
        """Return the edit of the picture with this SHA-256; an empty one where there is none.

        Raises:
            DatasetError: the record cannot be opened.
        """
        return self._load().get(content, ("", Edit()))[1]

    def set(self, content: str, edit: Edit, name: str) -> None:
        """Note the edit of a picture; its name is for people who read the record."""
        self.set_all({content: (name, edit)})

    def clear(self, content: str) -> None:
        """Use a picture as it is."""
        self.set(content, Edit(), "")

    def set_all(self, changes: Mapping[str, tuple[str, Edit]]) -> None:
        """Note several edits at once, all of them or none: names and edits by SHA-256."""
        with self._lock:
            known = {content: kept for content, kept in {**self._load(), **changes}.items() if kept[1]}
            self._save(known)

    @property
    def problems(self) -> list[str]:
        """Say which damaged records were set aside."""
        return [
            f"{file.name} is a record of turned and cropped pictures that was damaged and has been set aside. What "
            "could be read of it is in use; turn and crop the other pictures anew, then delete that file."
            for file in sorted(self._file.parent.glob(f"{self._file.stem}.damaged*{self._file.suffix}"))
        ]

    def _load(self) -> dict[str, tuple[str, Edit]]:
        with self._lock:
            state = self._state()
            if state != self._seen:
                self._known = self._read() if state else {}
                self._seen = self._state()
            return self._known

    def _state(self) -> tuple[int, ...]:
        with contextlib.suppress(FileNotFoundError):
            stat = self._file.stat()
            return stat.st_mtime_ns, stat.st_size, stat.st_ino
        return ()

    def _read(self) -> dict[str, tuple[str, Edit]]:
        try:
            known, whole = _parsed(self._file.read_bytes())
            if not whole:
                self._set_aside(known)
        except OSError as error:
            raise DatasetError(f"{self._file} cannot be used: {error.strerror}. Check who may read it.") from error
        return known

    def _set_aside(self, known: dict[str, tuple[str, Edit]]) -> None:
        self._file.replace(free_name(self._file.with_name(f"{self._file.stem}.damaged{self._file.suffix}")))
        if known:
            self._save(known)

    def _save(self, known: dict[str, tuple[str, Edit]]) -> None:
        pictures = {
            content: {"name": name, **edit.as_json()}
            for content, (name, edit) in sorted(known.items(), key=lambda kept: kept[1][0])
        }
        record = {"about": _ABOUT, "pictures": pictures}
        text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        write_bytes(self._file, text.encode("utf-8", "replace"))  # a file's name may be no UTF-8
        self._known, self._seen = known, self._state()


def _parsed(text: bytes) -> tuple[dict[str, tuple[str, Edit]], bool]:
    """Read what can be read of a record, and say whether that is all of it."""
    try:
        said = json.loads(text)["pictures"].items()
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}, False
    known = {}
    for content, values in said:
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            known[content] = (str(values.get("name", "")), Edit.from_json(values))
    return known, len(known) == len(said)
