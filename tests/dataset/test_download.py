import io
import re
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from loranb.dataset.download import direct, fetch
from loranb.errors import DatasetError

QUICK = (0.0, 0.0, 0.0)  # no waiting in tests


def packed(fill=b"x", size=1_000_000):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.png", fill * size)
    return made.getvalue()


class Server(ThreadingHTTPServer):
    """Serves one file, in whatever way a test wants it served."""

    daemon_threads = True

    def __init__(self):
        self.content, self.kind, self.tag = packed(), "application/zip", '"1"'
        self.drops: list[int] = []  # bytes after which the next connections break off
        self.codes: list[int] = []  # that the next requests are answered with
        self.knows_ranges = self.says_length = True
        self.asked: list[str] = []  # the ranges that were asked for
        self.after = lambda: None
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *broken):
        """A client that hangs up is what some tests are about."""

    def address(self, name="cats.zip"):
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *said):
        pass

    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range", ""))
        code = server.codes.pop(0) if server.codes else 200
        if self.path == "/moved.zip":
            return self._head(302, {"Location": server.address(), "Content-Length": "0"})
        if code != 200:
            return self._head(code, {"Content-Length": "0"})
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        unchanged = self.headers.get("If-Range") in (None, server.tag)
        start = int(start[1]) if start and server.knows_ranges and unchanged else 0
        if start > len(server.content):
            return self._head(416, {"Content-Length": "0"})
        body = server.content[start:]
        headers = {"Content-Type": server.kind, "ETag": server.tag, "Connection": "close"}
        headers |= {"Content-Length": str(len(body))} if server.says_length else {}
        size = len(server.content)
        headers |= {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if start else {}
        self._head(206 if start else 200, headers)
        drop = server.drops.pop(0) if server.drops else len(body)
        self.wfile.write(body[:drop])
        server.after()

    def _head(self, code, headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as running:
        Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


def test_an_archive_is_fetched_and_told_of(server, tmp_path):
    told = []
    file = fetch(server.address(), tmp_path, lambda *said: told.append(said), pauses=QUICK)
    assert (file.name, file.read_bytes()) == ("cats.zip", server.content)
    size = len(server.content)
    assert told[-1] == (size, size, "Fetching cats.zip")
    assert [done for done, *_ in told] == sorted({done for done, *_ in told})


def test_a_redirect_is_followed(server, tmp_path):
    assert fetch(server.address("moved.zip"), tmp_path, pauses=QUICK).read_bytes() == server.content


def test_a_connection_that_drops_is_taken_up_where_it_was(server, tmp_path):
    server.drops = [600_000, 300_000]
    assert fetch(server.address(), tmp_path, pauses=QUICK).read_bytes() == server.content
    starts = [int(asked[len("bytes=") : -1]) for asked in server.asked[1:]]
    assert server.asked[0] == ""
    assert 0 < starts[0] <= 600_000 < starts[1] <= 900_000


def test_a_server_that_knows_no_ranges_sends_it_anew(server, tmp_path):
    server.drops, server.knows_ranges = [600_000], False
    assert fetch(server.address(), tmp_path, pauses=QUICK).read_bytes() == server.content


def test_a_file_that_changed_meanwhile_is_not_pieced_together(server, tmp_path):
    def change():
        server.content, server.tag = packed(b"y", 1_200_000), '"2"'

    server.drops, server.after = [600_000], change
    assert fetch(server.address(), tmp_path, pauses=QUICK).read_bytes() == server.content


def test_a_file_that_shrank_meanwhile_is_fetched_anew(server, tmp_path):
    def change():
        server.content = packed(b"y", 10)

    server.drops, server.after = [600_000], change
    assert fetch(server.address(), tmp_path, pauses=QUICK).read_bytes() == server.content


def test_every_byte_that_comes_gives_it_new_tries(server, tmp_path):
    server.drops = [300_000, 0, 0] * 3
    assert fetch(server.address(), tmp_path, pauses=QUICK).read_bytes() == server.content


def test_a_server_that_is_busy_is_asked_again(server, tmp_path):
    server.codes = [503, 429]
    assert fetch(server.address(), tmp_path, pauses=QUICK).read_bytes() == server.content


def test_when_nothing_more_comes_it_ends_with_a_message(server, tmp_path):
    server.drops = [300_000] + [0] * 10
    with pytest.raises(DatasetError, match="cats.zip cannot be fetched: .* tried 4 times"):
        fetch(server.address(), tmp_path, pauses=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_told(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(DatasetError, match="online"):
        fetch(server.address(), tmp_path, pauses=QUICK)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        *((404, "There is no cats.zip at 127.0.0.1"), (410, "There is no cats.zip")),
        *((401, "sign in"), (403, "expired"), (451, "451 Unavailable For Legal Reasons")),
    ],
)
def test_what_no_second_try_mends_is_told_at_once(server, tmp_path, code, said):
    server.codes = [code]
    with pytest.raises(DatasetError, match=said):
        fetch(server.address(), tmp_path, pauses=QUICK)
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "text/html; charset=utf-8", "sends a web page instead of cats.zip"),
        (b"\n <html></html>", "application/zip", "sends a web page"),
        (b"\xff\xd8\xff\xe0", "image/jpeg", "is no zip archive but image/jpeg"),
        (b"?", "", "is no zip archive but something else"),
    ],
)
def test_what_is_no_archive_is_told_by_its_first_bytes(server, tmp_path, content, kind, said):
    server.content, server.kind = content + bytes(5_000_000), kind
    taken = []
    with pytest.raises(DatasetError, match=said):
        fetch(server.address(), tmp_path, lambda *told: taken.append(told), pauses=QUICK)
    assert taken == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("says_length", [True, False])
