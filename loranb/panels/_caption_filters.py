"""Which captions are shown: what was searched, a view, a subject, and tags that they have or lack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from loranb.dataset import masks
from loranb.dataset.caption_advice import Remark
from loranb.dataset.caption_store import ORDERS, CaptionStore
from loranb.dataset.tagging import name
from loranb.panels._caption_desk import CaptionDesk

EVERYTHING = "all"
OWN = frozenset({"empty", "too_long"})  # remarks on what is a view anyhow


class View(NamedTuple):
    """Some of the captions, by what is so of them.

    Args:
        key: what it goes by.
        label: for the list of views.
        pictures: whose captions.
    """

    key: str
    label: str
    pictures: frozenset[Path]


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Args:
        search: in the language of `CaptionStore.find`.
        order: one of its orders.
        view: the key of a view.
        subject: its words; blank for all.
        tags: that were chosen in the list of tags.
        how: whether captions are to have ``all`` of these, ``any`` or ``none``.
    """

    search: str = ""
    order: str = ORDERS[0]
    view: str = EVERYTHING
    subject: str = ""
    tags: tuple[str, ...] = ()
    how: str = "all"


def views(desk: CaptionDesk, remarks: Mapping[Path, Sequence[Remark]]) -> list[View]:
    """List the views that hold anything, the whole set first.

    Args:
        desk: knows the captions.
        remarks: on them, by picture.
    """
    store, pictures = desk.store, desk.store.pictures
    long = f"over {desk.limit} tokens"
    found: list[tuple[str, str, frozenset[Path]]] = [
        ("empty", "without a caption", frozenset(store.without_caption())),
        ("draft", "drafts of a captioner", frozenset(filter(store.drafted, pictures))),
        ("edited", "written by hand", frozenset(filter(store.edited, pictures))),
        ("problem", "that cannot be read", frozenset(store.problems)),
        ("long", long, frozenset(p for p in pictures if desk.length(store.text(p))["tokens"] > desk.limit)),
        ("masked", "with a mask", frozenset(masks.masks_of(pictures))),
    ]
    found += _remarked(remarks)
    everything = View(EVERYTHING, f"All captions ({len(pictures)})", frozenset(pictures))
    return [everything, *(View(key, f"{label} ({len(of)})", of) for key, label, of in found if of)]


def chosen(store: CaptionStore, known: Sequence[View], asked: Asked) -> list[Path]:
    """List the pictures whose captions fit all that was asked, in the order that was asked.

    Raises:
        DatasetError: the search asks for a state that there is not.
    """
    within = next((view.pictures for view in known if view.key == asked.view), frozenset(store.pictures))
    wanted = {name(tag) for tag in asked.tags}
    return [
        picture
        for picture in store.find(asked.search, asked.order)
        if picture in within
        and (not asked.subject or store.subject(picture) == asked.subject)
        and _fits(wanted, asked.how, store, picture)
    ]


def subjects(store: CaptionStore) -> dict[str, list[Path]]:
    """Sort all pictures by the words of their subject."""
    found: dict[str, list[Path]] = {}
    for picture in store.pictures:
        found.setdefault(store.subject(picture), []).append(picture)
    return found


def _remarked(remarks: Mapping[Path, Sequence[Remark]]) -> list[tuple[str, str, frozenset[Path]]]:
    """Sort pictures by what was remarked on their captions."""
    titles: dict[str, str] = {}
    found: dict[str, set[Path]] = {}
    for picture, said in remarks.items():
        for remark in (remark for remark in said if remark.code not in OWN):
            titles[remark.code] = remark.title
            found.setdefault(remark.code, set()).add(picture)
    return [(f"remark:{code}", titles[code], frozenset(pictures)) for code, pictures in found.items()]


def _fits(wanted: set[str], how: str, store: CaptionStore, picture: Path) -> bool:
    if not wanted:
        return True
    there = wanted & {name(tag) for tag in store.tags(picture)}
    return {"all": there == wanted, "any": bool(there), "none": not there}[how]


def tag_counts(store: CaptionStore, where: str, shown: Sequence[Path], selected: Sequence[Path]) -> Mapping[str, int]:
    """Count tags in all captions, those shown, those selected, or a subject's by its words."""
    if where == EVERYTHING:
        return store.tag_counts()
    if where in ("shown", "selected"):
        return store.tag_counts(shown if where == "shown" else selected)
    return store.tag_counts(subjects(store).get(where.removeprefix("subject:"), []))
