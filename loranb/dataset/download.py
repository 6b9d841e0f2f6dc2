"""Fetch a zip archive from an address on the web.

A connection that drops is taken up again where it broke off. What is no archive, such as the page
that shows a shared file, is recognised by its first bytes and said to be what it is.
"""

import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import httpx

from loranb.dataset.archive import LIMITS
from loranb.dataset.progress import Progress, silent
from loranb.errors import DatasetError

CHUNK = 2**18  # bytes
TIMEOUT = httpx.Timeout(30, connect=15)  # seconds without a byte (assumed)
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before trying again; anew after every byte that came (assumed)
_YOURSELF = "Or download it yourself and give the file's path."
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})  # a server that may answer later


class _Broken(Exception):
    """The transfer broke off and may be taken up again."""


def direct(address: str) -> str:
    """Turn the address of a page that shows a file into that of the file, where there is a rule for it.

    Raises:
        DatasetError: it is no address, or a shared link of Google Drive, for which there is no rule.
    """
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise DatasetError(f"This is no address on the web: {error}. Check it.") from error
    host, path, query = (parts.hostname or "").lower(), parts.path, parts.query
    if host in ("drive.google.com", "docs.google.com"):
        raise DatasetError(
            f"A shared link of Google Drive ({host}) leads to a page, not to the file. On Colab, mount your Drive with "
            "`from google.colab import drive; drive.mount('/content/drive')` and give the path, such as "
            "/content/drive/MyDrive/pictures.zip. Elsewhere, download the file yourself and give its path."
        )
    if host == "dropbox.com" or host.endswith(".dropbox.com"):
        query = urlencode({**dict(parse_qsl(query, keep_blank_values=True)), "dl": "1"})
    if host in ("huggingface.co", "hf.co"):
        path = path.replace("/blob/", "/resolve/", 1)
    if host == "github.com":
        path = path.replace("/blob/", "/raw/", 1)
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def fetch(
    address: str,
    folder: Path,
    progress: Progress = silent,
    largest: int = LIMITS.total,
    pauses: Sequence[float] = PAUSES,
) -> Path:
    """Fetch an archive into `folder`, and return the file.

    Args:
        address: where it is, http or https; shared links of Dropbox will do.
        folder: made if it is not there.
        progress: told bytes.
        largest: how many bytes are allowed.
        pauses: seconds to wait before each time that it is tried again.

    Raises:
        DatasetError: it cannot be had, or is no zip archive; the file is gone then.
    """
    address = direct(address)
    folder.mkdir(parents=True, exist_ok=True)
    name = _file_name(address)
    part, target = folder / ".download.part", folder / name
    try:
        with httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client, part.open("w+b") as file:
            transfer = _Transfer(client, address, name, file, largest)
            _persist(transfer, progress, pauses)
        part.replace(target)
    except (httpx.InvalidURL, httpx.TooManyRedirects, httpx.UnsupportedProtocol) as error:
        raise DatasetError(f"{name} cannot be fetched: {error}. Check the address.") from error
    finally:
        part.unlink(missing_ok=True)
    return target


def _file_name(address: str) -> str:
    """Name the file after the last part of its address, without what a disk may not like."""
    name = re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", PurePosixPath(unquote(urlsplit(address).path)).name)[-100:]
    return name.lstrip(".") or "download.zip"


