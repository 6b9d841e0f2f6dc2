"""Every difference between ipywidgets 7.7 (Colab) and 8, and between the places a notebook runs in.

The rest of the panels asks here, and knows neither.
"""

import asyncio
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import ipywidgets as w

Place = Literal["colab", "kaggle", "runpod", "jupyter"]


def where() -> Place:
    """Say where this notebook runs."""
    if "google.colab" in sys.modules:
        return "colab"
    if "RUNPOD_POD_ID" in os.environ:
        return "runpod"
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ or Path("/kaggle/input").exists():
        return "kaggle"
    return "jupyter"


def background_updates_arrive() -> bool:
    """Whether a widget changed from a thread or task changes in the page; on Colab it does not."""
    return where() != "colab"


def keeps_the_notebook_free() -> bool:
    """Whether work can go on after a cell has ended, and show in the page what comes of it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # no notebook
        return False
    return background_updates_arrive()


def shows_own_widgets() -> bool:
    """Whether a widget with a script of its own can be shown: by anywidget, which Kaggle's page does not load."""
    return where() != "kaggle" and importlib.util.find_spec("anywidget") is not None


def uploaded_files(upload: w.FileUpload) -> list[tuple[str, bytes]]:
    """Return the names and contents of uploaded files; ipywidgets 7 keeps a dict, 8 a tuple."""
    value = upload.value
    if isinstance(value, dict):
        return [(name, bytes(file["content"])) for name, file in value.items()]
    return [(file["name"], bytes(file["content"])) for file in value]


def forget_uploads(upload: w.FileUpload) -> None:
    """Empty an upload button, so that the same files can be chosen again."""
    if isinstance(upload.value, dict):
        upload.set_trait("value", {})
        upload.metadata, upload.data, upload._counter = [], [], 0
    else:
        upload.value = ()


def upload_advice() -> str:
    """Say how much ipywidgets' upload button takes here, and what to do with more.

    A larger upload fails without a word: the notebook's connection takes 10 MiB in one message, and
    on Colab about a tenth of that.
    """
    limit = {
        "colab": "About 1 MB at a time; for more, put a zip on Google Drive or into Colab's file list, and "
        "give its path.",
        "kaggle": "Up to 10 MB at a time; for more, add a data set and give its path below /kaggle/input.",
        "runpod": "Up to 10 MB at a time; for more, drag a zip into the file list and give its path.",
        "jupyter": "Up to 10 MB at a time; for more, give the path of a folder or a zip.",
    }[where()]
    if where() == "kaggle" or shows_own_widgets():
        return limit
    return f"{limit} Or install anywidget and reload this page: then any number and size can be uploaded."


def with_tooltip(widget: w.Widget, text: str) -> w.Widget:
    """Give a widget a tooltip; ipywidgets 7 has one for buttons, and another name for the rest."""
    setattr(widget, "tooltip" if widget.has_trait("tooltip") else "description_tooltip", text)
    return widget


def with_titles(container: w.Accordion | w.Tab, titles: Sequence[str]) -> w.Accordion | w.Tab:
    """Name the parts of an accordion or tab; ipywidgets 7 takes no list of titles."""
    for index, title in enumerate(titles):
        container.set_title(index, title)
    return container


def close(widget: w.Widget) -> None:
    """Close a widget and all that is in it; a box by itself leaves its children open."""
    for child in getattr(widget, "children", ()):
        close(child)
    widget.close()


def close_all(widgets: Iterable[w.Widget]) -> None:
    """Close widgets and all that is in them."""
    for widget in widgets:
        close(widget)
