import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from loranb.dataset.uploads import Inbox, Incoming
from loranb.errors import DatasetError
from loranb.panels import _platform
from loranb.panels._upload import ColabUpload, FileButton, upload_here, upload_widget
from loranb.panels._uploader import Uploader


class Spoken(Uploader):
    """Keeps what is sent to the page."""

    def __init__(self, *given):
        self.said = []
        super().__init__(*given)

    def send(self, content, buffers=None):
        assert not buffers
        self.said.append(content)

    def ask(self, do, buffer=None, **content):
        """Do what the page does, and give the answer."""
        self._number = getattr(self, "_number", 0) + 1
        content = {"number": self._number, **content}
        self._handle_custom_msg({"do": do, **content}, [memoryview(buffer)] if buffer is not None else [])
        assert self.said[-1]["number"] == content["number"]
        return self.said[-1]


@pytest.fixture
def inbox(tmp_path):
    return Inbox(tmp_path / "uploads")


@pytest.fixture
def batches():
    return []


@pytest.fixture
def uploader(inbox, batches):
    return Spoken(inbox, lambda paths: batches.append({path.name: path.read_bytes() for path in paths}))


def _send(uploader, name, content, batch=1, selection=0):
    file = [name, len(content), 7]
    (held,) = uploader.ask("list", batch=batch, files=[[*file, selection]])["held"]
    for at in range(held, len(content), 4):
        held = uploader.ask("piece", content[at : at + 4], file=file, at=at)["held"]
    return held


def _choose(button, *files):
    """Do what the page does when files are chosen by ipywidgets' button."""
    upload, now = button.upload, datetime.now(UTC)
    if isinstance(upload.value, dict):  # ipywidgets 7
        upload.metadata = [{"name": name} for name, _ in files]
        upload.data = [content for _, content in files]
        upload._counter += len(files)
    else:
        upload.value = tuple(
            {"name": name, "type": "", "size": len(content), "content": memoryview(content), "last_modified": now}
            for name, content in files
        )


@pytest.fixture
def colab(monkeypatch):
    """A stand-in for Colab's package, with what was chosen in its upload."""
    package, files = ModuleType("google.colab"), ModuleType("google.colab.files")
    package.files, files.chosen = files, {}

    def upload(target_dir=""):
        for name, content in files.chosen.items():
            Path(target_dir, name).write_bytes(content)
        return files.chosen

    files.upload = upload
    google = ModuleType("google")
    google.colab = package
    for name, module in (("google", google), ("google.colab", package), ("google.colab.files", files)):
        monkeypatch.setitem(sys.modules, name, module)
    return files


def test_a_batch_is_handed_over_once_when_all_has_arrived_and_then_deleted(uploader, inbox, batches):
    _send(uploader, "1.jpg", b"0123456789")
    _send(uploader, "1.txt", b"a church")
    assert batches == []
    assert "text" not in uploader.ask("end", batch=1)
    assert batches == [{"1.jpg": b"0123456789", "1.txt": b"a church"}]
    assert list(inbox.folder.iterdir()) == []


def test_the_answer_to_a_question_asked_twice_is_the_first_one(uploader, batches):
    _send(uploader, "1.jpg", b"abc")
    first = uploader.ask("end", batch=1, number=99)
    assert uploader.ask("end", batch=1, number=99) == first
    assert len(batches) == 1


def test_a_piece_out_of_order_is_answered_with_where_to_go_on(uploader):
    file = ["1.jpg", 10, 7]
    uploader.ask("piece", b"0123", file=file, at=0)
    answer = uploader.ask("piece", b"89", file=file, at=8)
    assert (answer["held"], answer["astray"]) == (4, True)


def test_what_has_arrived_is_not_asked_for_again_by_another_widget(uploader, inbox, batches):
    content = b"0123456789"
    uploader.ask("piece", content[:4], file=["1.jpg", 10, 7], at=0)
    other = Spoken(inbox, batches.append)
    assert other.ask("look") == {"whole": 0, "partly": 1, "bytes": 4, "number": 1}
    assert other.ask("list", batch=5, files=[["1.jpg", 10, 7, 0], ["2.jpg", 3, 7, 0]])["held"] == [4, 0]
    assert _send(other, "1.jpg", content, batch=5) == 10
    other.ask("end", batch=5)
    assert [[path.name for path in paths] for paths in batches] == [["1.jpg"]]


def test_files_that_did_not_arrive_as_a_whole_wait_for_the_next_batch(uploader, batches):
    _send(uploader, "1.jpg", b"abc")
    uploader.ask("list", batch=1, files=[["2.jpg", 3, 7, 0]])
    uploader.ask("end", batch=1)
    _send(uploader, "2.jpg", b"def")
    uploader.ask("end", batch=1)
    assert batches == [{"1.jpg": b"abc"}, {"2.jpg": b"def"}]


def test_an_end_without_any_file_hands_nothing_over(uploader, batches):
    uploader.ask("end", batch=1)
    assert batches == []


def test_what_cannot_be_added_is_said_and_kept_for_another_try(inbox):
    subject, arrived = [], []

    def add(paths):
        if not subject:
            raise DatasetError("No subject is given.")
        arrived.extend(path.read_bytes() for path in paths)

    uploader = Spoken(inbox, add)
    _send(uploader, "1.jpg", b"abc")
    answer = uploader.ask("end", batch=1)
    assert answer["text"] == "No subject is given."
    assert "trace" not in answer
    subject.append("castle")
    assert "text" not in uploader.ask("end", batch=1)
    assert arrived == [b"abc"]


