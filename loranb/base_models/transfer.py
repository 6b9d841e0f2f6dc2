"""One file from the hub, over as many connections and sittings as it takes.

huggingface_hub 2 begins a file anew after a restart; a base model has files of gigabytes, so what came is kept here.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx

CHUNK = 2**20  # bytes
TIMEOUT = httpx.Timeout(30, connect=15)  # seconds without a byte (assumed)
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before trying again; anew after every byte that came (assumed)
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})  # a server that may answer later


class Broken(Exception):
    """The transfer broke off; what came is kept."""


class Refused(Broken):
    """The server answers that it will not give the file; asking again is of no use."""


class Denied(Exception):
    """The hub does not hand the file out to this account."""


class Source(NamedTuple):
    """Where a file comes from.

    Args:
        url: of the file at one commit, so that it never changes.
        headers: with the user's token, if there is one.
        size: its bytes.
    """

    url: str
    headers: dict[str, str]
    size: int


def transfer(source: Source, target: Path, part: Path, pauses: Sequence[float] = PAUSES) -> Iterator[int]:
    """Fetch a file into `part` and rename it to `target`; yields how many bytes are there.

    Raises:
        Broken: nothing more comes however often it is tried.
        Denied: one has to sign in, or to accept terms.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    failures = reached = 0
    with part.open("ab") as file, httpx.Client(follow_redirects=True, timeout=TIMEOUT) as client:
        if file.tell() > source.size:
            file.truncate(0)
        while file.tell() < source.size:
            try:
                for chunk in _rest(client, source, file.tell()):
                    file.write(chunk)
                    yield file.tell()
                if file.tell() < source.size:
                    raise Broken("the connection was closed too early")
            except Refused:
                raise
            except (Broken, httpx.TransportError) as error:
                failures = failures + 1 if file.tell() <= reached else 1
                reached = max(reached, file.tell())
                if failures > len(pauses):
                    raise Broken(str(error) or type(error).__name__) from error
                time.sleep(pauses[failures - 1])
    if part.stat().st_size != source.size:
        part.unlink()
        raise Broken("the server sent more than the file has")
    part.replace(target)


def _rest(client: httpx.Client, source: Source, start: int) -> Iterator[bytes]:
    headers = {**source.headers, "Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with client.stream("GET", source.url, headers=headers) as answer:
        code = answer.status_code
        if code in (401, 403):
            raise Denied(f"{code} {answer.headers.get('X-Error-Message') or answer.reason_phrase}")
        if not answer.is_success:
            raise (Broken if code in BUSY else Refused)(f"the server answers {code} {answer.reason_phrase}")
        skip = 0 if code == 206 else start  # a server that knows no ranges begins anew
        for chunk in answer.iter_raw(CHUNK):
            yield chunk[skip:]
            skip = max(0, skip - len(chunk))
