"""Settings as files: saved under a name, opened, imported from kohya's tools."""

from collections.abc import Callable
from pathlib import Path

import ipywidgets as w

from loranb.errors import SettingsError
from loranb.files import write_bytes
from loranb.interop import kohya
from loranb.panels import _platform
from loranb.panels._import_report import ImportReport
from loranb.panels._show import message, shown, small
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
        rows = [
            _row("Save for other projects", self.name, self.save_it),
            _row("Open or import a file", self.path, self.read_file, self.upload),
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


def _row(words: str, *widgets: w.Widget) -> w.HBox:
    row = w.HBox([w.HTML(words, layout=w.Layout(width="170px")), *widgets])
    row.add_class("lb-tools")
    return row
