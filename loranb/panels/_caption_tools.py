"""The tools above the captions: changes to many at once, and captioners."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ipywidgets as w

from loranb.dataset.caption_store import CaptionStore
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.panels._show import message, shown, small

AT_A_TIME = 8  # pictures given to a captioner before its captions are written
SHOWN, ALL = "shown", "all"
ACTIONS = {
    "front": "Put in front",
    "end": "Add at the end",
    "remove": "Take out tag",
    "replace": "Replace words",
}


class BulkTools(w.VBox):
    """Changes to many captions: tags in front, at the end or gone, words replaced; and undo.

    Args:
        found: gives the pictures of a scope, `SHOWN` or `ALL`.
        change: runs a change on the store and returns what to say.
    """

    def __init__(
        self,
        found: Callable[[str], Sequence[Path]],
        change: Callable[[Callable[[CaptionStore], str]], str],
    ):
        self._found, self._change = found, change
        self.trigger = w.Text(placeholder="trigger word, such as mokuba", layout=w.Layout(width="230px"))
        self.put_trigger = w.Button(description="Put in front of all", layout=w.Layout(width="150px"))
        self.action = w.Dropdown(
            options=[(words, key) for key, words in ACTIONS.items()], layout=w.Layout(width="170px")
        )
        self.words = w.Text(placeholder="tag, or several with commas", layout=w.Layout(width="230px"))
        self.by = w.Text(placeholder="replaced by (blank: nothing)", layout=w.Layout(width="200px"))
        self.scope = w.Dropdown(options=[("in all", ALL)], layout=w.Layout(width="170px"))
        self.apply = w.Button(description="Change", button_style="primary", layout=w.Layout(width="110px"))
        self.undo = w.Button(description="Undo", icon="undo", disabled=True, layout=w.Layout(width="90px"))
        self.notice = w.HTML()
        self._observe()
        first = w.HBox([self.trigger, self.put_trigger])
        second = w.HBox([self.action, self.words, self.by, self.scope, self.apply, self.undo])
        for row in (first, second):
            row.add_class("lb-tools")
        hint = small("A word that means nothing yet, the same in front of every caption, is what calls the LoRA up.")
        super().__init__([w.HTML(hint), first, second, self.notice])
        self._action_chosen()

    def recount(self, found: int, total: int) -> None:
        """Say how many captions each scope has."""
        scope = self.scope.value
        self.scope.options = [(f"in the {found} shown", SHOWN), (f"in all {total}", ALL)]
        self.scope.value = scope

    def _observe(self) -> None:
        self.put_trigger.on_click(shown(lambda _: self._put_trigger(), self.notice))
        self.apply.on_click(shown(lambda _: self._apply(), self.notice))
        self.undo.on_click(shown(lambda _: self._report(CaptionStore.undo), self.notice))
        self.action.observe(shown(lambda _: self._action_chosen(), self.notice), "value")

    def _action_chosen(self) -> None:
        replacing = self.action.value == "replace"
        self.by.layout.display = "" if replacing else "none"
        self.words.placeholder = "words to replace" if replacing else "tag, or several with commas"

    def _put_trigger(self) -> None:
        tag, pictures = self.trigger.value, self._found(ALL)
        self._report(lambda store: _changed(store.add(pictures, tag)))

    def _apply(self) -> None:
        action, words, by = self.action.value, self.words.value, self.by.value
        pictures = self._found(self.scope.value)
        changes: dict[str, Callable[[CaptionStore], int]] = {
            "front": lambda store: store.add(pictures, words),
            "end": lambda store: store.add(pictures, words, at_end=True),
            "remove": lambda store: store.remove(pictures, words),
            "replace": lambda store: store.replace(pictures, words, by),
        }
        self._report(lambda store: _changed(changes[action](store)))

    def _report(self, change: Callable[[CaptionStore], str]) -> None:
        self.notice.value = message("info", self._change(change))


class AutoCaption(w.VBox):
    """Runs a captioner over the pictures that have no caption.

    Args:
        run: called with the captioner's name, its source and a progress bar; returns what to say.
        demo: whether to propose the small tagger of the demo.
    """

    def __init__(self, run: Callable[[str, str, w.IntProgress], str], demo: bool):
        from loranb.captioners import names

        self._run = run
        found = names()
        self.name = w.Dropdown(options=found, value="wd14" if "wd14" in found else None, layout=w.Layout(width="150px"))
        self.source = w.Text(
            value="demo" if demo else "",
            placeholder="model (blank: the usual one)",
            layout=w.Layout(width="260px"),
        )
        self.button = w.Button(button_style="primary", layout=w.Layout(width="190px"))
        self.progress = w.IntProgress(layout=w.Layout(width="200px", display="none"))
        self.notice = w.HTML()
        self.button.on_click(shown(lambda _: self._pressed(), self.notice))
        row = w.HBox([self.name, self.source, self.button, self.progress])
        row.add_class("lb-tools")
        hint = "wd14 writes tags. A model is downloaded when first used. Pictures that have a caption keep it."
        super().__init__([w.HTML(small(hint)), row, self.notice])

    def show_count(self, without: int) -> None:
        """Say how many pictures are waiting."""
        self.button.description = f"Caption {without} pictures" if without != 1 else "Caption 1 picture"
        self.button.disabled = not without

    def _pressed(self) -> None:
        self.notice.value = message("info", "Loading the captioner …")
        self.progress.layout.display = ""
        try:
            self.notice.value = message("good", self._run(self.name.value, self.source.value.strip(), self.progress))
        finally:
            self.progress.layout.display = "none"


def captions_of(
    pictures: Sequence[Path], name: str, source: str, report: tuple[w.IntProgress, list[str]]
) -> Iterator[tuple[Path, str]]:
    """Caption pictures a few at a time, as the captions are asked for; unreadable ones are passed over."""
    from loranb.captioners import module

    progress, unreadable = report
    progress.value, progress.max = 0, len(pictures)
    there = module(name)
    model = there.load(there.Options(**({"model": source} if source else {})))
    for start in range(0, len(pictures), AT_A_TIME):
        opened = {}
        for picture in pictures[start : start + AT_A_TIME]:
            try:
                opened[picture] = Pictures.around(picture).open(picture)
            except DatasetError as error:
                unreadable.append(str(error))
        said = [", ".join(words.tags) for words in model.look(list(opened.values()))]
        yield from zip(opened, said, strict=True)
        progress.value = min(start + AT_A_TIME, len(pictures))


def _changed(count: int) -> str:
    if not count:
        return "No caption changed."
    return f"{count} captions changed." if count != 1 else "1 caption changed."
