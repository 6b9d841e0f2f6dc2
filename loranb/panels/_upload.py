"""The widget with which pictures are uploaded, whatever the page can do.

JupyterLab, Jupyter Notebook, Runpod   `_uploader.Uploader`: any number, any size, goes on after a break
Colab                                  Colab's own upload, by a button; the Uploader for those who ask for it
Kaggle, or without anywidget           ipywidgets' FileUpload, which takes 10 MB and says nothing about more
"""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

import ipywidgets as w

from loranb.dataset.uploads import ACCEPTED, Inbox, Incoming
from loranb.panels import _platform
from loranb.panels._show import message, shown, small

OnDone = Callable[[list[Path]], None]
# Shown by the page itself when the Uploader's own style has not arrived in this time.
_LATE = "<style>@keyframes lb-late { from { max-height: 0; overflow: hidden; visibility: hidden; } }"
_LATE += " .lb-no-uploader { animation: lb-late 5s steps(1); }</style>"


def upload_widget(inbox: Inbox, on_done: OnDone) -> w.Widget:
    """Make the widget that uploads best where this notebook runs.

    Args:
        inbox: where files arrive; what has lain there for days is deleted.
        on_done: called with the files, once all that were chosen have arrived. They are deleted when
            it returns, unless it moved them away; when it raises, why is shown, and they are kept
            for another try.
    """
    inbox.discard_older()
    if _platform.where() == "colab":
        return ColabUpload(inbox, on_done)
    return with_button(inbox, on_done) if _platform.shows_own_widgets() else FileButton(inbox, on_done)


def with_button(inbox: Inbox, on_done: OnDone) -> w.VBox:
    """Return an Uploader, and under it a plain button that a page shows only if it cannot show the first."""
    from loranb.panels._uploader import Uploader

    why = "No box to drop pictures into? Reload this page: it was opened before anywidget was installed. Until then:"
    button = w.VBox([w.HTML(_LATE + small(why)), FileButton(inbox, on_done)])
    button.add_class("lb-no-uploader")  # hidden by _upload.css, which comes with the Uploader
    return w.VBox([Uploader(inbox, on_done), button], layout=w.Layout(width="100%"))


def upload_here(inbox: Inbox) -> list[Path]:
    """Choose files by Colab's own upload, in this cell, which runs until they are there.

    Returns:
        The files; none if it was cancelled. `Inbox.forget` or moving them away tidies up.
    """
    return inbox.hand_over([_from_colab(inbox)])


class _Handing(w.VBox):
    """What the plain widgets share: files that have arrived are handed over, again if need be."""

    def __init__(self, inbox: Inbox, on_done: OnDone):
        self._inbox, self._on_done = inbox, on_done
        self._files: list[Incoming] = []
        self.notice = w.HTML()
        self.again = w.Button(description="Try again", layout=w.Layout(display="none", width="110px"))
        self.again.on_click(shown(lambda _: self._hand_over(), self.notice))
        super().__init__(layout=w.Layout(width="100%"))

    def _take(self, files: Iterable[Incoming]) -> None:
        self._files += files
        self._hand_over()

    def _hand_over(self) -> None:
        if not self._files:
            return
        count = len(self._files)
        self.notice.value = message("info", f"{_many(count)} arrived. Adding …")
        self.again.layout.display = ""  # until it has worked
        self._on_done(self._inbox.hand_over([self._files]))
        self._inbox.forget(self._files)
        self._files = []
        self.again.layout.display = "none"
        self.notice.value = message("good", f"{_many(count)} added.")


class FileButton(_Handing):
    """ipywidgets' upload button, with what is to be known about it."""

    def __init__(self, inbox: Inbox, on_done: OnDone):
        super().__init__(inbox, on_done)
        self.upload = w.FileUpload(
            accept=",".join(["image/*", *ACCEPTED]),
            multiple=True,
            description="Choose files",
            layout=w.Layout(width="150px"),
        )
        self.upload.observe(shown(lambda _: self._chosen(), self.notice), "value")
        advice = w.HTML(small(_platform.upload_advice()))
        self.children = [w.HBox([self.upload, self.again]), advice, self.notice]

    def _chosen(self) -> None:
        files = [self._inbox.receive(name, content) for name, content in _platform.uploaded_files(self.upload)]
        if files:
            _platform.forget_uploads(self.upload)
            self._take(files)


class ColabUpload(_Handing):
    """Colab's own upload by a button, and the Uploader when asked for.

    The Uploader is not shown unasked: it makes Colab load another widget manager from a public
    server, for all widgets shown from then on.
    """

    def __init__(self, inbox: Inbox, on_done: OnDone):
        super().__init__(inbox, on_done)
        self.choose = w.Button(description="Choose files", icon="upload", layout=w.Layout(width="150px"))
        self.choose.on_click(shown(lambda _: self._chosen(), self.notice))
        self.other = w.Button(description="Show the drop box", layout=w.Layout(width="170px"))
        self.other.on_click(shown(lambda _: self._show_uploader(), self.notice))
        hint = (
            "Choose files shows Colab's own upload, for up to some hundred MB; the kernel is busy until it ends, and ■ "
            "ends it. The drop box takes folders and any size, and goes on after a break; Colab loads scripts from "
            "cdn.jsdelivr.net for it. For very large sets, put a zip on Google Drive and give its path."
        )
        buttons = [self.choose, *([self.other] if _platform.shows_own_widgets() else []), self.again]
        self.children = [w.HBox(buttons), w.HTML(small(hint)), self.notice]

    def _chosen(self) -> None:
        self._take(_from_colab(self._inbox))

    def _show_uploader(self) -> None:
        from loranb.panels._uploader import COLAB_PIECE, Uploader

        self.other.layout.display = "none"
        self.children = [*self.children, Uploader(self._inbox, self._on_done, piece=COLAB_PIECE)]


def _from_colab(inbox: Inbox) -> list[Incoming]:
    """Run Colab's upload until it is done."""
    from google.colab import files

    with tempfile.TemporaryDirectory(prefix="loranb-") as folder:  # it saves them too; they are not needed twice
        given = files.upload(target_dir=folder)
    return [inbox.receive(PurePosixPath(name).name, content) for name, content in given.items()]


def _many(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
