"""What there is to say of the captions as a set: a line for each remark, with the button that mends it."""

from collections.abc import Callable, Sequence

import ipywidgets as w

from loranb.dataset.caption_advice import Remark
from loranb.panels import _platform
from loranb.panels._show import escape, small

MOST = 12  # remarks in sight; the others are unfolded
LONGEST = 300  # letters of what was found that stand in a line; a caption may have tags of any length


class AdviceView(w.VBox):
    """Remarks, the worst first.

    Args:
        show: called with a remark whose pictures are to be shown.
        mend: called with a remark whose mend is to be carried out.
    """

    def __init__(self, show: Callable[[Remark], None], mend: Callable[[Remark], None]):
        self._show, self._mend = show, mend
        self._remarks: Sequence[Remark] = ()
        self._all = False
        self.verdict = w.HTML()
        self.lines = w.VBox(layout=w.Layout(width="100%"))
        self.more = w.Button(layout=w.Layout(width="auto"))
        self.more.add_class("lb-link")
        self.more.on_click(lambda _: self._unfold())
        super().__init__([self.verdict, self.lines, self.more], layout=w.Layout(width="100%"))

    def show(self, remarks: Sequence[Remark]) -> None:
        """Show remarks in the place of others."""
        self._remarks = remarks
        self.verdict.value = small(
            "Rules of thumb, not laws. A mend is one edit, and Undo takes it back."
            if remarks
            else "Nothing to remark. Read the captions once more as prompts all the same."
        )
        told = remarks if self._all else remarks[:MOST]
        lines = list(self.lines.children)
        _platform.close_all(lines[len(told) :])
        lines = lines[: len(told)] + [RemarkLine(self._show, self._mend) for _ in told[len(lines) :]]
        for line, remark in zip(lines, told, strict=True):
            line.show(remark)
        self.lines.children = lines
        self.more.description = f"▸ {len(remarks) - MOST} more"
        self.more.layout.display = "none" if len(remarks) <= MOST or self._all else ""

    def _unfold(self) -> None:
        self._all = True
        self.show(self._remarks)


class RemarkLine(w.HBox):
    """A remark: how many pictures, what it is, unfolded what to do, and the button that does it."""

    def __init__(self, show: Callable[[Remark], None], mend: Callable[[Remark], None]):
        self._remark: Remark | None = None
        self.button = w.Button(icon="filter", layout=w.Layout(width="70px", flex="0 0 auto"))
        _platform.with_tooltip(self.button, "Show these pictures")
        self.text = w.HTML(layout=w.Layout(flex="1 1 auto", width="0"))
        self.mend = w.Button(icon="wrench", layout=w.Layout(width="auto", flex="0 0 auto"))
        self.button.on_click(lambda _: show(self._remark) if self._remark else None)
        self.mend.on_click(lambda _: mend(self._remark) if self._remark else None)
        super().__init__([self.button, self.text, self.mend], layout=w.Layout(width="100%", align_items="flex-start"))
        self.add_class("lb-finding")

    def show(self, remark: Remark) -> None:
        """Show a remark in the place of another."""
        self._remark = remark
        self.button.description = str(len(remark.pictures))
        self.button.disabled = not remark.pictures
        self.mend.layout.display = "" if remark.mend else "none"
        if remark.mend:
            self.mend.description = remark.mend.label
        self.text.value = (
            f'<details class="lb-more"><summary><span class="lb-dot lb-{escape(remark.severity)}"></span>'
            f'<b>{escape(remark.title)}</b> <span class="lb-hint">{escape(_short(remark.message))}</span></summary>'
            f'<div class="lb-detail">{escape(remark.advice)}</div></details>'
        )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
