"""Look at a trigger word before anything is trained: what the base model takes it for, and what it draws for it."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import ipywidgets as w

from loranb import trigger
from loranb.errors import SettingsError
from loranb.panels import _platform
from loranb.panels._background import Follower, Report, Stop, Work
from loranb.panels._progress import ProgressLine
from loranb.panels._show import Kind, escape, failure, message, shown, small, table
from loranb.project import Project

DRAWN = "trigger"  # folder in the project's cache
SIDE = "160px"
KINDS: dict[str, Kind] = {"spelled": "good", "rare": "info", "known": "warning"}


class Stopped(Exception):
    """Ends drawing, which has no stop of its own."""


class TriggerCheck(w.VBox):
    """A word, what there is to say of it, and on request what the base model draws for it.

    Args:
        project: whose base model is asked.
    """

    def __init__(self, project: Project):
        self._project = project
        self._follower = Follower(self._went_on, self._ended)
        self.word = w.Text(placeholder="trigger word, such as mokuba", layout=w.Layout(width="200px"))
        self.class_word = w.Text(placeholder="class, such as castle", layout=w.Layout(width="180px"))
        self.look = w.Button(description="Look at this word", icon="search", layout=w.Layout(width="auto"))
        self.draw = w.Button(description="Draw what the base makes of it", icon="picture-o")
        self.draw.layout.width = "auto"
        self.stop = w.Button(description="Stop", icon="stop", layout=w.Layout(width="auto", display="none"))
        _platform.with_tooltip(self.draw, "Loads the base model and draws a few pictures; takes a minute or more")
        self.report, self.notice, self.progress = w.HTML(), w.HTML(), ProgressLine()
        self.pictures = w.HBox()
        self.pictures.add_class("lb-row")
        self.look.on_click(shown(lambda _: self._look(), self.notice))
        self.draw.on_click(shown(lambda _: self._draw(), self.notice))
        self.stop.on_click(shown(lambda _: self._follower.stop(), self.notice))
        row = w.HBox([self.word, self.class_word, self.look, self.draw, self.stop])
        row.add_class("lb-tools")
        super().__init__([row, self.progress, self.notice, self.report, self.pictures], layout=w.Layout(width="100%"))

    def propose(self, word: str, class_word: str) -> None:
        """Fill in a word where none was typed."""
        self.word.value = self.word.value or word
        self.class_word.value = self.class_word.value or class_word

    def _base(self) -> str:
        with contextlib.suppress(SettingsError):  # the settings panel shows what is wrong
            return self._project.settings().model.base
        return ""

    def _look(self) -> None:
        self.report.value = reported(trigger.examine(self.word.value, self._base() or None))

    def _draw(self) -> None:
        self._look()
        word, class_word, base = self.word.value, self.class_word.value, self._base()
        out = self._project.cache / DRAWN

        def run(report: Report, stop: Stop) -> list[Path]:
            def tell(done: int, total: int, doing: str) -> None:
                if stop():
                    raise Stopped
                report(done, total, doing)

            return trigger.draw(word, class_word, base, out, tell)

        self._busy(True)
        self.progress.show(0.0, "Loading the base model …")
        self._follower.start(run)

    def _went_on(self, done: int, total: int, doing: str) -> None:
        self.progress.show(done / total if total else 0.0, f"{doing} · {done} of {total}")

    def _ended(self, work: Work) -> None:
        self.progress.hide()
        self._busy(False)
        if isinstance(work.error, Stopped):
            self.notice.value = message("info", "Stopped.")
        elif work.error:
            self.notice.value = failure(work.error)
        else:
            self._show_pictures(work.result)

    def _busy(self, busy: bool) -> None:
        self.draw.disabled = self.look.disabled = busy
        self.stop.layout.display = "" if busy and _platform.keeps_the_notebook_free() else "none"

    def _show_pictures(self, files: Sequence[Path]) -> None:
        _platform.close_all(self.pictures.children)
        views = [w.VBox([w.Image(format="png", layout=w.Layout(width=SIDE)), w.HTML(small(f.stem))]) for f in files]
        self.pictures.children = views
        for view, file in zip(views, files, strict=True):  # Colab loses bytes given at the start
            view.children[0].value = file.read_bytes()


def reported(found: trigger.TriggerReport) -> str:
    """Return what is known of a word as HTML."""
    tokens = " ".join(f'<span class="lb-chip lb-info">{escape(piece)}</span>' for piece in found.pieces)
    near = table(["Nearest common words", "alike"], [(word, f"{alike:.2f}") for word, alike in found.nearest])
    kind = KINDS[found.kind]
    said = f'<div class="lb-said">{escape(found.word)} is {len(found.pieces)} tokens: {tokens}</div>'
    return (
        said + message(kind, found.advice) + (near if found.nearest else "") + (small(found.note) if found.note else "")
    )
