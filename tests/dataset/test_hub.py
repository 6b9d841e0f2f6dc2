"""The hub itself is stood in for by a folder; what lies in it is real."""

import threading
import zipfile
from fnmatch import fnmatch
from types import SimpleNamespace

import pyarrow
import pytest
from huggingface_hub import errors
from PIL import Image
from pyarrow import parquet

from loranb.dataset import hub
from loranb.dataset.hub import Dataset, parse
from loranb.errors import DatasetError


@pytest.fixture
def snapshot(tmp_path, monkeypatch):
    """A folder that every data set of the hub is fetched as, and what was asked for."""
    folder = tmp_path / "snapshot"
    folder.mkdir()
    asked = {}

    def download(repo_id, tqdm_class, **options):
        asked.update(options, repo_id=repo_id)
        files = tqdm_class(total=2, desc="Fetching 2 files")
        arrived = tqdm_class(total=0, unit="B")
        arrived.total += 3000
        for size in (1000, 2000):
            arrived.update(size)
            files.update(1)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    return SimpleNamespace(folder=folder, asked=asked)


def fails_with(monkeypatch, error):
    def download(*things, **options):
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)


def answered(kind, code):
    request = SimpleNamespace(url="https://huggingface.co", method="GET")
    return kind(f"{code}", response=SimpleNamespace(status_code=code, headers={}, request=request))


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20), "red").save(path)
    return path


@pytest.mark.parametrize(
    ("source", "dataset"),
    [
        ("hf:owner/name", Dataset("owner/name")),
        ("hf:owner/name@v2", Dataset("owner/name", "v2")),
        ("hf://datasets/owner/name", Dataset("owner/name")),
        ("hf:mnist", Dataset("mnist")),
        ("https://huggingface.co/datasets/owner/name", Dataset("owner/name")),
        ("https://huggingface.co/datasets/owner/name/", Dataset("owner/name")),
        ("https://hf.co/datasets/owner/name?library=x#top", Dataset("owner/name")),
        ("https://huggingface.co/datasets/owner/name/tree/v2", Dataset("owner/name", "v2")),
        ("https://huggingface.co/datasets/o/n/tree/main/a/b%20c", Dataset("o/n", "main", "a/b c")),
        ("https://huggingface.co/datasets/o/n/tree/refs%2Fpr%2F1", Dataset("o/n", "refs/pr/1")),
        ("https://huggingface.co/datasets/owner/name/resolve/main/a.zip", None),
        ("https://huggingface.co/owner/model", None),
        ("https://example.org/datasets/owner/name", None),
        ("/home/me/hf/pictures", None),
    ],
)
def test_data_sets_are_known_by_their_name_or_page(source, dataset):
    assert parse(source) == dataset


def test_pictures_archives_and_tables_are_places(snapshot, tmp_path):
    first = picture(snapshot.folder / "train" / "a.jpg")
    with zipfile.ZipFile(snapshot.folder / "more.zip", "w") as archive:
        archive.write(first, "deep/b.jpg")
    row = {"image": {"bytes": first.read_bytes(), "path": "c.jpg"}, "text": "a wall"}
    parquet.write_table(pyarrow.Table.from_pylist([row]), snapshot.folder / "rows.parquet")
    told = []
    places = hub.fetch(Dataset("o/n", "v2"), tmp_path / "work", lambda *said: told.append(said))
    names = {p.name for place in places for p in place.path.rglob("*") if p.is_file()}
    assert names == {"a.jpg", "more.zip", "b.jpg", "rows.parquet", "c.jpg", "c.txt"}
    assert {path.name for path in places[0].unpacked} == {"more.zip", "rows.parquet"}
    assert {path.name for path in snapshot.folder.iterdir()} == {"train", "more.zip", "rows.parquet"}
    assert (snapshot.asked["repo_id"], snapshot.asked["repo_type"], snapshot.asked["revision"]) == (
        "o/n",
        "dataset",
        "v2",
    )
    assert (3000, 3000, "Fetching o/n") in told


