"""Which captions a change is for: those that are selected, those that are shown, a subject's, or all."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ipywidgets as w

SELECTED, SHOWN, ALL, SUBJECT = "selected", "shown", "all", "subject:"


class Scope(w.Dropdown):
    """A choice among scopes, each with how many pictures it has.

    By itself it is the selection where there is one, else what is shown. What the user chooses stays until it is
    gone, or pictures are selected.

    Args:
        changed: called when it is another scope, or the same with other pictures.
    """

    def __init__(self, changed: Callable[[], None]):
        super().__init__(options=[("all", ALL)], layout=w.Layout(width="190px"))
        self._pictures: dict[str, list[Path]] = {ALL: []}
        self._changed, self._offering = changed, False
        self._by_hand = False
        self.observe(lambda _: None if self._offering else self._choose(), "value")

    @property
    def pictures(self) -> list[Path]:
        """Those of the scope."""
        return self._pictures[self.value]

    def _choose(self) -> None:
        self._by_hand = True
        self._changed()

    def offer(self, selected: Sequence[Path], shown: Sequence[Path], subjects: Mapping[str, Sequence[Path]]) -> None:
        """Offer scopes.

        Args:
            selected: pictures that are selected.
            shown: those that are shown.
            subjects: all pictures, by the words of their subject.
        """
        everything = [picture for pictures in subjects.values() for picture in pictures]
        before, had = self.value, SELECTED in self._pictures
        self._pictures = {SELECTED: list(selected)} if selected else {}
        self._pictures |= {SHOWN: list(shown)} if len(shown) < len(everything) else {}
        if len(subjects) > 1:
            self._pictures |= {f"{SUBJECT}{words}": list(pictures) for words, pictures in subjects.items()}
        self._pictures[ALL] = everything
        self._offering = True
        options = [(_label(key, len(pictures)), key) for key, pictures in self._pictures.items()]
        if tuple(options) != tuple(self.options):
            self.options = options
        self._by_hand = self._by_hand and before in self._pictures and not (selected and not had)
        first = next(key for key in (SELECTED, SHOWN, ALL) if key in self._pictures)
        self.value = before if self._by_hand else first
        self._offering = False
        self._changed()


def _label(key: str, count: int) -> str:
    if key.startswith(SUBJECT):
        return f"of {key.removeprefix(SUBJECT)} ({count})"
    return f"all {count}" if key == ALL else f"the {count} {key}"