def test_what_is_too_large_is_not_fetched(server, tmp_path, says_length):
    server.says_length = says_length
    with pytest.raises(DatasetError, match="0 MiB are allowed"):
        fetch(server.address(), tmp_path, largest=500_000, pauses=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_stopping_leaves_nothing_behind(server, tmp_path):
    def stop(done, total, doing):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.address(), tmp_path, stop, pauses=QUICK)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shared", "file"),
    [
        (
            "https://www.dropbox.com/scl/fi/ab/cats.zip?rlkey=k&dl=0",
            "https://www.dropbox.com/scl/fi/ab/cats.zip?rlkey=k&dl=1",
        ),
        ("https://www.dropbox.com/s/ab/cats.zip", "https://www.dropbox.com/s/ab/cats.zip?dl=1"),
        (
            "https://huggingface.co/datasets/o/n/blob/main/cats.zip",
            "https://huggingface.co/datasets/o/n/resolve/main/cats.zip",
        ),
        ("https://github.com/o/n/blob/main/blob/cats.zip", "https://github.com/o/n/raw/main/blob/cats.zip"),
        ("https://example.org/cats.zip?key=a%20b&dl=0", "https://example.org/cats.zip?key=a%20b&dl=0"),
    ],
)
def test_the_page_of_a_file_is_turned_into_the_file(shared, file):
    assert direct(shared) == file


@pytest.mark.parametrize(
    "link", ["https://drive.google.com/file/d/1x/view?usp=sharing", "https://docs.google.com/uc?id=1"]
)
def test_a_link_of_google_drive_is_explained(tmp_path, link):
    with pytest.raises(DatasetError, match="drive.mount"):
        fetch(link, tmp_path)


@pytest.mark.parametrize("address", ["https://", "https://a b/cats.zip", "http://[::1/cats.zip"])
def test_an_address_that_is_none_is_told(tmp_path, address):
    with pytest.raises(DatasetError, match="address|online"):
        fetch(address, tmp_path, pauses=())


@pytest.mark.parametrize(
    ("path", "name"),
    [("", "download.zip"), ("a/b%2Fc.zip", "c.zip"), ("..", "download.zip"), ("a%5Cb%3A.zip", "a_b_.zip")],
)
def test_the_file_has_a_harmless_name(server, tmp_path, path, name):
    assert fetch(server.address(path), tmp_path, pauses=QUICK) == tmp_path / name


def test_neither_passwords_nor_keys_are_told(server, tmp_path):
    server.codes = [403]
    secret = server.address().replace("127", "user:hush@127") + "?token=hush"
    with pytest.raises(DatasetError) as caught:
        fetch(secret, tmp_path, pauses=QUICK)
    assert "hush" not in str(caught.value)
