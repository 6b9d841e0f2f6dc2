import errno
import tempfile
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from loranb.dataset import archive
from loranb.dataset.pile import Place
from loranb.dataset.sources import opened
from loranb.errors import DatasetError


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory, monkeypatch):
    """The folder where archives are unpacked, empty again after each test."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def zipped(tmp_path):
    file = tmp_path / "10_grey cat.zip"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("deep/a.jpg", b"A")
    return file


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Serve `tmp_path` on this machine; its address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *said):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path)) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_files_and_folders_are_where_they_are(tmp_path):
    (tmp_path / "a.jpg").touch()
    with opened([tmp_path, str(tmp_path / "a.jpg")]) as places:
        assert places == [Place(tmp_path), Place(tmp_path / "a.jpg")]


def test_the_home_folder_may_be_written_short(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "cats").mkdir()
    with opened([" ~/cats "]) as places:
        assert places == [Place(tmp_path / "cats")]


def test_an_archive_is_unpacked_on_the_local_disk_and_gone_afterwards(zipped, temporary):
    with opened([zipped]) as (place,):
        assert place.path.name == "10_grey cat"
        assert temporary in place.path.parents
        assert (place.path / "deep" / "a.jpg").read_bytes() == b"A"
    assert not place.path.exists()
    assert zipped.exists()


def test_archives_of_one_name_stay_apart(zipped):
    with opened([zipped, zipped]) as (first, second):
        assert first.path != second.path


@pytest.mark.parametrize("end", ["10_grey%20cat.zip", "10_grey cat.zip?key=1#top"])
def test_an_address_is_fetched_and_unpacked(zipped, site, temporary, end):
    with opened([f"{site.replace('http', 'HTTP')}/{end}"]) as (place,):
        assert place.path.name == "10_grey cat"
        assert (place.path / "deep" / "a.jpg").read_bytes() == b"A"
        assert not list(temporary.rglob("*.zip"))


def test_a_data_set_of_the_hub_is_fetched(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").touch()
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *things, **options: str(tmp_path))
    with opened(["https://huggingface.co/datasets/o/n"]) as places:
        assert places == [Place(tmp_path)]


def test_all_that_is_missing_is_told_before_anything_is_fetched(tmp_path, site):
    with (
        pytest.raises(DatasetError, match="nowhere.*nothing.zip.*Check the path"),
        opened([f"{site}/cats.zip", tmp_path / "nowhere", str(tmp_path / "nothing.zip")]),
    ):
        pass


@pytest.mark.parametrize(
    ("path", "said"),
    [("/content/drive/MyDrive/cats.zip", "drive.mount"), (r"C:\Users\me\cats", "computer with Windows")],
)
def test_a_path_that_cannot_be_there_is_explained(path, said):
    with pytest.raises(DatasetError, match=said), opened([path]):
        pass


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b"])
def test_what_no_file_could_be_called_is_not_there(path):
    with pytest.raises(DatasetError, match="There is no such file"), opened([path]):
        pass


@pytest.mark.parametrize("sources", [[], [" "], [""]])
def test_nothing_is_no_source(sources):
    with pytest.raises(DatasetError, match="No pictures are given"), opened(sources):
        pass


def test_a_damaged_archive_leaves_nothing_behind(zipped, temporary):
    zipped.write_bytes(zipped.read_bytes()[:-30])
    with pytest.raises(DatasetError, match="cut off"), opened([zipped]):
        pass


def test_a_full_disk_is_told_with_what_to_do(zipped, monkeypatch):
    def full(*things):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive, "_write_all", full)
    with pytest.raises(DatasetError, match="is full.*TMPDIR"), opened([zipped]):
        pass


def test_stopping_leaves_nothing_behind(zipped):
    def stop(done, total, doing):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), opened([zipped], stop):
        pass
    assert Path(zipped).exists()
