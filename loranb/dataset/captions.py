"""Captions: a text file beside each picture, with the same stem.

A caption is read in whatever encoding it was written in, and written back the way it was: the encoding, the
line ends and the last line end stay. What is neither UTF-8 nor UTF-16 is read as Windows-1252, which holds
all of Latin-1, and becomes UTF-8 when it is next written.
"""

import codecs
import contextlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from loranb.errors import DatasetError
from loranb.files import write_bytes

EXTENSIONS = (".txt", ".caption")  # read in this order; a new caption goes to .txt
LEGACY = "cp1252"
_MARKS = (  # the longer first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")  # control characters that no caption holds
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class CaptionFile:
    r"""A caption, and how its file writes it.

    Args:
        text: what it says; lines end in ``\n``, and the last one in nothing.
        encoding: of the file, as Python calls it; `LEGACY` where it is neither UTF-8 nor UTF-16.
        mark: the byte order mark before the text.
        line_ends: those of the file in their order, one for each ``\n`` of the text.
        last_line_end: what ends the last line; blank for nothing.
    """

    text: str = ""
    encoding: str = "utf-8"
    mark: bytes = b""
    line_ends: tuple[str, ...] = ()
    last_line_end: str = ""

    @classmethod
    def parse(cls, content: bytes) -> "CaptionFile":
        """Read a file's bytes.

        Raises:
            ValueError: they are no text.
        """
        mark, encoding = next((known for known in _MARKS if content.startswith(known[0])), (b"", ""))
        raw = content[len(mark) :].decode(encoding) if encoding else None
        if raw is None:
            encoding, raw = _guessed(content)
        if _NO_TEXT.search(raw):
            raise ValueError("control characters")
        line_ends = _LINE_END.findall(raw) if "\n" in raw or "\r" in raw else []
        text, last = _LINE_END.sub("\n", raw) if line_ends else raw, ""
        if text.endswith("\n"):
            text, last = text[:-1], line_ends.pop()
        return cls(text, encoding, mark, tuple(line_ends), last)

    @property
    def newline(self) -> str:
        """The line end that it uses most."""
        found = Counter([*self.line_ends, *([self.last_line_end] if self.last_line_end else [])])
        return found.most_common(1)[0][0] if found else "\n"

    @property
    def ends_with_newline(self) -> bool:
        """Whether the last line is ended."""
        return bool(self.last_line_end)

    def encode(self) -> bytes:
        """Return the bytes of the file; those that `parse` was given, as long as nothing was changed."""
        lines = self.text.split("\n")
        ends = (*self.line_ends, self.last_line_end)
        return self.mark + "".join(map("".join, zip(lines, ends, strict=True))).encode(self.encoding)

    def with_text(self, text: str) -> "CaptionFile":
        """Return the file that says something else, written as this one, but never in a legacy encoding.

        A new caption ends with a line end; half of an emoji, which no encoding can hold, becomes a replacement
        character, and control characters go.
        """
        text = _NO_TEXT.sub("", _LINE_END.sub("\n", text))
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if text == self.text:
            return self
        last = self.last_line_end or ("" if self.text else self.newline)
        encoding = "utf-8" if self.encoding == LEGACY else self.encoding
        return replace(self, text=text, encoding=encoding, line_ends=self._line_ends_of(text), last_line_end=last)

    def _line_ends_of(self, text: str) -> tuple[str, ...]:
        """Keep the line ends of the first and the last lines that are as they were; the others get the usual one."""
        new, old, ends = text.split("\n"), self.text.split("\n"), self.line_ends
        most = min(len(new), len(old)) - 1
        head = next((i for i in range(most) if new[i] != old[i]), most)
        tail = next((i for i in range(most - head) if new[-1 - i] != old[-1 - i]), most - head)
        between = len(new) - 1 - head - tail
        return (*ends[:head], *[self.newline] * between, *ends[len(ends) - tail :])


def caption_file(picture: Path) -> Path:
    """Return the file that holds a picture's caption, or where it would be written."""
    found = [picture.with_suffix(extension) for extension in EXTENSIONS if picture.with_suffix(extension).exists()]
    return found[0] if found else picture.with_suffix(EXTENSIONS[0])


def parse(content: bytes, file: Path) -> CaptionFile:
    """Read the bytes of a caption's file.

    Raises:
        DatasetError: they are no text.
    """
    try:
        return CaptionFile.parse(content)
    except ValueError as error:  # UnicodeDecodeError is one
        raise DatasetError(
            f"{file.name} is not text: neither UTF-8 nor UTF-16 nor Windows-1252. "
            "Open it in an editor and save it as UTF-8, or delete it."
        ) from error


def load(picture: Path) -> CaptionFile:
    """Read a picture's caption with all that its file has; an empty one where there is no file.

    Raises:
        DatasetError: the file is not text, or cannot be read.
    """
    file = caption_file(picture)
    try:
        return parse(file.read_bytes(), file)
    except FileNotFoundError:
        return CaptionFile()
    except OSError as error:
        raise DatasetError(f"{file} cannot be read: {error.strerror}. Check what it is and who may read it.") from error


def read(picture: Path) -> str:
    """Read a picture's caption on one line, as it is trained on; empty where there is none.

    Raises:
        DatasetError: the file is not text, or cannot be read.
    """
    return one_line(text(picture))


def text(picture: Path) -> str:
    r"""Read a picture's caption as it stands, its lines ended by ``\n``; empty where there is none.

    Raises:
        DatasetError: the file is not text, or cannot be read.
    """
    return load(picture).text


def write(picture: Path, text: str) -> str:
    """Write a picture's caption as its file was written so far, and return it as `text` reads it.

    A caption that says this already is not touched.

    Raises:
        DatasetError: what its file holds is not text, and is not written over.
    """
    old = load(picture)
    new = old.with_text(text)
    if new.text != old.text:
        write_bytes(caption_file(picture), new.encode())
    return new.text


def one_line(caption: str) -> str:
    """Put a caption on one line, with single spaces."""
    return " ".join(caption.split())


def tags(caption: str) -> list[str]:
    """Split a caption at its commas, as kohya's trainer does when it shuffles; see `tagging` for editing."""
    return [tag for part in caption.split(",") if (tag := part.strip())]


def tag_frequency(captions: Iterable[str]) -> dict[str, int]:
    """Count tags in lower case, the most frequent first; kohya's ``ss_tag_frequency`` for one folder."""
    return dict(Counter(tag.lower() for caption in captions for tag in tags(caption)).most_common())


def _guessed(content: bytes) -> tuple[str, str]:
    """Tell the encoding of a text without a byte order mark, and decode it."""
    if zeros := content.count(0):  # Western text in UTF-16 has a zero in every pair of bytes
        encoding = "utf-16-be" if content[::2].count(0) * 2 > zeros else "utf-16-le"
        return encoding, content.decode(encoding)
    with contextlib.suppress(UnicodeDecodeError):
        return "utf-8", content.decode("utf-8")
    return LEGACY, content.decode(LEGACY)