class _Transfer:
    """One file on its way, over as many connections as it takes."""

    def __init__(self, client: httpx.Client, address: str, name: str, file: BinaryIO, largest: int):
        self.name = name
        self._client, self._address, self._file, self._largest = client, address, file, largest
        self._tag = ""  # by which the server knows whether the file is still the same

    @property
    def got(self) -> int:
        """How many bytes are there."""
        return self._file.tell()

    def go_on(self, progress: Progress) -> None:
        """Fetch what is missing.

        Raises:
            _Broken: the connection dropped, or the server is busy.
            DatasetError: it makes no sense to try again.
        """
        headers = {"Accept-Encoding": "identity"}  # bytes as they are, so that they can be counted
        if self.got:
            headers["Range"] = f"bytes={self.got}-"
            headers |= {"If-Range": self._tag} if self._tag else {}
        try:
            with self._client.stream("GET", self._address, headers=headers) as answer:
                self._receive(answer, progress)
        except httpx.UnsupportedProtocol:
            raise
        except httpx.TransportError as error:
            raise _Broken(str(error) or type(error).__name__) from error

    def _receive(self, answer: httpx.Response, progress: Progress) -> None:
        self._check_status(answer)
        if self.got and not _goes_on_at(answer, self.got):  # the server does not know ranges, or the file changed
            self._file.seek(0)
            self._file.truncate()
            if answer.status_code != 200:
                raise _Broken("the server sent another part than was asked for")
        total = self.got + int(answer.headers.get("Content-Length") or 0)
        total = total if total > self.got else 0
        self._tag = _tag(answer)
        self._check_size(total)
        for chunk in answer.iter_raw(CHUNK):
            if not self.got:
                self._check_kind(answer, chunk)
            self._file.write(chunk)
            self._check_size(self.got)
            progress(self.got, total, f"Fetching {self.name}")
        if self.got < total:
            raise _Broken("the connection was closed too early")

    def _check_status(self, answer: httpx.Response) -> None:
        code = answer.status_code
        if code in _BUSY:
            raise _Broken(f"the server answers {code} {answer.reason_phrase}")
        if code in (401, 403):
            raise DatasetError(
                f"{answer.url.host} does not hand out {self.name} ({code} {answer.reason_phrase}): the link has "
                f"expired, or one has to sign in. Make a link that anybody may open. {_YOURSELF}"
            )
        if code in (404, 410):
            raise DatasetError(
                f"There is no {self.name} at {answer.url.host} ({code} {answer.reason_phrase}). Check the address."
            )
        if code == 416 and self.got:  # nothing is left of it, or it is another file by now: from the beginning
            self._file.seek(0)
            self._file.truncate()
            raise _Broken("the server knows no such part of the file")
        if not answer.is_success:
            raise DatasetError(
                f"{self.name} cannot be fetched from {answer.url.host}: {code} {answer.reason_phrase}. {_YOURSELF}"
            )

    def _check_size(self, size: int) -> None:
        if size > self._largest:
            raise DatasetError(
                f"{self.name} is {size / 2**20:,.0f} MiB or more; {self._largest / 2**20:,.0f} MiB are allowed. "
                f"Split it. {_YOURSELF}"
            )
        free = shutil.disk_usage(Path(self._file.name).parent).free
        if size - self.got > free:
            raise DatasetError(
                f"{self.name} is {size / 2**20:,.0f} MiB, and {free / 2**20:,.0f} MiB are free in "
                f"{Path(self._file.name).parent}. Make room there, or set the environment variable TMPDIR to a folder "
                "on a larger disk."
            )

    def _check_kind(self, answer: httpx.Response, first: bytes) -> None:
        kind = answer.headers.get("Content-Type", "").split(";")[0].strip()
        if kind == "text/html" or first.lstrip()[:1] == b"<":
            raise DatasetError(
                f"{answer.url.host} sends a web page instead of {self.name}. Open the address in a browser: if a "
                f"button has to be pressed there, copy the address of the download itself. {_YOURSELF}"
            )
        if first[:2] != b"PK":
            raise DatasetError(
                f"{self.name} is no zip archive but {kind or 'something else'}. Give the address of a zip archive. "
                f"{_YOURSELF}"
            )


def _goes_on_at(answer: httpx.Response, start: int) -> bool:
    return answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _tag(answer: httpx.Response) -> str:
    """Return what tells this state of the file from another; a weak tag may not be used for that (RFC 9110, 13.1.5)."""
    tag = answer.headers.get("ETag", "")
    return answer.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag


def _persist(transfer: _Transfer, progress: Progress, pauses: Sequence[float]) -> None:
    """Try until it is all there, or nothing more comes however often it is tried."""
    failures, reached = 0, 0
    while True:
        try:
            return transfer.go_on(progress)
        except _Broken as error:
            failures = failures + 1 if transfer.got <= reached else 1
            reached = max(reached, transfer.got)
            if failures > len(pauses):
                raise DatasetError(
                    f"{transfer.name} cannot be fetched: {error}. It was tried {failures} times. See whether this "
                    "machine is online, and try again."
                ) from error
            time.sleep(pauses[failures - 1])
