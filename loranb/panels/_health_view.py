"""Show what was found about a project's pictures: a verdict, then each kind of finding, with what to do."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import ipywidgets as w

from loranb.dataset.health.advice import KINDS
from loranb.dataset.health.findings import CODES, Finding, Severity, severity_rank
from loranb.dataset.health.report import Report
from loranb.panels import _platform
from loranb.panels._progress import ProgressLine
from loranb.panels._show import escape, message, small, title

ADVICE = {
    "": "Say what the LoRA is of, and the advice below fits it.",
    "face": "Close, square, sharp portraits of one person and nobody else, from many sides, in different light.",
    "object": "The whole thing and its details, from all sides, before different grounds; nothing else that repeats.",
    "style": "Different things in one manner: what the pictures share is the style, so vary what they show.",
    "place": "Views from near and far, from all sides, at different times and in different weather.",
}
NAMED = 6  # sentences about the set under one heading


class Heading(NamedTuple):
    """A kind of finding as a line of the summary."""

    code: str
    severity: Severity
    pictures: int  # that it is said of
    details: tuple[str, ...]  # what is said of subjects and of the set


def headings(report: Report) -> list[Heading]:
    """Group what was found by its code, the worst and then the most frequent first."""
    pictures = [finding for picture in report.pictures for finding in picture.findings]
    of_set = [("", finding) for finding in report.findings]
    of_set += [(f"{health.subject.words}: ", finding) for health in report.subjects for finding in health.findings]
    found: dict[str, list[Finding]] = {}
    for finding in (*pictures, *(finding for _, finding in of_set)):
        found.setdefault(finding.code, []).append(finding)
    lines = [
        Heading(
            code,
            min((finding.severity for finding in group), key=severity_rank),
            sum(finding.code == code for finding in pictures),
            tuple(f"{whose}{finding.detail}" for whose, finding in of_set if finding.code == code),
        )
        for code, group in found.items()
    ]
    return sorted(lines, key=lambda line: (severity_rank(line.severity), -line.pictures))


def verdict(report: Report, pictures: int, subjects: int, taken_out: int = 0) -> str:
    """Say in a sentence or two how far the pictures are.

    Args:
        report: of those looked at.
        pictures: how many there are.
        subjects: how many hold some.
        taken_out: how many wait to be put back.
    """
    if not pictures and taken_out:
        return f"No pictures are left: all {taken_out} are taken out. Choose Taken out below to put some back, or Undo."
    if not pictures:
        return "No pictures yet. Open Add pictures above, name a subject and say where they are."
    seen, usable = len(report.pictures), report.summary["usable"]
    counted = f"{_many(pictures, 'picture')} in {_many(subjects, 'subject')}"
    if seen < pictures:
        return f"{counted}; {seen} looked at so far." if seen else f"{counted}, not looked at yet."
    if not usable:
        return f"{counted}, none of which can be read. Copy them again, or add others."
    noted = usable - report.fine
    worth = f" {noted} of them {'are' if noted > 1 else 'is'} worth a look first." if noted else ""
    if usable == seen:
        return f"{counted}, ready for captions.{worth}"
    return f"{counted}, {seen - usable} cannot be read and will be left out; {usable} are ready for captions.{worth}"


class HealthView(w.VBox):
    """The verdict, the kind of LoRA, how far a look at the pictures is, and a line for each kind of finding.

    Args:
        filtered: called with a code whose pictures are to be shown.
        asked: called with a kind of LoRA, or none.
        again: called when everything is to be looked at again, or the rest of it.
        stop: called when looking is to end.
    """

    def __init__(
        self,
        filtered: Callable[[str], None],
        asked: Callable[[str], None],
        again: Callable[[], None],
        stop: Callable[[], None],
    ):
        self._filtered = filtered
        self.verdict = w.HTML()
        options = [("any kind of LoRA", ""), *((f"{_article(kind)} {kind} LoRA", kind) for kind in KINDS)]
        self.kind = w.Dropdown(options=options, layout=w.Layout(width="170px"))
        self.advice = w.HTML(layout=w.Layout(flex="1 1 300px"))
        self.again = w.Button(description="Look again", icon="refresh", layout=w.Layout(width="120px"))
        _platform.with_tooltip(self.again, "Read the project's folder anew, after a change made elsewhere")
        self.stop = w.Button(description="Stop", icon="stop", layout=w.Layout(width="80px", display="none"))
        self.progress = ProgressLine()
        self.lines, self.minor = w.VBox(), w.VBox(layout=w.Layout(display="none"))
        self.more = w.Button(layout=w.Layout(width="auto"))
        self.more.add_class("lb-link")
        self.kind.observe(lambda change: asked(change["new"]), "value")
        self.again.on_click(lambda _: again())
        self.stop.on_click(lambda _: stop())
        self.more.on_click(lambda _: self._show_minor(self.minor.layout.display == "none"))
        tools = w.HBox([w.HTML("Judge them for"), self.kind, self.advice, self.again])
        tools.add_class("lb-tools")
        looking = w.HBox([self.stop, self.progress], layout=w.Layout(width="100%"))
        super().__init__([w.HTML(title("Health")), self.verdict, looking, tools, self.lines, self.more, self.minor])

    def busy(self, share: float, told: str) -> None:
        """Say how far a look at the pictures is."""
        self.progress.show(share, told)
        self.stop.layout.display, self.again.layout.display = "", "none"

    def idle(self) -> None:
        """Say that there is none going on."""
        self.progress.hide()
        self.stop.layout.display, self.again.layout.display = "none", ""

    def show(self, report: Report, pictures: int, subjects: int, taken_out: int = 0) -> None:
        """Show a report.

        Args:
            report: of those looked at.
            pictures: how many there are.
            subjects: how many hold some.
            taken_out: how many wait to be put back.
        """
        good = report.complete and pictures and report.summary["usable"] == pictures
        kind = "good" if good else "warning" if report.complete else "info"
        self.verdict.value = message(kind, verdict(report, pictures, subjects, taken_out))
        self.advice.value = small(_advised(report.kind))
        self.again.description = "Look again" if report.complete else "Look at the rest"
        self.again.layout.width = "120px" if report.complete else "150px"
        told = headings(report) if report.pictures else []
        minor = [line for line in told if line.severity == "info"]
        self._fill(self.lines, [line for line in told if line.severity != "info"])
        self._fill(self.minor, minor)
        self._minor = len(minor)
        self._show_minor(bool(minor) and self.minor.layout.display != "none")

    def _show_minor(self, open_: bool) -> None:
        self.minor.layout.display = "" if open_ else "none"
        self.more.description = f"{'▾' if open_ else '▸'} Good to know ({self._minor})"
        self.more.layout.display = "" if self._minor else "none"

    def _fill(self, box: w.VBox, told: Sequence[Heading]) -> None:
        lines = list(box.children)
        _platform.close_all(lines[len(told) :])
        lines = lines[: len(told)] + [FindingLine(self._filtered) for _ in told[len(lines) :]]
        for line, heading in zip(lines, told, strict=True):
            line.show(heading)
        box.children = lines


class FindingLine(w.HBox):
    """A kind of finding: how many pictures, what it is, and unfolded what it means and what to do."""

    def __init__(self, filtered: Callable[[str], None]):
        self.heading: Heading | None = None
        self.button = w.Button(layout=w.Layout(width="76px", flex="0 0 auto"))
        _platform.with_tooltip(self.button, "Show these pictures")
        self.text = w.HTML(layout=w.Layout(flex="1 1 auto"))
        self.button.on_click(lambda _: filtered(self.heading.code) if self.heading else None)
        super().__init__([self.button, self.text], layout=w.Layout(width="100%", align_items="flex-start"))
        self.add_class("lb-finding")

    def show(self, heading: Heading) -> None:
        """Show a kind of finding in the place of another."""
        self.heading = heading
        self.button.description = str(heading.pictures) if heading.pictures else "the set"
        self.button.icon = "filter" if heading.pictures else ""
        self.button.disabled = not heading.pictures
        code = CODES[heading.code]
        told = "".join(f"<div>{escape(line)}</div>" for line in heading.details[:NAMED])
        self.text.value = (
            f'<details class="lb-more"><summary><span class="lb-dot lb-{heading.severity}"></span>'
            f"<b>{escape(code.title[:1].upper() + code.title[1:])}</b> "
            f'<span class="lb-hint">{escape(code.meaning)}</span></summary>'
            f'<div class="lb-detail">{told}<div>{escape(code.advice)}</div></div></details>'
        )


def _advised(kind: str) -> str:
    if not kind:
        return ADVICE[kind]
    return f"{ADVICE[kind]} {KINDS[kind].least} to {KINDS[kind].most} pictures that differ."


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
