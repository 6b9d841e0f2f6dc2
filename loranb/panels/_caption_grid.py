"""The kernel's side of the caption grid, for any number of pictures; the _caption_grid*.js are the page's.

Needs anywidget, so it is imported only where that is there. The page asks, every question has a number,
and the answer carries the number back; a question that is asked twice, when a connection broke, gets its
first answer again. Pictures are sent when they come in sight, and their bytes in messages only.
"""

import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as w
import traitlets as t

from loranb.dataset.images import WORKERS
from loranb.errors import LoranbError
from loranb.panels._caption_desk import CaptionDesk, ChangedElsewhere

_HERE = Path(__file__).parent
_PARTS = ("_line", "", "_tags", "_parts", "_caption", "_card", "_bar", "_large", "_keys", "_view")
_SCRIPTS = ("_page.js", *(f"_caption_grid{part}.js" for part in _PARTS))  # in this order, as one module
REMEMBERED = 200  # answers that may be asked for again
SIDE = 256  # pixels of a thumbnail on the longer side, if the page does not say
Heard = Callable[[list[Path]], None]
HEARING = 3  # grids of a project, the newest, that show what another saves: a cell that is run again makes one more
_ASK_ANEW = {"again": True}  # answers a question whose answer, with pictures, was sent and is not kept
_GRIDS: "list[CaptionGrid]" = []


