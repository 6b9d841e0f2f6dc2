from datetime import UTC, datetime

import ipywidgets as w
import pytest

from loranb.panels import _platform


def _chosen(upload, name, content):
    """Do what the page does when a file is chosen."""
    if isinstance(upload.value, dict):  # ipywidgets 7
        upload.metadata, upload.data = [{"name": name}], [content]
        upload._counter += 1
    else:
        upload.value = (
            {
                "name": name,
                "type": "",
                "size": 1,
                "content": memoryview(content),
                "last_modified": datetime.now(UTC),
            },
        )


def test_uploads_are_names_and_bytes_in_every_version_and_can_be_forgotten():
    upload = w.FileUpload(multiple=True)
    _chosen(upload, "church.jpg", b"jpeg")
    assert _platform.uploaded_files(upload) == [("church.jpg", b"jpeg")]
    _platform.forget_uploads(upload)
    assert _platform.uploaded_files(upload) == []
    _chosen(upload, "church.jpg", b"again")
    assert _platform.uploaded_files(upload) == [("church.jpg", b"again")]


@pytest.mark.parametrize("kind", [w.Text, w.Button, w.Checkbox, w.Dropdown])
def test_every_widget_takes_a_tooltip(kind):
    widget = _platform.with_tooltip(kind(), "what it is for")
    assert "what it is for" in (
        getattr(widget, "tooltip", None),
        getattr(widget, "description_tooltip", None),
    )


def test_parts_of_an_accordion_are_named():
    accordion = _platform.with_titles(w.Accordion([w.HTML(), w.HTML()]), ["one", "two"])
    assert [accordion.get_title(0), accordion.get_title(1)] == ["one", "two"]


def test_closing_a_box_closes_what_is_in_it():
    inner = w.HTML()
    _platform.close(w.VBox([w.HBox([inner])]))
    assert inner.comm is None


@pytest.mark.parametrize(
    ("name", "value", "place"), [("RUNPOD_POD_ID", "x", "runpod"), ("KAGGLE_KERNEL_RUN_TYPE", "x", "kaggle")]
)
def test_the_place_is_known_by_its_environment(monkeypatch, name, value, place):
    monkeypatch.setenv(name, value)
    assert _platform.where() == place
    assert "at a time" in _platform.upload_advice()


def test_what_would_take_more_is_said_where_it_is_absent(monkeypatch):
    assert "anywidget" not in _platform.upload_advice()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not _platform.shows_own_widgets()
    assert "install anywidget and reload" in _platform.upload_advice()
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert "anywidget" not in _platform.upload_advice()