def test_a_fault_in_what_is_called_is_shown_with_where_it_happened(inbox):
    def add(_):
        raise ZeroDivisionError("a fault")

    uploader = Spoken(inbox, add)
    _send(uploader, "1.jpg", b"abc")
    answer = uploader.ask("end", batch=1)
    assert "fault in loranb" in answer["text"]
    assert "test_upload.py" in answer["trace"]
    assert inbox.held(Incoming("1.jpg", 3, 7)) == 3


@pytest.mark.parametrize("nonsense", [{"file": ["1.jpg"]}, {"file": 5, "at": 0}, {"file": ["1.jpg", "x", 7], "at": 0}])
def test_nonsense_is_answered_and_writes_nothing(uploader, inbox, nonsense):
    assert "text" in uploader.ask("piece", b"abc", **nonsense)
    assert not inbox.folder.exists()


def test_messages_of_others_are_left_to_them(uploader):
    uploader._handle_custom_msg({"kind": "anywidget-command"}, [])
    assert uploader.said == []


def test_what_an_earlier_upload_left_can_be_added_or_discarded(inbox, batches):
    before = Spoken(inbox, batches.append)
    _send(before, "1.jpg", b"abc")
    before.ask("piece", b"01", file=["2.jpg", 9, 7], at=0)
    uploader = Spoken(inbox, lambda paths: batches.append([path.name for path in paths]))
    assert uploader.ask("look") == {"whole": 1, "partly": 1, "bytes": 5, "number": 1}
    uploader.ask("take")
    assert batches == [["1.jpg"]]
    uploader.ask("discard")
    assert uploader.ask("look")["bytes"] == 0
    assert list(inbox.folder.iterdir()) == []


def test_an_upload_that_cannot_fit_is_refused_before_it_begins(uploader):
    assert "no room" in uploader.ask("room", files=1, size=10**18, rest=10**18)["text"]
    assert "text" not in uploader.ask("room", files=1, size=10, rest=10)


def test_pictures_never_travel_in_the_widgets_state(uploader):
    _send(uploader, "1.jpg", b"abc")
    state = uploader.get_state()
    assert not [name for name, value in state.items() if isinstance(value, bytes | memoryview)]
    assert state["piece"] < 10 * 2**20  # JupyterLab's connection ends at a message of 10 MiB


def test_jupyter_gets_the_uploader_with_a_plain_button_for_pages_that_cannot_show_it(inbox):
    uploader, button = upload_widget(inbox, lambda _: None).children
    assert isinstance(uploader, Uploader)
    assert isinstance(button.children[1], FileButton)
    assert "lb-no-uploader" in button._dom_classes
    assert ".lb-no-uploader { display: none" in str(Uploader._css)


def test_without_anywidget_and_on_kaggle_there_is_the_plain_button(inbox, monkeypatch):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert isinstance(upload_widget(inbox, lambda _: None), FileButton)
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert isinstance(upload_widget(inbox, lambda _: None), FileButton)


def test_the_plain_button_hands_over_what_was_chosen(inbox, batches):
    button = FileButton(inbox, lambda paths: batches.append({path.name: path.read_bytes() for path in paths}))
    _choose(button, ("../1.jpg", b"abc"), ("1.txt", b"a church"))
    assert batches == [{"1.jpg": b"abc", "1.txt": b"a church"}]
    assert "2 files added" in button.notice.value
    assert not button.upload.value
    _choose(button, ("1.jpg", b"abc"))
    assert batches[1] == {"1.jpg": b"abc"}
    assert list(inbox.folder.iterdir()) == []


def test_the_plain_button_keeps_what_could_not_be_added_for_another_try(inbox, batches):
    subject = []

    def add(paths):
        if not subject:
            raise DatasetError("No <subject> is given.")
        batches.extend(path.name for path in paths)

    button = FileButton(inbox, add)
    assert button.again.layout.display == "none"
    _choose(button, ("1.jpg", b"abc"))
    assert "No &lt;subject&gt; is given" in button.notice.value
    assert button.again.layout.display == ""
    subject.append("castle")
    button.again.click()
    assert batches == ["1.jpg"]
    assert button.again.layout.display == "none"


def test_the_plain_button_says_how_much_it_takes(inbox):
    assert _platform.upload_advice() in FileButton(inbox, print).children[1].value


def test_colab_gets_its_own_upload_and_the_box_only_when_asked_for(inbox, batches, colab):
    widget = upload_widget(inbox, lambda paths: batches.append({path.name: path.read_bytes() for path in paths}))
    assert isinstance(widget, ColabUpload)
    assert not [child for child in widget.children if isinstance(child, Uploader)]
    colab.chosen = {"1.jpg": b"abc", "1.txt": b"a church"}
    widget.choose.click()
    assert batches == [{"1.jpg": b"abc", "1.txt": b"a church"}]
    widget.other.click()
    (box,) = [child for child in widget.children if isinstance(child, Uploader)]
    assert box.piece <= 2**18  # bytes; about 1 MB in a message ends Colab's runtime


def test_colabs_upload_works_in_a_cell_of_its_own_and_may_be_cancelled(inbox, colab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert upload_here(inbox) == []
    colab.chosen = {"1.jpg": b"abc"}
    (path,) = upload_here(inbox)
    assert path.read_bytes() == b"abc"
    assert [path.name for path in tmp_path.iterdir()] == ["uploads"]