class CaptionGrid(anywidget.AnyWidget):
    """Pictures with their captions, to be edited; what is typed is saved by itself.

    Args:
        desk: whose captions.
        height: of the grid in pixels; it scrolls within.
    """

    _esm = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    _css = (_HERE / "_caption_grid.css").read_text(encoding="utf-8")
    order = t.List(t.Int()).tag(sync=True)  # the pictures that are shown, by number
    chosen = t.List(t.Int()).tag(sync=True)  # those that are selected
    folder = t.Unicode().tag(sync=True)  # under this name the page keeps what it could not save yet
    height = t.Int(640).tag(sync=True)

    def __init__(self, desk: CaptionDesk, height: int = 640):
        self.desk = desk
        self._pictures: list[Path] = []  # by number; a number is never given twice
        self._numbers: dict[Path, int] = {}
        self._answers: OrderedDict[int, tuple[dict, list[bytes]]] = OrderedDict()
        self._answering = threading.RLock()  # some kernels handle messages in several threads
        self._on_selected: list[Heard] = []
        self._on_saved: list[Heard] = []
        super().__init__(layout=w.Layout(width="100%"), folder=str(desk.project.root), height=height)
        self.on_msg(self._asked)
        self.observe(lambda _: self._tell(self._on_selected, self.selected), "chosen")
        for other in self._others():  # a cell that was run again: what its page has not saved yet
            other.send({"do": "flush"})
        _GRIDS.append(self)

    def __repr__(self) -> str:
        """What stands in a notebook that is read without widgets."""
        return "(CaptionGrid: run the cell to see it)"

    def show(self, pictures: Iterable[Path]) -> None:
        """Show these pictures, in this order; of the selection, what is not among them is dropped."""
        numbers = [self._number(picture) for picture in pictures]
        self.order = numbers
        self.chosen = [number for number in self.chosen if number in set(numbers)]

    def refresh(self, pictures: Iterable[Path] | None = None) -> None:
        """Show captions that were changed elsewhere: those of some pictures, or all."""
        self.desk.changed()
        numbers = None if pictures is None else [self._number(picture) for picture in pictures]
        self.send({"do": "changed", "ids": numbers})

    @property
    def selected(self) -> list[Path]:
        """The pictures that are selected, in the order in which they are shown."""
        chosen = set(self.chosen)
        return [self._pictures[number] for number in self.order if number in chosen]

    def on_selected(self, callback: Heard) -> None:
        """Have a function called with the selected pictures whenever they are others."""
        self._on_selected.append(callback)

    def on_saved(self, callback: Heard) -> None:
        """Have a function called with the pictures whose captions were changed in the grid."""
        self._on_saved.append(callback)

    def close(self) -> None:
        """Close the widget."""
        if self in _GRIDS:
            _GRIDS.remove(self)
        super().close()

    def _number(self, picture: Path) -> int:
        if picture not in self._numbers:
            self._numbers[picture] = len(self._pictures)
            self._pictures.append(picture)
        return self._numbers[picture]

    def _others(self) -> list["CaptionGrid"]:
        return [grid for grid in _GRIDS if grid is not self and grid.folder == self.folder][-HEARING:]

    def _tell(self, callbacks: Iterable[Heard], pictures: Iterable[Path]) -> None:
        told = list(pictures)
        for callback in callbacks:
            callback(told)

    def _asked(self, _: w.Widget, content: Mapping[str, Any], _buffers: Sequence[memoryview]) -> None:
        kinds: dict[str, Callable[[Mapping[str, Any]], dict]] = {
            "look": self._look,
            "cards": self._cards,
            "thumbnails": self._thumbnails,
            "large": self._large,
            "save": self._save,
            "back": self._back,
            "suggest": lambda content: {"found": self.desk.suggest(content["typed"])},
            "fresh": lambda _: self._fresh(),
        }
        if content.get("do") not in kinds:  # other messages belong to anywidget
            return
        number = content["number"]
        with self._answering:
            if number not in self._answers:
                self._answers[number] = self._answered(kinds[content["do"]], content)
                while len(self._answers) > REMEMBERED:
                    self._answers.popitem(last=False)
            answer, pictures = self._answers[number]
            if pictures:  # large, and asked for again as another question
                self._answers[number] = (_ASK_ANEW, [])
        self.send({**answer, "number": number}, pictures)

    def _answered(self, answer: Callable[[Mapping[str, Any]], dict], content: Mapping[str, Any]) -> tuple[dict, list]:
        """Answer a question; what goes wrong is an answer too, for the page to show."""
        try:
            said = answer(content)
        except LoranbError as error:
            said = {"text": str(error)}
        except Exception as error:
            text = f"This is a fault in loranb, not in what you did: {type(error).__name__}: {error}"
            said = {"text": text, "trace": "".join(traceback.format_exception(error))}
        pictures = said.pop("pictures", [])
        return said, pictures

    def _state(self) -> dict[str, Any]:
        store = self.desk.store
        return {"undo": store.can_undo, "redo": store.can_redo, "quick": self.desk.frequent()}

    def _look(self, content: Mapping[str, Any]) -> dict:
        """Say which pictures those are whose captions an earlier page could not save."""
        paths = {self.desk.path(picture): picture for picture in self.desk.store.pictures}
        return {
            "ids": [(self._number(paths[path]), path) for path in content["left"] if path in paths],
            **self._state(),
        }

    def _card(self, number: int) -> dict[str, Any]:
        return {"id": number, **self.desk.card(self._pictures[number])}

    def _cards(self, content: Mapping[str, Any]) -> dict:
        return {"cards": [self._card(number) for number in content["ids"]], **self._state()}

    def _thumbnails(self, content: Mapping[str, Any]) -> dict:
        """Read some pictures small, several at a time; one that cannot be read is answered with why."""
        side, masked = content.get("side", SIDE), content.get("masked", False)

        def read(number: int) -> bytes | str:
            try:
                return self.desk.thumbnail(self._pictures[number], side, masked)
            except Exception as error:  # a picture can be wrong in many ways, and the others are to be seen
                return str(error) if isinstance(error, LoranbError) else f"{type(error).__name__}: {error}"

        with ThreadPoolExecutor(WORKERS) as pool:
            found = list(zip(content["ids"], pool.map(read, content["ids"]), strict=True))
        whole = [(number, jpeg) for number, jpeg in found if isinstance(jpeg, bytes)]
        broken = [(number, why) for number, why in found if isinstance(why, str)]
        return {"ids": [n for n, _ in whole], "broken": broken, "pictures": [jpeg for _, jpeg in whole]}

    def _large(self, content: Mapping[str, Any]) -> dict:
        picture = self._pictures[content["id"]]
        return {"pictures": [self.desk.large(picture, content.get("masked", False))]}

    def _save(self, content: Mapping[str, Any]) -> dict:
        picture = self._pictures[content["id"]]
        try:
            self.desk.save(picture, content["caption"], content["base"], content["continues"])
        except ChangedElsewhere as error:
            return {"conflict": error.now, "card": self._card(content["id"])}
        self._heard([picture])
        stem = picture.with_suffix("")
        if same := [n for n, p in enumerate(self._pictures) if p != picture and p.with_suffix("") == stem]:
            self.send({"do": "changed", "ids": same})  # pictures of one stem have one caption
        return {"card": self._card(content["id"]), **self._state()}

    def _back(self, content: Mapping[str, Any]) -> dict:
        """Undo or redo an edit, wherever it was made."""
        said = self.desk.store.redo() if content["redo"] else self.desk.store.undo()
        self.desk.changed()
        self._heard(self.desk.store.pictures)
        return {"said": said, **self._state()}

    def _fresh(self) -> dict:
        """Say which captions were changed elsewhere since they were read."""
        found = self.desk.store.look_again()
        if found:
            self.desk.changed()
            self._tell(self._on_saved, found)
        return {"ids": [self._numbers[picture] for picture in found if picture in self._numbers], **self._state()}

    def _heard(self, pictures: Sequence[Path]) -> None:
        """Tell whoever listens of captions that were changed here, and show them in other grids."""
        self._tell(self._on_saved, pictures)
        for other in self._others():
            if other.desk.store is not self.desk.store:
                other.desk.store.look_again()
            other.refresh(pictures)
