"""Read a project's pictures as they are trained on: upright, in sRGB, turned and cropped, on the chosen ground.

Whoever wants a picture of a project, to train on it, caption it or show it, asks `Pictures`; so all see
the same. What is remembered lies in the project's ``.loranb`` folder, known by the pictures' content.
"""

import contextlib
import hashlib
import io
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from loranb.dataset import images
from loranb.dataset.contents import Contents
from loranb.dataset.edits import Edit, Edits
from loranb.dataset.images import BACKGROUND, READING, Picture, Size
from loranb.errors import DatasetError, SettingsError
from loranb.files import write_text
from loranb.project import Project

THUMBNAIL = 256  # pixels on the longer side
QUALITY = 80  # of its JPEG
SPARE = 1.5  # a JPEG is decoded at least this much larger than its thumbnail; less looks rough (looked at)


class Pictures:
    """The pictures of a project, wherever in it they lie. May be used by several threads.

    Args:
        project: whose edits and settings count.
        background: what transparent parts are laid on; blank for what the project's settings say.
    """

    def __init__(self, project: Project, background: str = ""):
        self.project = project
        self.edits = Edits(project.edits_file)
        self._background = background
        self._contents = Contents(project.root, project.cache / "contents.json")
        self._sizes_file = project.cache / "sizes.json"
        self._sizes = _read_sizes(self._sizes_file)
        self._learned = False

    @classmethod
    def around(cls, picture: Path) -> "Pictures":
        """Return the pictures of the project in which a picture lies, in one of the folders of ``img``."""
        return cls(Project(picture.parents[2]))

    @property
    def background(self) -> str:
        """What transparent parts are laid on."""
        if self._background:
            return self._background
        try:
            return self.project.settings().dataset.background
        except SettingsError:  # the settings panel shows what is wrong
            return BACKGROUND

    def content(self, path: Path) -> str:
        """Return the SHA-256 of a picture's bytes.

        Raises:
            DatasetError: it cannot be read.
        """
        try:
            return self._contents.of(path)
        except OSError as error:
            raise DatasetError(images.why_unreadable(path, error)) from error

    def edit(self, path: Path) -> Edit:
        """Return how a picture is turned and cropped.

        Raises:
            DatasetError: it cannot be read.
        """
        return self.edits.of(self.content(path))

    def upright_size(self, path: Path) -> Size:
        """Return a picture's size before any edit; the first time, it is decoded to its end.

        Raises:
            DatasetError: it cannot be read.
        """
        content = self.content(path)
        if content not in self._sizes:
            self._sizes[content] = images.look(path)
            self._learned = True
        return self._sizes[content]

    def size(self, path: Path) -> Size:
        """Return a picture's size as it is used.

        Raises:
            DatasetError: it cannot be read, or its edit does not fit it.
        """
        with _named(path):
            return self.edit(path).size(self.upright_size(path))

    def look(self, path: Path) -> Picture:
        """Say whether a picture can be used, and in what size; never raises for a bad one."""
        try:
            return Picture(path, *self.size(path))
        except DatasetError as error:
            return Picture(path, problem=str(error))

    def scan(self, paths: Iterable[Path]) -> list[Picture]:
        """Look at pictures, several at a time; the same order comes out."""
        with ThreadPoolExecutor(images.WORKERS) as pool:
            found = list(pool.map(self.look, paths))
        if self._learned:
            self.keep()
        return found

    def keep(self) -> None:
        """Write down what was learned; nothing is lost where that cannot be done."""
        with contextlib.suppress(OSError):
            self._contents.keep()
            write_text(self._sizes_file, json.dumps({"reading": READING, "sizes": self._sizes}))
            self._learned = False

    def open(self, path: Path) -> Image.Image:
        """Read a picture whole, as it is trained on.

        Raises:
            DatasetError: it cannot be read, or its edit does not fit it.
        """
        with _named(path):
            return self.edit(path).apply(images.open_picture(path, self.background))

    def thumbnail(self, path: Path, side: int = THUMBNAIL) -> bytes:
        """Return a small JPEG of a picture as it is used, made once and kept.

        Raises:
            DatasetError: it cannot be read, or its edit does not fit it.
        """
        edit, background = self.edit(path), self.background

        def make() -> Image.Image:
            with _named(path):
                return _small(path, background, edit, side)

        return self.kept_jpeg(f"{self.content(path)} {edit} {background} {side} {READING}", make)

    def kept_jpeg(self, said: str, make: Callable[[], Image.Image]) -> bytes:
        """Return a JPEG that is made once and kept in the project's cache.

        Args:
            said: all that it depends on, in words.
            make: makes the picture.
        """
        kept = self.project.cache / "thumbnails" / f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.jpg"
        with contextlib.suppress(OSError):
            jpeg = kept.read_bytes()
            if jpeg.endswith(b"\xff\xd9"):  # else cut off, by a lost machine
                return jpeg
        jpeg = _jpeg(make())
        with contextlib.suppress(OSError):  # a full disk costs only the time to make it again
            _keep(kept, jpeg)
        return jpeg


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Name the picture in what is said of its edit."""
    try:
        yield
    except DatasetError as error:
        if path.name in str(error):
            raise
        raise DatasetError(f"{path.name}: {error}") from error


def _small(path: Path, background: str, edit: Edit, side: int) -> Image.Image:
    """Read, turn, crop and scale a picture, decoding no more of it than is needed."""

    def least(upright: Size) -> Size:
        scale = SPARE * side / max(edit.size(upright))
        return math.ceil(upright[0] * scale), math.ceil(upright[1] * scale)

    drawn, upright = images.open_small(path, least, background)
    size, whole, turned = edit.size(upright), edit.turned_size(upright), edit.turned(drawn)
    across, down = turned.width / whole[0], turned.height / whole[1]
    left, top, right, bottom = edit.crop or (0, 0, *whole)
    scale = min(1.0, side / max(size))
    return turned.resize(
        (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))),
        Image.Resampling.LANCZOS,
        box=(left * across, top * down, right * across, bottom * down),
        reducing_gap=SPARE,
    )


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _keep(file: Path, content: bytes) -> None:
    """Write aside and rename: two threads or notebooks may make the same thumbnail at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".", suffix=".part", delete=False) as aside:
        aside.write(content)
    Path(aside.name).replace(file)


def _read_sizes(file: Path) -> dict[str, Size]:
    try:
        known = json.loads(file.read_bytes())
        sizes = known["sizes"] if known["reading"] == READING else {}
        return {content: (width, height) for content, (width, height) in sizes.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # not there, or cut off
        return {}
