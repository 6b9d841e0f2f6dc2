"""A card of the pictures' grid: a picture that can be selected by a click, and what was found about it."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import ipywidgets as w
from PIL import Image

from loranb.dataset.health.findings import Finding
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.panels import _platform
from loranb.panels._entries import Entry
from loranb.panels._grid import picture_view
from loranb.panels._show import escape

MOST_CHIPS = 4
UNSAID = frozenset({"no_caption"})  # of every picture, until they are captioned; the summary says it


def _nothing() -> bytes:
    """Return a PNG of one transparent pixel, for what cannot be shown."""
    out = io.BytesIO()
    Image.new("RGBA", (1, 1)).save(out, "PNG")
    return out.getvalue()


NOTHING = _nothing()


class Looks:
    """Layouts and styles that all cards share: fewer things to send to the page."""

    def __init__(self) -> None:
        self.picture = w.Layout(width="auto", height="150px", flex="0 0 auto")
        self.pick = w.Layout(width="auto", margin="0")
        self.text = w.Layout(width="auto", flex="1 1 auto")
        self.row = w.Layout(width="100%", margin="6px 0 0 0")
        self.wide = w.Layout(width="auto", flex="1 1 auto", margin="0 4px 0 0")
        self.narrow = w.Layout(width="34px", flex="0 0 auto", margin="0")
        self.button, self.html, self.box = w.Button().style, w.HTML().style, w.Checkbox().style


class PictureCard(w.VBox):
    """A picture, its name, size and findings, and buttons.

    Args:
        pictures: where thumbnails come from.
        looks: shared by all cards.
        picked: called with the card when it is selected or not any more.
        moved: called with the card when its picture is to be taken out or put back.
        cropped: called with the card when its picture is to be cropped.
    """

    def __init__(
        self,
        pictures: Pictures,
        looks: Looks,
        picked: Callable[["PictureCard"], None],
        moved: Callable[["PictureCard"], None],
        cropped: Callable[["PictureCard"], None],
    ):
        self.entry = Entry(Path(), "")
        self._pictures, self._picked, self._filling = pictures, picked, False
        self.image = picture_view(layout=looks.picture)
        self.pick = w.Checkbox(indent=False, layout=looks.pick, style=looks.box)
        self.pick.add_class("lb-pick")
        self.text = w.HTML(layout=looks.text, style=looks.html)
        self.button = w.Button(layout=looks.wide, style=looks.button)
        self.crop = w.Button(icon="crop", layout=looks.narrow, style=looks.button, tooltip="Crop and turn")
        self.pick.observe(self._ticked, "value")
        self.button.on_click(lambda _: moved(self))
        self.crop.on_click(lambda _: cropped(self))
        super().__init__([self.image, self.pick, self.text, w.HBox([self.button, self.crop], layout=looks.row)])
        self.add_class("lb-card")

    def fill(self, item: tuple[Entry, bool]) -> None:
        """Show a picture, and whether it is selected."""
        self.entry, selected = item
        self._filling = True
        self.pick.value = selected
        self._filling = False
        problem = self._show_picture()
        self.text.value = _name(self.entry) + _facts(self.entry, problem)
        self.button.description = "Put back" if self.entry.taken_out else "Take out"
        self.button.icon = "undo" if self.entry.taken_out else "times"
        self.crop.disabled = bool(problem) or self.entry.taken_out
        (self.add_class if problem else self.remove_class)("lb-card-bad")

    def _show_picture(self) -> str:
        """Show the thumbnail; where there can be none, return why."""
        seen = self.entry.checked
        problem = seen.findings[0].detail if seen and not seen.usable else ""
        try:
            if not self.entry.path.exists():
                raise DatasetError(f"{self.entry.path.name} is not there any more; it was moved or renamed.")
            self.image.value = self._pictures.thumbnail(self.entry.path)
        except DatasetError as error:
            self.image.value = NOTHING
            return problem or str(error)
        return problem

    def _ticked(self, _: dict) -> None:
        if not self._filling:
            self._picked(self)


def _name(entry: Entry) -> str:
    name = escape(entry.path.name)
    return f'<div class="lb-name" title="{name} · {escape(entry.subject)}">{name}</div>'


def _facts(entry: Entry, problem: str) -> str:
    found = of_findings(entry.checked.findings) if entry.checked else ""
    if problem:
        said = f"{problem[:1].upper()}{problem[1:]}"
        return f'<div class="lb-said">{escape(said)}</div><div class="lb-chips">{found}</div>'
    said = ["taken out"] if entry.taken_out else [] if entry.checked else ["not looked at yet"]
    if entry.checked:
        said = ["{} × {}".format(*entry.checked.size)]
    said += ["edited"] if entry.edited else []
    chips = _chip("best", "good", "The best of those that show the same") if entry.best else ""
    return f'<div class="lb-said lb-facts">{escape(" · ".join(said))}</div><div class="lb-chips">{chips}{found}</div>'


def of_findings(findings: Sequence[Finding]) -> str:
    """Return findings as coloured words; all of what is to be said is in their tooltips."""
    told = [finding for finding in findings if finding.code not in UNSAID]
    more = told[MOST_CHIPS:]
    chips = [_chip(finding.code.replace("_", " "), finding.severity, finding.message) for finding in told[:MOST_CHIPS]]
    chips += [_chip(f"+{len(more)}", "info", "\n".join(finding.message for finding in more))] if more else []
    return "".join(chips)


def _chip(word: str, kind: str, told: str) -> str:
    return f'<span class="lb-chip lb-{kind}" title="{escape(told)}">{escape(word)}</span>'


def with_icon(icon: str, told: str, width: str = "40px") -> w.Button:
    """Make a button that shows an icon and says in a tooltip what it does."""
    button = w.Button(icon=icon, layout=w.Layout(width=width))
    return _platform.with_tooltip(button, told)
