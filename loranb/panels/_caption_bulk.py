"""Changes to many captions at once, shown before they are made."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import ipywidgets as w

from loranb.dataset.caption_store import CaptionStore, Change
from loranb.errors import DatasetError
from loranb.panels._caption_actions import ACTIONS, Given, Plan, plan
from loranb.panels._caption_scope import Scope
from loranb.panels._differences import marked
from loranb.panels._show import escape, small

FIRST = 10  # captions that are shown before and after


class BulkBar(w.VBox):
    """An action, what it is about, for which captions, and what it would change.

    Args:
        store: gives the captions.
        make: called with a plan and its pictures when it is to be carried out.
    """

    def __init__(self, store: Callable[[], CaptionStore], make: Callable[[Plan, Sequence[Path]], None]):
        self._store, self._make = store, make
        self._filling = False
        self.plan: Plan | None = None
        self._make_controls()
        for control in (self.action, self.words, self.by, self.regex, self.plural, self.keep):
            control.observe(lambda _: None if self._filling else self.look(), "value")
        self.action.observe(lambda _: self._action_chosen(), "value")
        self.apply.on_click(lambda _: self._apply())
        row = w.HBox(
            [self.action, self.words, self.by, self.regex, self.plural, self.keep, w.HTML("in"), self.scope, self.apply]
        )
        row.add_class("lb-tools")
        super().__init__([row, self.hint, self.preview], layout=w.Layout(width="100%"))
        self._action_chosen()

    def _make_controls(self) -> None:
        self.action = w.Dropdown(
            options=[(action.label, key) for key, action in ACTIONS.items()], layout=w.Layout(width="150px")
        )
        self.words = w.Text(layout=w.Layout(flex="1 1 160px", width="auto"))
        self.by = w.Text(placeholder="by (blank: nothing)", layout=w.Layout(flex="1 1 130px", width="auto"))
        self.regex = w.Checkbox(description="regular expression", indent=False, layout=w.Layout(width="150px"))
        self.plural = w.Checkbox(description="plurals too", indent=False, layout=w.Layout(width="110px"))
        self.keep = w.BoundedIntText(min=0, max=99, description="keep", layout=w.Layout(width="100px"))
        self.keep.style.description_width = "40px"
        self.scope = Scope(self.look)
        self.apply = w.Button(description="Change", button_style="primary", layout=w.Layout(width="auto"))
        self.hint, self.preview = w.HTML(), w.HTML()

    @property
    def given(self) -> Given:
        """What was typed and ticked."""
        return Given(self.words.value, self.by.value, self.regex.value, self.plural.value, self.keep.value)

    def ask(self, action: str, words: str) -> None:
        """Fill the bar in, for the user to look at and carry out."""
        self._filling = True
        self.action.value, self.words.value = action, words
        self._filling = False
        self.look()

    def offer(self, selected: Sequence[Path], shown: Sequence[Path], subjects: Mapping[str, Sequence[Path]]) -> None:
        """Offer scopes, and say anew what would change; see `Scope.offer`."""
        self.scope.offer(selected, shown, subjects)

    def look(self) -> None:
        """Say what would change; while the bar is out of sight, nothing is worked out."""
        self.plan, self.preview.value = None, ""
        self.apply.description, self.apply.disabled = "Change", True
        if self.layout.display == "none":
            return
        asks = ACTIONS[self.action.value].asks
        if "words" in asks and not self.words.value.strip():
            return
        pictures = self.scope.pictures
        try:
            self.plan = plan(self._store(), self.action.value, pictures, self.given)
        except DatasetError as error:
            self.preview.value = f'<div class="lb-wrong">{escape(str(error))}</div>'
            return
        count = len(self.plan.changes)
        self.apply.description = f"Change {count} caption" + ("" if count == 1 else "s")
        self.apply.disabled = not count
        self.preview.value = previewed(self.plan.changes, len(pictures))

    def _action_chosen(self) -> None:
        action = ACTIONS[self.action.value]
        for name in ("words", "by", "regex", "plural", "keep"):
            getattr(self, name).layout.display = "" if name in action.asks else "none"
        self.words.placeholder = "words" if "regex" in action.asks else "tag" if "by" in action.asks else "tag, tag"
        self.hint.value = small(action.hint)

    def _apply(self) -> None:
        if self.plan:
            self._make(self.plan, self.scope.pictures)


def previewed(changes: Sequence[Change], asked: int) -> str:
    """Show the first of some changes, before and after, with what differs marked.

    Args:
        changes: to show.
        asked: how many captions were looked at.
    """
    if not changes:
        return small(f"Nothing to change in {asked} captions.")
    rows = []
    for change in changes[:FIRST]:
        before, after = marked(change.before, change.after)
        rows.append(
            f'<div class="lb-change"><div class="lb-name">{escape(change.picture.name)}</div>'
            f"<div>{before or _none()}</div><div>{after or _none()}</div></div>"
        )
    more = len(changes) - FIRST
    rest = small(f"… and {more} more.") if more > 0 else ""
    return small(f"{len(changes)} of {asked} captions change:") + f'<div class="lb-changes">{"".join(rows)}</div>{rest}'


def _none() -> str:
    return '<span class="lb-hint">no caption</span>'
