"""Write files so that a crash never leaves half of one."""

import os
import threading
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Write aside, flush to the disk, and rename over `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text aside and rename it over `path`."""
    write_bytes(path, text.encode("utf-8"))


def free_name(path: Path) -> Path:
    """Return `path`, or the first of `stem_2`, `stem_3`, ... that is not taken."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.stem}_{number}{path.suffix}")
        number += 1
    return free
