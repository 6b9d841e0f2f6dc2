"""The language of a search through captions."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from loranb.dataset.tag_text import name
from loranb.errors import DatasetError

STATES = ("empty", "edited", "draft", "problem")
_TERM = re.compile(r'(-?)(tag:|name:|subject:|is:)?("[^"]*"?|\S+)', re.IGNORECASE)


@dataclass(frozen=True)
class Searched:
    """What is searched of one picture; all but tags and states in small letters."""

    text: str
    name: str  # of the picture's file
    subject: str
    tags: Callable[[], Collection[str]]  # as `tag_text.name` calls them
    states: Callable[[], Collection[str]]  # of `STATES`


def matcher(search: str) -> Callable[[Searched], bool]:
    """Return what tells whether a picture fits a search; see `CaptionStore.find`.

    Raises:
        DatasetError: there is no such state.
    """
    tests = [_test(kind.lower(), words.strip('"'), bool(minus)) for minus, kind, words in _TERM.findall(search)]
    return lambda searched: all(test(searched) for test in tests)


def _test(kind: str, words: str, unwanted: bool) -> Callable[[Searched], bool]:
    lower, called = " ".join(words.lower().split()), name(words)
    if not lower:
        return lambda _: True
    if kind == "is:" and lower not in STATES:
        raise DatasetError(f"is:{words} is unknown. There are {', '.join(f'is:{state}' for state in STATES)}.")
    tests: dict[str, Callable[[Searched], bool]] = {
        "": lambda searched: lower in searched.text,
        "tag:": lambda searched: called in searched.tags(),
        "name:": lambda searched: lower in searched.name,
        "subject:": lambda searched: lower in searched.subject,
        "is:": lambda searched: lower in searched.states(),
    }
    test = tests[kind]
    return lambda searched: test(searched) != unwanted
