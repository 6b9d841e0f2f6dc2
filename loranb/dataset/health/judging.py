"""From what is known of a picture, and how it is to be used, to what is to be said of it."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from loranb.dataset.buckets import Fit, fit
from loranb.dataset.edits import Box, Edit
from loranb.dataset.health.facts import Facts
from loranb.dataset.health.findings import Finding
from loranb.dataset.health.focus import BLURRED
from loranb.dataset.images import Size
from loranb.errors import DatasetError
from loranb.settings import DatasetSettings

SDXL = 1024  # pixels; whoever trains at this resolution trains SDXL or its like
LEAST_FOR_SDXL = 512  # pixels on the shorter side, as guides to SDXL say
NARROW = 3.0  # longer to shorter side; SDXL's own buckets end at 4, SD 1.5 has seen squares (assumed)
CROPPED = 0.15  # share; buckets cut up to 0.13 off usual shapes (1:1 to 3:1 at 512, 768 and 1024)
_ENLARGED = 1.02  # less is rounding
_MUCH_ENLARGED = 1.25  # from here on it shows (assumed)
_DARK = 85  # grey levels; the least of the 39 pictures named in `focus` is 105. All are below at 3.5 stops less
_CLIPPED, _NO_BLACK = 0.3, 60  # share and grey levels; none of the 39 has both, 4 of 10 of them at 3 stops more
_WASHED_OUT = 140  # grey levels; what has nothing darker than that, but for a thin line, is fog or flare
_MENDED = 0.01  # share of a side that a trimmed border may still be

_TURNED = {
    2: "mirrored",
    3: "upside down",
    4: "mirrored and upside down",
    5: "mirrored and on its side",
    6: "on its side",
    7: "mirrored and on its side",
    8: "on its side",
}
_NAMES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "DIB": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
}


class Judgement:
    """What is to be said of one picture.

    Args:
        path: where it is; only its name counts.
        facts: what is known of it.
        dataset: how it is to be used.
        edit: how it is turned and cropped first.
    """

    def __init__(self, path: Path, facts: Facts, dataset: DatasetSettings, edit: Edit = Edit()):  # noqa: B008
        self.path, self.facts, self.dataset, self.edit = path, facts, dataset, edit
        self.size: Size = (0, 0)  # as it is used
        self._unfit = ""
        if facts.usable:
            try:
                self.size = edit.size(facts.size)
            except DatasetError as error:
                self._unfit = str(error)

    @property
    def fit(self) -> Fit:
        """How it goes into its bucket."""
        return fit(self.size, self.dataset)

    @property
    def trim(self) -> Box | None:
        """What to crop to, in the picture as it is used now, to be rid of plain borders; None where there are none."""
        trimmed = self.facts.trimmed
        if trimmed is None or min(self.size) <= 0:
            return None
        inner = Edit(0, trimmed).then_turned(self.edit.turn, self.facts.size).crop if self.edit.turn else trimmed
        outer = self.edit.crop or Box(0, 0, *self.edit.turned_size(self.facts.size))
        left, top = max(inner.left, outer.left), max(inner.top, outer.top)
        right, bottom = min(inner.right, outer.right), min(inner.bottom, outer.bottom)
        cut = ((left - outer.left, right - outer.right), (top - outer.top, bottom - outer.bottom))
        much = any(max(abs(a), abs(b)) > _MENDED * side for (a, b), side in zip(cut, outer.size, strict=True))
        if not much or right <= left or bottom <= top:
            return None
        return Box(left - outer.left, top - outer.top, right - outer.left, bottom - outer.top)

    def findings(self) -> list[Finding]:
        """Say what is to be said of it; nothing but that it is unusable of one that is."""
        if not self.facts.usable:
            return [Finding(self.facts.problem, "error", f"the file {self.facts.reason}"), *self._name()]
        if self._unfit:
            return [Finding("bad_edit", "error", self._unfit.rstrip("."))]
        rules: tuple[Callable[[], Iterator[Finding]], ...] = (
            self._damage,
            self._sharpness,
            self._smallness,
            self._shape,
            self._bars,
            self._light,
            self._kinds,
            self._orientation,
            self._name,
        )
        return [finding for rule in rules for finding in rule()]

    def _damage(self) -> Iterator[Finding]:
        if self.facts.damage:
            yield Finding("damaged", "warning", f"it can be read, but its decoder reports: {self.facts.damage}")

    def _sharpness(self) -> Iterator[Finding]:
        width = self.edge_width()
        if width >= BLURRED:
            size = "{} x {}".format(*self.fit.bucket)
            yield Finding(
                "blurred", "warning", f"its sharpest edges measure {width:.1f} at {size}; soft from {BLURRED} on"
            )

    def edge_width(self) -> float:
        """Return how wide its sharpest edges are at the size that is trained on, in pixels of that.

        A picture that is smaller is judged at its own size; that it is small is another finding.
        """
        if not self.facts.edges:
            return 0.0
        whole = math.sqrt(self.facts.width * self.facts.height)
        trained = whole * min(1.0, self.fit.resized[0] / self.size[0])
        larger = [level for level in self.facts.edges if level[0] >= trained]
        side, width = min(larger) if larger else max(self.facts.edges)
        return width * trained / side

    def _smallness(self) -> Iterator[Finding]:
        width, height = self.size
        own, bucket = f"{width} x {height}", "{} x {}".format(*self.fit.bucket)
        enlarged = self.fit.resized[0] / width
        short = max(enlarged, self.dataset.resolution / math.sqrt(width * height) if self.dataset.no_upscale else 1)
        severity = "warning" if short >= _MUCH_ENLARGED else "info"
        if enlarged > _ENLARGED:
            yield Finding("small", severity, f"{own} pixels, enlarged {enlarged:.2g} times to {bucket} for training")
        elif short > _ENLARGED:
            detail = f"{own} pixels, trained at {bucket} and not enlarged; the resolution is {self.dataset.resolution}"
            yield Finding("small", severity, detail)
        if self.dataset.resolution >= SDXL and min(self.size) < LEAST_FOR_SDXL:
            yield Finding("small_for_sdxl", "warning", f"{own} pixels; SDXL needs {LEAST_FOR_SDXL} on the shorter side")

    def _shape(self) -> Iterator[Finding]:
        bucket, resized = self.fit
        lost = 1 - bucket[0] * bucket[1] / (resized[0] * resized[1])
        ratio = max(self.size) / min(self.size)
        own = "{} x {}".format(*self.size)
        cut = f"cut to {bucket[0]} x {bucket[1]}, which takes {lost:.0%} off"
        if ratio >= NARROW:
            yield Finding("extreme_aspect", "warning", f"{own} pixels, {ratio:.1f} to 1, {cut}")
        elif lost >= CROPPED:
            yield Finding("cropped", "warning", f"{own} pixels, {cut}")

    def _bars(self) -> Iterator[Finding]:
        trim = self.trim
        if trim is None:
            return
        lost = 1 - trim.size[0] * trim.size[1] / (self.size[0] * self.size[1])
        what = "plain bars with text or marks" if self.facts.border_text else "plain bars"
        kept = f"{trim.size[0]} x {trim.size[1]} pixels at ({trim.left}, {trim.top})"
        yield Finding("borders", "warning", f"{what} take {lost:.0%} of it; the picture itself is {kept}")

    def _light(self) -> Iterator[Finding]:
        tones = self.facts.tones
        if tones is None:
            return
        if tones.brightest < _DARK:
            yield Finding(
                "under_exposed", "warning", f"even its brightest parts reach only {tones.brightest:.0f} of 255"
            )
        blown = tones.clipped >= _CLIPPED and tones.blackest >= _NO_BLACK and "greyscale" not in self.facts.kinds
        if blown or min(tones.darkest, tones.blackest + _NO_BLACK) >= _WASHED_OUT:
            detail = f"{tones.clipped:.0%} of it is white, and even its darkest parts are at {tones.darkest:.0f} of 255"
            yield Finding("over_exposed", "warning", detail)

    def _kinds(self) -> Iterator[Finding]:
        ground = f"transparent in parts, which are laid on {self.dataset.background}"
        details = {
            "transparent": ground,
            "animated": "it has several frames, or pages",
            "cmyk": "its colours are those of a printer",
            "sixteen_bit": "it has more than 8 bits a channel",
            "palette": "its colours come from a palette",
        }
        for code, detail in details.items():
            if code in self.facts.kinds:
                yield Finding(code, "warning" if code == "animated" else "info", detail)

    def _orientation(self) -> Iterator[Finding]:
        if self.facts.orientation in _TURNED and not self.edit.turn:
            how = _TURNED[self.facts.orientation]
            yield Finding("exif_orientation", "info", f"stored {how} (EXIF orientation {self.facts.orientation})")

    def _name(self) -> Iterator[Finding]:
        suffix, usual = self.path.suffix.lower(), _NAMES.get(self.facts.format, ())
        if usual and suffix not in usual:
            yield Finding("wrong_extension", "info", f"named {suffix}, but it is {self.facts.format}")
