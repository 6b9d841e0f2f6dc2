"""The first line of the captions' panel: how far they are, and what can be undone."""

from collections.abc import Callable

import ipywidgets as w

from loranb.dataset.caption_store import CaptionStore
from loranb.panels._picture_tools import Undoing
from loranb.panels._show import Kind, escape, message

MOST = 8  # notes that are unfolded at once


class CaptionHeader(w.VBox):
    """How many captions there are, what is to be known of their files, and undo and redo.

    Args:
        undo, redo: called when pressed.
    """

    def __init__(self, undo: Callable[[], None], redo: Callable[[], None]):
        self.count = w.HTML(layout=w.Layout(flex="1 1 300px", width="auto"))
        self.undoing = Undoing(undo, redo)
        self.notes = w.HTML()
        row = w.HBox([self.count, self.undoing])
        row.add_class("lb-tools")
        super().__init__([row, self.notes], layout=w.Layout(width="100%"))

    def show(self, store: CaptionStore) -> None:
        """Show the state of the captions."""
        self.count.value = message(*counted(store))
        self.undoing.show(store.can_undo, store.can_redo)
        notes = [*store.problems.values(), *store.notes]
        more = f"<div>… and {len(notes) - MOST} more.</div>" if len(notes) > MOST else ""
        listed = "".join(f"<div>{escape(note)}</div>" for note in notes[:MOST]) + more
        title = "1 thing to know of the files" if len(notes) == 1 else f"{len(notes)} things to know of the files"
        folded = f'<details class="lb-more"><summary>{title}</summary><div class="lb-detail">{listed}</div></details>'
        self.notes.value = folded if notes else ""


def counted(store: CaptionStore) -> tuple[Kind, str]:
    """Say how many pictures are captioned."""
    total, done = len(store.pictures), store.captioned
    if not total:
        return "warning", "No pictures yet: add some with the first notebook, or loranb.images(project)."
    drafts = sum(map(store.drafted, store.pictures))
    unread = f" {drafts} are drafts: read them." if drafts > 1 else " 1 is a draft: read it." if drafts else ""
    if done == total:
        return "good", f"All {total} pictures are captioned.{unread}"
    return "warning", f"{done} of {total} captioned; the others go by the name of their folder.{unread}"
