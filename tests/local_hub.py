"""A hub on this machine that answers as the real one does, as far as downloads use it."""

import hashlib
import http.server
import json
import threading
from collections.abc import Mapping
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REFUSALS = {"gated": (403, "GatedRepo"), "misspelt": (404, "RepoNotFound"), "blocked": (451, "")}
Answered = tuple[int, dict[str, str], bytes]  # status, headers, body


class Hub:
    """Models by name, as files by path; what was asked for; a file that breaks off half-way, once."""

    def __init__(self) -> None:
        self.models: dict[str, Mapping[str, bytes]] = {}
        self.sizes: dict[str, int] = {}  # said instead of the real ones
        self.asked: list[tuple[str, str]] = []  # files, and the range of each
        self.breaks: list[str] = []
        hub = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def do_HEAD(self) -> None:
                self._answer(False)

            def do_GET(self) -> None:
                self._answer(True)

            def _answer(self, body: bool) -> None:
                path = self.path.split("?")[0]
                status, headers, content = hub.answer(path)
                start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
                if body and status == 200 and "/resolve/" in path:
                    hub.asked.append((path.partition("/resolve/")[2].partition("/")[2], self.headers.get("Range", "")))
                if start:
                    status, headers = (
                        206,
                        headers | {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"},
                    )
                content = content[start:]
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(content))}).items():
                    self.send_header(name, value)
                self.end_headers()
                if body and any(path.endswith(name) for name in hub.breaks) and not start:
                    content = content[: len(content) // 2]
                if body:
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def fetched(self) -> list[str]:
        """The names of the files that were asked for."""
        return [path.rpartition("/")[2] for path, _ in self.asked]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str) -> Answered:
        for word, (status, code) in REFUSALS.items():
            if f"/{word}" in path:
                return status, {"X-Error-Code": code}, b""
        name = next((name for name in self.models if f"/{name}/" in f"{path}/"), None)
        if name is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b""
        files = self.models[name]
        if "/resolve/" in path:
            content = files.get(path.partition("/resolve/")[2].partition("/")[2])
            if content is None:
                return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
            return 200, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}, content
        listed = [{"rfilename": file, "size": self.sizes.get(file, len(content))} for file, content in files.items()]
        if "/tree/" in path:
            tree = [{"type": "file", "path": one["rfilename"], "size": one["size"], "oid": "0"} for one in listed]
            return 200, {"Content-Type": "application/json"}, json.dumps(tree).encode()
        about = {"id": name, "sha": COMMIT, "siblings": listed}
        return 200, {"Content-Type": "application/json"}, json.dumps(about).encode()


def files_of(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder, as a hub's model holds it."""
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()}
