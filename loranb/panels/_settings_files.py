"""Settings as files: saved under a name, opened, imported from kohya's tools and exported for them."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import ipywidgets as w

from loranb.errors import SettingsError
from loranb.files import free_name, write_bytes
from loranb.interop import kohya
from loranb.interop.export import export
from loranb.interop.terminal import folders_of
from loranb.panels import _platform
from loranb.panels._import_report import ImportReport
from loranb.panels._show import escape, message, shown, small
from loranb.project import Project
from loranb.saved_settings import is_settings_file, joined, save_as, taken_over
from loranb.settings import Settings


class FileBox(w.VBox):
    """Save settings for other projects, and open those of a file.

    Args:
        project: whose settings they are.
        read: gives them as they are now.
        replace: called with settings to go on with, and what to say of them.
        saved: called after a file was saved.
        go_to: called with the setting whose field is to be shown.
    """

    def __init__(
        self,
        project: Project,
        read: Callable[[], Settings],
        replace: Callable[[Settings, str], None],
        saved: Callable[[], None],
        go_to: Callable[[str], None],
    ):
        self._project, self._read, self._replace, self._saved = project, read, replace, saved
        self.notice = w.HTML()
        self.name = w.Text(placeholder="a name, such as my faces", layout=w.Layout(width="220px"))
        self.save_it = w.Button(description="Save", icon="save", layout=w.Layout(width="auto"))
        self.save_it.on_click(shown(lambda _: self._save(), self.notice))
        self.path = w.Text(
            placeholder="path of a .toml, or of a .json of kohya_ss", layout=w.Layout(flex="1 1 220px", width="auto")
        )
        self.read_file = w.Button(description="Open", icon="folder-open", layout=w.Layout(width="auto"))
        self.read_file.on_click(shown(lambda _: self._open(Path(self.path.value.strip()).expanduser()), self.notice))
        self.upload = w.FileUpload(accept=".toml,.json", description="Upload", layout=w.Layout(width="auto"))
        self.upload.observe(shown(lambda _: self._uploaded(), self.notice), "value")
        self.kind = w.Dropdown(
            options=[("kohya_ss, a preset of its form", ".json"), ("sd-scripts, its arguments", ".toml")],
            layout=w.Layout(width="240px"),
        )
        self.write = w.Button(description="Export", icon="share", layout=w.Layout(width="auto"))
        self.write.on_click(shown(lambda _: self._export(), self.notice))
        rows = [
            _row("Save for other projects", self.name, self.save_it),
            _row("Open or import a file", self.path, self.read_file, self.upload),
            _row("Export for kohya's tools", self.kind, self.write),
        ]
        hint = (
            "Files that can be opened: loranb's settings, presets of kohya_ss of every age, sd-scripts' arguments. "
            "Name, prompts and metadata belong to this project: they are not saved, and only an import that has its "
            "own replaces them."
        )
        self.report = ImportReport(go_to, lambda changes: replace(read().assign_all(changes), ""))
        super().__init__([*rows, w.HTML(small(hint)), self.notice, self.report], layout=w.Layout(width="100%"))

    def _save(self) -> None:
        path = save_as(self.name.value, self._read())
        self.name.value = ""
        self._saved()
        self.notice.value = message("good", f"Saved as {path}; it is in the list “Start from” of every project.")

    def _export(self) -> None:
        settings = self._read()
        name = re.sub(r"[^\w ,+-]+", "_", settings.saving.name.strip() or self._project.name)
        path = free_name(self._project.root / "kohya" / f"{name}{self.kind.value}")
        done = export(settings, path, folders_of(self._project))
        self.report.clear()
        told = message("good", f"Written to {done.path}.") + _download(done.path)
        unsaid = [f"• {one}" for one in done.left_out]
        self.notice.value = told + (
            message("warning", "\n".join(["Kohya's tools cannot be told:", *unsaid])) if unsaid else ""
        )

    def _open(self, path: Path) -> None:
        self.report.clear()
        if not path.is_file():
            raise SettingsError([f"{path} is no file; give the path of a settings file."])
        if is_settings_file(path):
            self._replace(taken_over(Settings.load(path), self._read()), f"Opened {path.name}.")
            return
        found = kohya.read(path)
        self._replace(joined(found.settings, self._read()), f"Imported {path.name}.")
        self.report.show(found, path.name)

    def _uploaded(self) -> None:
        for name, content in _platform.uploaded_files(self.upload):
            _platform.forget_uploads(self.upload)
            here = self._project.cache / "opened" / Path(name).name
            write_bytes(here, content)
            self._open(here)


def _download(path: Path) -> str:
    """Return a link by which the page itself hands the file over, wherever the kernel is."""
    content = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<div class="lb-hint"><a download="{escape(path.name)}" '
        f'href="data:application/octet-stream;base64,{content}">Download {escape(path.name)}</a></div>'
    )


def _row(words: str, *widgets: w.Widget) -> w.HBox:
    row = w.HBox([w.HTML(words, layout=w.Layout(width="170px")), *widgets])
    row.add_class("lb-tools")
    return row
