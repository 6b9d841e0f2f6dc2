"""How far work is, in one line that is hidden while there is none."""

import time

import ipywidgets as w

from loranb.panels._show import small

EVERY = 0.1  # seconds at least between two messages to the page


class ProgressLine(w.HBox):
    """A bar and what is being done; may be given to the core as a `Progress`."""

    def __init__(self) -> None:
        self.bar = w.FloatProgress(min=0.0, max=1.0, layout=w.Layout(width="220px", margin="2px 8px 2px 0"))
        self.text = w.HTML(layout=w.Layout(flex="1 1 auto"))
        self._shown_at = 0.0
        super().__init__([self.bar, self.text], layout=w.Layout(display="none", width="100%", align_items="center"))

    def __call__(self, done: int, total: int, doing: str) -> None:
        """Say how far it is; a total of 0 where nobody knows."""
        if time.monotonic() - self._shown_at < EVERY:
            return
        self._shown_at = time.monotonic()
        share = min(1.0, done / total) if total else 0.0
        self.show(share, f"{doing} · {share:.0%}" if total else f"{doing} …")

    def show(self, share: float, text: str) -> None:
        """Show the bar so far, and a line beside it."""
        self.bar.value, self.text.value = share, small(text)
        self.layout.display = "flex"

    def hide(self) -> None:
        """Take the line away until there is work again."""
        self.layout.display = "none"
        self._shown_at = 0.0
