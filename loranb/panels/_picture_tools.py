"""What stands above the pictures' grid: what is shown, what is selected, and what is done with the selection."""

from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as w

from loranb.panels import _platform
from loranb.panels._entries import ALL, COPIES, ORDERS, OUT, Entry, chosen, ordered, views
from loranb.panels._picture_card import with_icon
from loranb.panels._show import small


class ViewBar(w.HBox):
    """Chooses which pictures are shown, and in what order.

    Args:
        changed: called when another choice was made.
    """

    def __init__(self, changed: Callable[[], None]):
        self._changed, self._setting = changed, False
        self.view = w.Dropdown(options=[("All pictures", ALL)], layout=w.Layout(width="290px"))
        self.subject = w.Dropdown(options=[("All subjects", "")], layout=w.Layout(width="190px"))
        self.order = w.Dropdown(options=list(ORDERS), layout=w.Layout(width="150px"))
        self.words = w.Text(placeholder="name holds …", layout=w.Layout(width="150px"))
        for control in (self.view, self.subject, self.order, self.words):
            control.observe(lambda _: None if self._setting else changed(), "value")
        super().__init__([self.view, self.subject, self.order, self.words])
        self.add_class("lb-tools")

    def offer(self, known: Sequence[Entry]) -> None:
        """Offer what there is; what is chosen stays so as long as it is there."""
        subjects = sorted({entry.subject for entry in known})
        self._setting = True
        _reoffer(self.view, views(known))
        _reoffer(self.subject, [("All subjects", ""), *((words, words) for words in subjects)])
        self.subject.layout.display = "" if len(subjects) > 1 else "none"
        self._setting = False

    def show(self, view: str) -> None:
        """Show the pictures of one view, whatever was looked for before."""
        self._setting = True
        self.words.value, self.subject.value = "", ""
        self.view.value = view
        self._setting = False
        self._changed()

    def of(self, known: Sequence[Entry]) -> list[Entry]:
        """Return the pictures that are to be shown, in order."""
        order = "Copies together" if self.view.value == COPIES else self.order.value
        return ordered(chosen(known, self.view.value, self.subject.value, self.words.value), order)


def _reoffer(dropdown: w.Dropdown, options: list[tuple[str, str]]) -> None:
    if tuple(options) != tuple(dropdown.options):
        before = dropdown.value
        dropdown.options = options
        dropdown.value = before if before in [value for _, value in options] else options[0][1]


class Selecting(w.HBox):
    """Says how many pictures are selected, and selects those of the page, all that are shown, or none.

    Args:
        select: called with ``page``, ``shown`` or ``none``.
    """

    def __init__(self, select: Callable[[str], None]):
        self.page, self.all, self.none = (_button(word) for word in ("Select page", "Select all shown", "Select none"))
        self.told = w.HTML(layout=w.Layout(margin="0 8px"))
        for button, what in ((self.page, "page"), (self.all, "shown"), (self.none, "none")):
            button.on_click(lambda _, what=what: select(what))
        super().__init__([self.page, self.all, self.none, self.told], layout=w.Layout(flex="1 1 auto"))
        self.add_class("lb-part")

    def show(self, selected: int, shown: int) -> None:
        """Say how many of those shown are selected."""
        self.told.value = f"<b>{selected}</b> of {shown} selected" if selected else small(_HINT if shown else "")
        self.none.disabled = not selected
        self.page.disabled = self.all.disabled = not shown


_HINT = "Click pictures to select them."


class Doing(w.HBox):
    """What can be done with the selected pictures, and undone.

    Args:
        act: called with the name of what is to be done.
        move: called with the folder of the subject that they belong to.
    """

    def __init__(self, act: Callable[[str], None], move: Callable[[Path], None]):
        self._move = move
        self.out = _button("Take out", "times", "Move them to discarded, where they are kept")
        self.back = _button("Put back", "undo", "Move them back to their subjects")
        self.left = with_icon("rotate-left", "Turn left")
        self.right = with_icon("rotate-right", "Turn right")
        self.square = _button("Square", "crop", "Crop each to a square around what draws the eye")
        self.trim = _button("Trim", "scissors", "Cut off bars and frames of one colour")
        self.clear = _button("As they were", "eraser", "Take back all turns and crops of these pictures")
        self.target = w.Dropdown(options=[("Move to …", "")], layout=w.Layout(width="170px"))
        self.best = _button("Keep the best of each", "star", "Take out all copies but the largest, then the sharpest")
        named = {
            "out": self.out,
            "back": self.back,
            "left": self.left,
            "right": self.right,
            "square": self.square,
            "trim": self.trim,
            "clear": self.clear,
            "best": self.best,
        }
        for name, button in named.items():
            button.on_click(lambda _, name=name: act(name))
        self.target.observe(lambda change: self._chosen(change["new"]), "value")
        super().__init__([*(named[name] for name in list(named)[:-1]), self.target, self.best])
        self.add_class("lb-tools")

    def show(self, view: str, selected: int, copies: int, folders: Sequence[Path]) -> None:
        """Offer what goes with what is shown.

        Args:
            view: which pictures are shown.
            selected: how many of them are selected.
            copies: how many are copies of better ones.
            folders: of the subjects that there are.
        """
        out = view == OUT
        for widget in (self.out, self.left, self.right, self.square, self.trim, self.clear, self.target):
            widget.layout.display = "none" if out else ""
            widget.disabled = not selected
        self.back.layout.display, self.back.disabled = "" if out else "none", not selected
        self.best.layout.display = "" if copies and view in (COPIES, "duplicate", "near_duplicate") else "none"
        self.best.description = f"Keep the best, take out {copies}"
        options = [("Move to …", ""), *((folder.name, str(folder)) for folder in folders)]
        if tuple(options) != tuple(self.target.options):
            self.target.options = options
        self.target.value = ""
        if len(folders) < 2:
            self.target.layout.display = "none"

    def _chosen(self, folder: str) -> None:
        if folder:
            self._move(Path(folder))


class Undoing(w.HBox):
    """Undoes and does again, and says what.

    Args:
        undo, redo: called when pressed.
    """

    def __init__(self, undo: Callable[[], None], redo: Callable[[], None]):
        self.undo = w.Button(icon="undo", layout=w.Layout(width="auto"))
        self.redo = w.Button(icon="repeat", layout=w.Layout(width="auto"))
        self.undo.on_click(lambda _: undo())
        self.redo.on_click(lambda _: redo())
        super().__init__([self.undo, self.redo])
        self.add_class("lb-part")

    def show(self, undoable: str, redoable: str) -> None:
        """Say what would be undone and done again; blank for nothing."""
        for button, word, what in ((self.undo, "Undo", undoable), (self.redo, "Redo", redoable)):
            button.description = f"{word}: {what}" if what else word
            button.disabled = not what


def _button(text: str, icon: str = "", told: str = "") -> w.Button:
    button = w.Button(description=text, icon=icon, layout=w.Layout(width="auto"))
    return _platform.with_tooltip(button, told) if told else button
