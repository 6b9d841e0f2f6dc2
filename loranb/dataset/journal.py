"""What was done to a project's pictures, a line each, written down before it is done.

So what a lost machine cut short can be brought to its end, and everything can be undone and done again
after a restart. An undoing is a deed like any other, the other way round.
"""

import contextlib
import json
import os
import platform
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from loranb.dataset.edits import Edit
from loranb.files import write_text

LONGEST = 2**22  # bytes; a longer journal is cut down to the last deeds that fill half of that, some 9,000 moves
Kind = Literal["do", "undo", "redo"]


@dataclass(frozen=True)
class Move:
    """A picture that goes from one place to another; paths are within the project."""

    source: str
    target: str
    content: str  # SHA-256; empty where the file could not be read

    def back(self) -> "Move":
        """Return the move the other way round."""
        return Move(self.target, self.source, self.content)


@dataclass(frozen=True)
class Change:
    """A picture that is turned or cropped otherwise."""

    content: str
    name: str
    before: Edit
    after: Edit

    def back(self) -> "Change":
        """Return the change the other way round."""
        return Change(self.content, self.name, self.after, self.before)


@dataclass(frozen=True)
class Deed:
    """Something done to pictures in one go."""

    what: str  # "3 pictures taken out"
    moves: tuple[Move, ...] = ()
    changes: tuple[Change, ...] = ()
    kind: Kind = "do"
    number: str = field(default_factory=lambda: uuid.uuid4().hex)
    writer: dict[str, Any] = field(default_factory=lambda: _this_process())

    def line(self) -> dict[str, Any]:
        """Return what `read` reads."""
        return {
            "deed": self.number,
            "kind": self.kind,
            "what": self.what,
            "at": round(time.time(), 3),
            "writer": self.writer,
            "moves": [[move.source, move.target, move.content] for move in self.moves],
            "changes": [[c.content, c.name, c.before.as_json(), c.after.as_json()] for c in self.changes],
        }

    @classmethod
    def read(cls, line: dict[str, Any]) -> Self:
        """Make a deed of what `line` gave; raises ValueError or TypeError where it is something else."""
        changes = (
            Change(content, name, Edit.from_json(before), Edit.from_json(after))
            for content, name, before, after in line["changes"]
        )
        moves = tuple(Move(*move) for move in line["moves"])
        return cls(line["what"], moves, tuple(changes), line["kind"], line["deed"], line["writer"])

    def being_done(self) -> bool:
        """Whether another process that is alive is at it."""
        import psutil

        here = self.writer["host"] == platform.node()
        if not here or self.writer["pid"] == os.getpid():
            return False
        try:
            process = psutil.Process(self.writer["pid"])
            same = abs(process.create_time() - self.writer["began"]) < 1  # process ids are used again
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


class Journal:
    """The deeds of a project, as its file tells them; lines that were cut off are passed over.

    Args:
        file: need not be there.
    """

    def __init__(self, file: Path):
        self._file = file
        self.begun: list[Deed] = []  # and not ended
        self.done: list[Deed] = []  # what can be undone, the latest at the end
        self.undone: list[Deed] = []  # what can be done again, the latest at the end
        self.reload()

    def reload(self) -> None:
        """Read the file anew."""
        self.done, self.undone = [], []
        begun: dict[str, Deed] = {}
        for line in self._lines():
            try:
                if "deed" in line:
                    begun[line["deed"]] = Deed.read(line)
                elif deed := begun.pop(line["ended"], None):
                    self._take(_only(deed, line["failed"]))
            except (LookupError, ValueError, TypeError, AttributeError):
                continue
        self.begun = list(begun.values())

    def begin(self, deed: Deed) -> None:
        """Write down what is about to be done."""
        self._append(deed.line())

    def end(self, deed: Deed, failed: Iterable[str]) -> None:
        """Write down that a deed is done, save for the moves from these places."""
        failed = sorted(failed)
        self._append({"ended": deed.number, "failed": failed})
        self._take(_only(deed, failed))
        if self._file.stat().st_size > LONGEST and not self.undone:
            self._shorten()

    def _take(self, deed: Deed) -> None:
        """Put an ended deed on the pile where it can be undone or done again."""
        if deed.kind != "do":
            pile = self.done if deed.kind == "undo" else self.undone
            del pile[-1:]
        if not (deed.moves or deed.changes):
            return
        if deed.kind == "do":
            self.undone.clear()
        (self.undone if deed.kind == "undo" else self.done).append(deed)

    def _lines(self) -> Sequence[dict[str, Any]]:
        try:
            written = self._file.read_bytes()
        except FileNotFoundError:
            return []
        lines = []
        for text in written.split(b"\n"):
            with contextlib.suppress(ValueError):  # empty, or cut off by a lost machine
                lines.append(json.loads(text))
        return lines

    def _append(self, line: dict[str, Any]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            torn = file.read(1) not in (b"", b"\n")  # a line that was cut off stays alone
            file.write((b"\n" if torn else b"") + _text(line).encode())
            file.flush()
            os.fsync(file.fileno())

    def _shorten(self) -> None:
        """Write the file anew with the latest deeds."""
        kept, length = [_text(deed.line()) for deed in self.begun], 0
        for number, deed in enumerate(reversed(self.done)):
            text = _text(replace(deed, kind="do").line()) + _text({"ended": deed.number, "failed": []})
            length += len(text)
            if length > LONGEST // 2:
                del self.done[: len(self.done) - number]
                break
            kept.insert(0, text)
        write_text(self._file, "".join(kept))


def _text(line: dict[str, Any]) -> str:
    return json.dumps(line) + "\n"  # in ASCII: names may hold bytes that are no UTF-8


def _only(deed: Deed, failed: Sequence[str]) -> Deed:
    return replace(deed, moves=tuple(move for move in deed.moves if move.source not in failed))


def _this_process() -> dict[str, Any]:
    import psutil

    return {"host": platform.node(), "pid": os.getpid(), "began": psutil.Process().create_time()}
