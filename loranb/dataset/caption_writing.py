"""Write captions and take that back, each time with a note in the journal."""

import functools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loranb.dataset import folders
from loranb.dataset.caption_journal import CaptionEdit, CaptionJournal, Written, checksum
from loranb.dataset.held_captions import HeldCaptions
from loranb.dataset.images import picture_files
from loranb.errors import DatasetError
from loranb.files import write_bytes

AT_ONCE = 8  # files flushed to the disk together; measured: 1,000 take a sixth of the time that they take in turn


class CaptionWriter:
    """Writes captions; whoever calls it keeps others out, see `CaptionJournal.alone`.

    Args:
        held: the captions in memory; kept as those on the disk.
        journal: where edits are written down first.
    """

    def __init__(self, held: HeldCaptions, journal: CaptionJournal):
        self._held, self._journal = held, journal
        self._root = journal.file.parent if journal.file else None

    def write(self, edit: CaptionEdit, texts: Mapping[Path, str]) -> int:
        """Write captions, and return how many changed.

        Raises:
            DatasetError: a picture is gone, or its present caption cannot be read; nothing is written then.
        """
        planned = (self._planned(picture, text) for picture, text in texts.items())
        news = {file: was for file, was in planned if was.before != was.after}
        if news:
            edit.files = {self.path(file): was for file, was in news.items()}
            self._journal.begin(edit)
            self._put({file: was.after for file, was in news.items()})
        return len(news)

    def turn(self, files: Mapping[str, Written]) -> str:
        """Bring files from one state to another; say how many are there, and which were changed elsewhere."""
        news: dict[Path, bytes | None] = {}
        left = []
        by_now, stems = functools.cache(folders.by_now), functools.cache(_stems)
        for path, was in files.items():
            place = self._root / path if self._root else Path(path)
            file = by_now(place.parent) / place.name  # its subject's repeats may be others since
            now = _content(file)
            if now == was.before != was.after and file.stem in stems(file.parent):
                news[file] = was.after
            elif now != was.after:
                left.append(file.name)
        self._put(news)
        count = len(files) - len(left)
        kept = f" Left as they are, since they were changed elsewhere: {len(left)} ({_few(left)})." if left else ""
        return f"({count} {'caption' if count == 1 else 'captions'}).{kept}"

    def status(self, picture: Path) -> str:
        """Say who wrote a caption last; by hand, too, if it is not what was written then."""
        held = self._held[picture]
        by, wrote = self._journal.written_by(self.path(held.file)) or ("", 0)
        return "hand" if by and wrote != checksum(held.content) else by

    def path(self, file: Path) -> str:
        """Return a file's path as the journal has it: within the project, with slashes."""
        if self._root and file.is_relative_to(self._root):
            return file.relative_to(self._root).as_posix()
        return file.as_posix()

    def _planned(self, picture: Path, text: str) -> tuple[Path, Written]:
        """Say what a caption's file holds, and what it shall hold."""
        if not picture.exists():
            raise DatasetError(f"{picture} is not there any more: moved or renamed. Load the captions anew.")
        held = self._held.read(picture)
        if held.problem:
            raise DatasetError(held.problem)
        new = held.caption.with_text(text)
        return held.file, Written(held.content, held.content if new.text == held.text else new.encode())

    def _put(self, news: Mapping[Path, bytes | None]) -> None:
        """Write files or delete them, several at once: most of the time goes into flushing to the disk."""
        try:
            if len(news) == 1:
                _put(*next(iter(news.items())))
            elif news:
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    for _ in pool.map(_put, news, news.values()):
                        pass
        except OSError as error:
            raise DatasetError(
                f"{error.filename} cannot be written: {error.strerror}. Some of {len(news)} captions were changed; "
                "undo takes them back."
                if len(news) > 1
                else f"{next(iter(news))} cannot be written: {error.strerror}. Its caption is as it was."
            ) from error
        finally:
            for file in news:
                self._held.read_file(file)


def _put(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink(missing_ok=True)
    else:
        write_bytes(file, content)


def _stems(folder: Path) -> set[str]:
    """List the pictures of a folder without their suffixes."""
    return {path.stem for path in picture_files(folder)} if folder.is_dir() else set()


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _few(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
