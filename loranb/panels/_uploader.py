"""The kernel's side of the widget that uploads any number of files of any size; _upload.js is the page's.

Needs anywidget, so it is imported only where that is there. The page asks, every question has a
number, and the answer carries the number back. A question may come twice, when a connection broke:
the second answer is that of the first.
"""

import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as w
import traitlets as t

from loranb.dataset.uploads import ACCEPTED, CannotWrite, Inbox, Incoming, OutOfOrder
from loranb.errors import LoranbError

_HERE = Path(__file__).parent
_SCRIPTS = ("_page.js", "_upload.js", "_upload_view.js")  # in this order, as one module
PIECE = 2**20  # bytes in a message; Jupyter drops a connection that sends 10 MiB in one
COLAB_PIECE = 2**18  # Colab's own uploads go by 100 KiB; about 1 MB in a message ends its runtime (reported)


class Uploader(anywidget.AnyWidget):
    """A box to drop pictures into, or to choose them with, that sends them to an inbox.

    Args:
        inbox: where they arrive.
        on_done: called with the files, once all that were chosen have arrived. They are deleted when
            it returns, unless it moved them away; when it raises, the page shows why and offers to
            try again with the same files.
        traits: `piece`, `window` and `at_once`.
    """

    _esm = "\n".join(
        (_HERE / name).read_text(encoding="utf-8") for name in ("_page.js", "_upload.js", "_upload_view.js")
    )
    _css = _HERE.joinpath("_upload.css").read_text(encoding="utf-8")
    piece = t.Int(PIECE).tag(sync=True)  # bytes in a message
    window = t.Int(6).tag(sync=True)  # messages on their way at a time
    at_once = t.Int(3).tag(sync=True)  # files at a time
    accepted = t.List(t.Unicode(), list(ACCEPTED)).tag(sync=True)  # endings of names

    def __init__(self, inbox: Inbox, on_done: Callable[[list[Path]], None], **traits: int):
        self._inbox, self._on_done = inbox, on_done
        self._batches: defaultdict[int, dict[Incoming, int]] = defaultdict(dict)  # file: its selection
        self._last: tuple[int, dict] = (0, {})  # number and answer of the last hand-over
        self._handing = threading.Lock()  # some kernels handle messages in several threads
        super().__init__(layout=w.Layout(width="100%"), **traits)
        self.on_msg(self._asked)

    def __repr__(self) -> str:
        """What stands in a notebook that is read without widgets."""
        return "(Uploader: run the cell to see it)"

    def _asked(self, _: w.Widget, content: Mapping[str, Any], buffers: Sequence[memoryview]) -> None:
        kinds: dict[str, Callable[..., dict]] = {
            "look": lambda _: self._look(),
            "list": self._list,
            "room": self._room,
            "piece": lambda content: self._piece(content, buffers[0]),
            "end": self._end,
            "take": self._take,
            "discard": lambda _: self._discard(),
        }
        if content.get("do") in kinds:  # other messages belong to anywidget
            self.send({**_answered(kinds[content["do"]], content), "number": content["number"]})

    def _look(self) -> dict:
        """Say what earlier uploads have left."""
        kept = self._inbox.kept()
        whole = sum(held == file.size for file, held in kept.items())
        return {"whole": whole, "partly": len(kept) - whole, "bytes": sum(kept.values())}

    def _list(self, content: Mapping[str, Any]) -> dict:
        """Say how much there is of files that will be sent."""
        files = [(_incoming(said), int(said[3])) for said in content["files"]]
        self._batches[content["batch"]].update(files)
        return {"held": [self._inbox.held(file) for file, _ in files]}

    def _room(self, content: Mapping[str, Any]) -> dict:
        self._inbox.check_room(content["files"], content["size"], content["rest"])
        return {}

    def _piece(self, content: Mapping[str, Any], piece: memoryview) -> dict:
        try:
            return {"held": self._inbox.write(_incoming(content["file"]), content["at"], piece)}
        except OutOfOrder as error:
            return {"held": error.held, "astray": True}
        except CannotWrite as error:
            return {"text": str(error), "full": True}

    def _end(self, content: Mapping[str, Any]) -> dict:
        """Hand over what has arrived of a batch."""
        batch = self._batches[content["batch"]]
        selections: defaultdict[int, list[Incoming]] = defaultdict(list)
        for file, selection in batch.items():
            if self._inbox.held(file) == file.size:
                selections[selection].append(file)
        return self._once(content["number"], list(selections.values()), batch)

    def _take(self, content: Mapping[str, Any]) -> dict:
        """Hand over what earlier uploads have left whole."""
        whole = [file for file, held in self._inbox.kept().items() if held == file.size]
        return self._once(content["number"], [whole], {})

    def _once(self, number: int, selections: Sequence[Sequence[Incoming]], batch: dict[Incoming, int]) -> dict:
        with self._handing:
            if self._last[0] != number:
                self._last = (number, _answered(lambda _: self._hand_over(selections, batch), {}))
            return self._last[1]

    def _hand_over(self, selections: Sequence[Sequence[Incoming]], batch: dict[Incoming, int]) -> dict:
        if paths := self._inbox.hand_over(selections):
            self._on_done(paths)
        done = [file for files in selections for file in files]
        self._inbox.forget(done)
        for file in done:
            batch.pop(file, None)
        return {}

    def _discard(self) -> dict:
        self._inbox.forget(self._inbox.kept())
        self._batches.clear()
        return {}


def _incoming(said: Sequence[Any]) -> Incoming:
    return Incoming(str(said[0]), int(said[1]), int(said[2]))


def _answered(answer: Callable[[Mapping[str, Any]], dict], content: Mapping[str, Any]) -> dict:
    """Answer a question; what goes wrong is an answer too, for the page to show."""
    try:
        return answer(content)
    except LoranbError as error:
        return {"text": str(error)}
    except Exception as error:
        text = f"This is a fault in loranb, not in what you did: {type(error).__name__}: {error}"
        return {"text": text, "trace": "".join(traceback.format_exception(error))}
