"""Where settings come from and where they go: presets, saved ones, earlier runs, files of other tools."""

from collections.abc import Callable

import ipywidgets as w

from loranb.panels._advice_view import listed
from loranb.panels._fold import Fold
from loranb.panels._platform import with_tooltip
from loranb.panels._settings_files import FileBox
from loranb.panels._show import escape, message, shown, small
from loranb.project import Project
from loranb.saved_settings import Start, differences, starts, taken_over
from loranb.settings import Settings

_KINDS = {"preset": "", "saved": "Yours · ", "run": "Run · ", "defaults": ""}


class PresetBar(w.VBox):
    """Choose what to start from, see what it would change, and use it; each can be taken back.

    Args:
        project: whose runs are offered.
        read: gives the settings as they are now.
        put: called with settings to go on with.
        go_to: called with the setting whose field is to be shown.
    """

    def __init__(
        self,
        project: Project,
        read: Callable[[], Settings],
        put: Callable[[Settings], None],
        go_to: Callable[[str], None],
    ):
        self._project, self._read, self._put, self._go_to = project, read, put, go_to
        self._before: list[Settings] = []  # what was replaced, the last at the end
        self.notice, self.about = w.HTML(), w.HTML()
        self.choice = w.Dropdown(layout=w.Layout(width="260px"))
        self.use = w.Button(
            description="Use it", icon="check", button_style="primary", layout=w.Layout(width="auto", display="none")
        )
        self.back = w.Button(description="Take back", icon="undo", layout=w.Layout(width="auto", display="none"))
        with_tooltip(self.back, "Bring back the settings that were replaced last")
        self.choice.observe(shown(lambda _: self._chosen(), self.notice), "value")
        self.use.on_click(shown(lambda _: self._use(), self.notice))
        self.back.on_click(shown(lambda _: self.take_back(), self.notice))
        self.row = w.HBox([w.HTML("Start from"), self.choice, self.use, self.back])
        self.row.add_class("lb-tools")
        self.files = Fold("Files: save, open, import from kohya, export", self._file_box)
        super().__init__([self.row, self.about, self.notice, self.files], layout=w.Layout(width="100%"))
        self.refresh()

    def refresh(self) -> None:
        """Look for what there is to start from."""
        self._starts = {start.key: start for start in starts(self._project)}
        options = [(f"{_KINDS[start.kind]}{start.title}", key) for key, start in self._starts.items()]
        self.choice.options = [("choose …", ""), *options]
        self.choice.value = ""

    def replace(self, settings: Settings, said: str = "") -> None:
        """Go on with other settings; what they replace can be taken back."""
        self._before.append(self._read())
        self._put(settings)
        self.back.layout.display = ""
        if said:
            self.notice.value = message("good", said)

    def take_back(self) -> None:
        """Bring back what was replaced last."""
        if self._before:
            self._put(self._before.pop())
        self.notice.value = ""
        self.back.layout.display = "" if self._before else "none"

    def _file_box(self) -> list[w.Widget]:
        self.file_box = FileBox(self._project, self._read, self.replace, self.refresh, self._go_to)
        return [self.file_box]

    def _chosen(self) -> None:
        start = self._starts.get(self.choice.value)
        self.use.layout.display, self.about.value = "none", ""
        if start:
            self.about.value = self._told(start)
            self.use.layout.display = ""

    def _told(self, start: Start) -> str:
        present = self._read()
        changes = differences(present, taken_over(start.read(), present))
        told = small(start.about)
        if not changes:
            return told + small("These are the settings that you have.")
        many = "1 setting changes" if len(changes) == 1 else f"{len(changes)} settings change"
        summary = f'<summary><span class="lb-hint">{escape(many)}</span></summary>'
        return f'{told}<details class="lb-more lb-listed">{summary}{listed(changes)}</details>'

    def _use(self) -> None:
        start = self._starts[self.choice.value]
        self.replace(taken_over(start.read(), self._read()), f"Now: {start.title}.")
        self.choice.value = ""
