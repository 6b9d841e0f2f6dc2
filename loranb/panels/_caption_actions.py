"""What can be done to many captions at once, as the bulk bar offers it; the edits themselves are the store's."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from loranb.dataset.caption_bulk import NamedEdits
from loranb.dataset.caption_store import Change, Edit


class Given(NamedTuple):
    """What was typed and ticked for an action."""

    words: str = ""
    by: str = ""
    regex: bool = False
    plural: bool = False
    keep: int = 0


class Action(NamedTuple):
    """An edit of many captions.

    Args:
        label: for the list of actions.
        hint: what it does, in a line.
        asks: which parts of `Given` it needs.
        do: makes the edit on whatever has the store's named edits.
    """

    label: str
    hint: str
    asks: tuple[str, ...]
    do: Callable[[NamedEdits, Sequence[Path], Given], int]


ACTIONS: Mapping[str, Action] = {
    "front": Action(
        "Put in front",
        "A tag, or several with commas between them; moved to the front where a caption has it already. A trigger "
        "word belongs here.",
        ("words",),
        lambda on, pictures, given: on.add(pictures, given.words),
    ),
    "end": Action(
        "Add at the end",
        "A tag, or several with commas between them; moved to the end where a caption has it already.",
        ("words",),
        lambda on, pictures, given: on.add(pictures, given.words, at_end=True),
    ),
    "remove": Action(
        "Take out",
        "A tag, or several with commas between them; other tags that hold the same words stay.",
        ("words",),
        lambda on, pictures, given: on.remove(pictures, given.words),
    ),
    "rename": Action(
        "Rename tag",
        "The whole tag; its weight and brackets stay.",
        ("words", "by"),
        lambda on, pictures, given: on.rename(pictures, given.words, given.by),
    ),
    "replace": Action(
        "Replace words",
        "Whole words wherever they stand, in tags and sentences; or what a regular expression finds.",
        ("words", "by", "regex"),
        lambda on, pictures, given: on.replace(pictures, given.words, given.by, given.regex),
    ),
    "move": Action(
        "Move to the front",
        "A tag, or several with commas between them, in the captions that have it.",
        ("words",),
        lambda on, pictures, given: on.move_to_front(pictures, given.words),
    ),
    "deduplicate": Action(
        "Take out doubles",
        "The first of each tag stays; capitals and underscores make no difference.",
        (),
        lambda on, pictures, _: on.deduplicate(pictures),
    ),
    "sort": Action(
        "Sort tags",
        "By the alphabet; so many in front keep their places, such as trigger and class.",
        ("keep",),
        lambda on, pictures, given: on.sort(pictures, given.keep),
    ),
    "unify": Action(
        "One spelling each",
        "Tags that differ by underscores or capitals alone are spelled as they are most often in the set.",
        ("plural",),
        lambda on, pictures, given: on.unify(pictures, given.plural),
    ),
}


class Plan(NamedTuple):
    """An edit that has been asked for and not been made."""

    what: str
    edit: Edit
    changes: list[Change]


class _Planning(NamedEdits):
    """Stands in for a store, to learn what a named edit would do."""

    def __init__(self, counts: Callable[[], dict[str, int]]):
        self.spelling_counts = counts
        self.what = ""
        self.edit: Edit = str

    def bulk(self, what: str, _pictures: Iterable[Path], edit: Edit) -> int:
        self.what, self.edit = what, edit
        return 0


class _Store(NamedEdits):
    """What of a store is needed here; a `CaptionStore` is one."""

    preview: Callable[[Edit, Iterable[Path]], list[Change]]
    spelling_counts: Callable[[], dict[str, int]]


def plan(store: _Store, action: str, pictures: Sequence[Path], given: Given) -> Plan:
    """Say what an action would change; nothing is written.

    Raises:
        DatasetError: words that are needed are missing, or are no regular expression.
    """
    planning = _Planning(store.spelling_counts)
    ACTIONS[action].do(planning, pictures, given)
    return Plan(planning.what, planning.edit, store.preview(planning.edit, pictures))