def test_only_what_can_be_used_is_asked_for(snapshot, tmp_path):
    picture(snapshot.folder / "in" / "here" / "a.jpg")
    hub.fetch(Dataset("o/n", None, "in/here"), tmp_path / "work")
    useful = ["in/here/a.jpg", "in/here/deep/A.JPG", "in/here/a.txt", "in/here/metadata.csv", "in/here/x.parquet"]
    others = ["a.jpg", "in/here/model.safetensors", "in/here/video.mp4"]
    patterns = snapshot.asked["allow_patterns"]
    assert [name for name in useful + others if any(fnmatch(name, pattern) for pattern in patterns)] == useful


def test_a_data_set_that_is_too_large_is_refused_unfetched(snapshot, tmp_path, monkeypatch):
    files = [SimpleNamespace(rfilename=f"{i}.parquet", size=5 * 2**30) for i in range(5)]
    files.append(SimpleNamespace(rfilename="weights.bin", size=2**40))
    monkeypatch.setattr(
        "huggingface_hub.HfApi.dataset_info", lambda *things, **options: SimpleNamespace(siblings=files)
    )
    with pytest.raises(DatasetError, match="5 files, 25.0 GiB in all.*20 GiB are allowed"):
        hub.fetch(Dataset("o/n"), tmp_path / "work")
    assert snapshot.asked == {}


def test_a_data_set_without_pictures_is_told(snapshot, tmp_path):
    (snapshot.folder / "README.txt").write_text("words")
    with pytest.raises(DatasetError, match="o/n holds no pictures"):
        hub.fetch(Dataset("o/n"), tmp_path / "work")


def test_a_folder_that_is_not_in_it_is_told(snapshot, tmp_path):
    with pytest.raises(DatasetError, match="o/n has no folder cats"):
        hub.fetch(Dataset("o/n", "main", "cats"), tmp_path / "work")


def test_out_of_reach_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DatasetError, match="out of reach, since HF_HUB_OFFLINE is set"):  # as conftest.py does
        hub.fetch(Dataset("loranb/none-such"), tmp_path / "work")


def test_a_name_that_is_none_is_told(tmp_path):
    with pytest.raises(DatasetError, match="There is no data set 'a/b/c'"):
        hub.fetch(parse("hf:a/b/c"), tmp_path / "work")


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        (errors.GatedRepoError, 403, "gated.*huggingface.co/datasets/o/n, agree.*login"),
        (errors.RepositoryNotFoundError, 401, "no data set 'o/n'.*private"),
        (errors.RevisionNotFoundError, 404, "no revision 'v2'"),
        (errors.HfHubHTTPError, 500, "cannot be fetched: 500"),
    ],
)
def test_what_the_hub_answers_is_told_in_words(tmp_path, monkeypatch, kind, code, said):
    fails_with(monkeypatch, answered(kind, code))
    with pytest.raises(DatasetError, match=said):
        hub.fetch(Dataset("o/n", "v2"), tmp_path / "work")


@pytest.mark.parametrize(
    "error", [errors.HTTPError("connection reset"), OSError(28, "No space left on device"), TimeoutError("too slow")]
)
def test_what_breaks_on_the_way_is_told_in_words(tmp_path, monkeypatch, error):
    fails_with(monkeypatch, error)
    with pytest.raises(DatasetError, match="o/n cannot be fetched: .*(reset|space|slow)"):
        hub.fetch(Dataset("o/n"), tmp_path / "work")


def test_stopping_ends_the_download_in_its_threads(tmp_path, monkeypatch):
    ended = []

    def endless(repo_id, tqdm_class, **options):
        arrived = tqdm_class(total=0, unit="B")
        try:
            while True:
                arrived.update(1)
        finally:
            ended.append(True)

    def stop(done, total, doing):
        raise KeyboardInterrupt

    monkeypatch.setattr("huggingface_hub.snapshot_download", endless)
    with pytest.raises(KeyboardInterrupt):
        hub.fetch(Dataset("o/n"), tmp_path / "work", stop)
    for thread in threading.enumerate():
        if thread.name.startswith("loranb"):
            thread.join(5)
    assert ended
