"""Turn and crop one picture by hand, and see what training will make of it."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import ipywidgets as w
from PIL import Image

from loranb.dataset import framing, images
from loranb.dataset.buckets import fit
from loranb.dataset.edits import LEAST, Box, Edit
from loranb.dataset.images import Size
from loranb.dataset.reader import Pictures
from loranb.errors import DatasetError
from loranb.panels._grid import picture_view
from loranb.panels._picture_card import with_icon
from loranb.panels._show import escape, shown, small, title
from loranb.settings import DatasetSettings

SEEN_AT = 1000  # pixels on the longer side of the picture that is cropped
TALLEST = 400  # pixels in the page
TRAINED_AT = 260  # pixels on the longer side of what training sees
SHAPES = {
    "any shape": 0.0,
    "square": 1.0,
    "3 : 2": 3 / 2,
    "2 : 3": 2 / 3,
    "4 : 3": 4 / 3,
    "3 : 4": 3 / 4,
    "16 : 9": 16 / 9,
    "9 : 16": 9 / 16,
}
Keep = Literal["inside", "width", "height"]
_ENLARGED = 1.02  # less is rounding


def of_shape(box: Box, ratio: float, whole: Size, keep: Keep = "inside") -> Box:
    """Return a box of another shape around the middle of a box, moved and made smaller where it would reach outside.

    Args:
        box: in pixels.
        ratio: of width to height; 0 leaves the box as it is.
        whole: size of the picture that it must lie in.
        keep: the side that stays as long as it is, or ``inside`` for what fits into the box.
    """
    if not ratio:
        return box
    width, height = box.size
    if keep == "height" or (keep == "inside" and width > height * ratio):
        width = height * ratio
    scale = min(1.0, whole[0] / width, whole[1] * ratio / width)
    size = max(1, round(width * scale)), max(1, round(width * scale / ratio))
    left, top = (
        min(max(0, round((start + end - side) / 2)), room - side)
        for start, end, side, room in zip(box[:2], box[2:], size, whole, strict=True)
    )
    return Box(left, top, left + size[0], top + size[1])


class CropEditor(w.VBox):
    """One picture with its crop drawn in it, controls, and what training sees of it.

    Args:
        pictures: of the project.
        dataset: the settings that pictures are trained with.
        applied: called with the picture, its edit, and whether the next picture is wanted.
        closed: called when nothing is to be changed.
    """

    def __init__(
        self,
        pictures: Pictures,
        dataset: Callable[[], DatasetSettings],
        applied: Callable[[Path, Edit, bool], None],
        closed: Callable[[], None],
    ):
        super().__init__(layout=w.Layout(width="100%"))
        self._pictures, self._dataset, self._applied, self._closed = pictures, dataset, applied, closed
        self._setting = False
        self.path, self.upright, self.edit = Path(), (1, 1), Edit()
        self._seen = Image.new("RGB", (1, 1))  # upright, not turned, small
        self.heading, self.told, self.notice = w.HTML(), w.HTML(), w.HTML()
        self.base = picture_view(layout=w.Layout(width="100%", height="auto"))
        self.drawn = w.HTML()
        self.drawn.add_class("lb-drawn")
        self.stage = w.Box([self.base, self.drawn], layout=w.Layout(width="100%"))
        self.stage.add_class("lb-stage")
        self.trained = picture_view(layout=w.Layout(width="auto", max_width="100%", align_self="flex-start"))
        self.across, self.down = _slider("Left, right"), _slider("Top, bottom")
        self.shape = w.Dropdown(options=SHAPES, value=0.0, layout=w.Layout(width="120px"))
        self._build()

    def _build(self) -> None:
        across = [("across", self.across, "width"), ("down", self.down, "height")]
        for _, slider, keep in across:
            slider.observe(shown(lambda _, keep=keep: self._slid(keep), self.notice), "value")
        self.shape.observe(shown(lambda _: self._reshape(), self.notice), "value")
        self.square = _button("Square", lambda: self._propose(framing.square), self.notice)
        self.trim = _button("Trim borders", lambda: self._propose(framing.trim), self.notice)
        self.whole = _button("Whole picture", self._take_whole, self.notice)
        self.left, self.right = with_icon("rotate-left", "Turn left"), with_icon("rotate-right", "Turn right")
        self.left.on_click(shown(lambda _: self._turn(270), self.notice))
        self.right.on_click(shown(lambda _: self._turn(90), self.notice))
        self.apply = _button("Apply", lambda: self._apply(False), self.notice, "primary")
        self.apply_next = _button("Apply, next", lambda: self._apply(True), self.notice)
        self.cancel = _button("Cancel", self._closed, self.notice)
        tools = w.HBox([self.left, self.right, self.square, self.trim, self.whole, self.shape])
        ends = w.HBox([self.apply, self.apply_next, self.cancel])
        tools.add_class("lb-tools")
        ends.add_class("lb-part")
        before = w.VBox(
            [tools, self.stage, self.across, self.down],
            layout=w.Layout(flex="1 1 380px", width="auto", max_width="660px"),
        )
        seen = w.HTML(title("What training sees"))
        after = w.VBox([seen, self.trained, self.told], layout=w.Layout(flex="1 1 220px", width="auto"))
        top = w.HBox([self.heading, ends], layout=w.Layout(width="100%", justify_content="space-between"))
        top.add_class("lb-part")
        both = w.HBox([before, after], layout=w.Layout(width="100%", flex_flow="row wrap", grid_gap="8px 20px"))
        self.children = [top, self.notice, both]
        self.add_class("lb-editor")

    @property
    def whole_size(self) -> Size:
        """Size of the turned picture."""
        return self.edit.turned_size(self.upright)

    @property
    def box(self) -> Box:
        """What is kept of the turned picture."""
        return self.edit.crop or Box(0, 0, *self.whole_size)

    def show(self, path: Path) -> None:
        """Show another picture.

        Raises:
            DatasetError: it cannot be read.
        """
        edit = self._pictures.edit(path)
        seen, upright = images.open_small(path, _scaled, self._pictures.background)
        seen.thumbnail((SEEN_AT, SEEN_AT), Image.Resampling.LANCZOS)
        self.path, self.upright, self.edit, self._seen = path, upright, edit, seen
        self.heading.value = title(path.name, f"{upright[0]} × {upright[1]} pixels; the file itself is never changed.")
        self.notice.value = ""
        self._setting = True
        self.shape.value = 0.0
        self._setting = False
        self._draw_picture()

    def _draw_picture(self) -> None:
        """Show the turned picture, and the crop in it."""
        width, height = self.whole_size
        self.stage.layout.max_width = f"{round(TALLEST * width / height)}px"
        self.base.value = _jpeg(self.edit.turned(self._seen))
        self._setting = True
        for slider, length in ((self.across, width), (self.down, height)):
            slider.max = length
        self._setting = False
        self._set(self.box)

    def _set(self, box: Box) -> None:
        """Take a crop, move the sliders there, draw it."""
        whole = Box(0, 0, *self.whole_size)
        self.edit = Edit(self.edit.turn, None if box == whole else box)
        self._setting = True
        self.across.value, self.down.value = (box.left, box.right), (box.top, box.bottom)
        self._setting = False
        too_small = min(box.size) < LEAST
        self.apply.disabled = self.apply_next.disabled = too_small
        if too_small:
            self.told.value = small(f"At least {LEAST} pixels on each side must be left.")
            return
        kept = framing.will_crop(box.size, self._dataset())
        self.drawn.value = _overlay(self.whole_size, box, kept)
        self._draw_trained(box, kept)

    def _draw_trained(self, box: Box, kept: Box) -> None:
        bucket, resized = fit(box.size, self._dataset())
        turned = self.edit.turned(self._seen)
        scale = turned.width / self.whole_size[0]
        seen = Box(kept.left + box.left, kept.top + box.top, kept.right + box.left, kept.bottom + box.top)
        size = tuple(max(1, round(side * TRAINED_AT / max(bucket))) for side in bucket)
        inside = [min(max(0, edge * scale), limit) for edge, limit in zip(seen, turned.size * 2, strict=True)]
        self.trained.value = _jpeg(turned.resize(size, Image.Resampling.BILINEAR, box=inside))
        self.told.value = _said(box.size, kept, bucket, resized)

    def _slid(self, keep: Keep) -> None:
        if not self._setting:
            (left, right), (top, bottom) = self.across.value, self.down.value
            self._set(of_shape(Box(left, top, right, bottom), self.shape.value, self.whole_size, keep))

    def _reshape(self) -> None:
        if not self._setting:
            self._set(of_shape(self.box, self.shape.value, self.whole_size))

    def _propose(self, framed: Callable[[Image.Image], Box | None]) -> None:
        """Crop what is kept now to what is proposed for it."""
        picture = Edit(self.edit.turn, self.box).apply(images.open_picture(self.path, self._pictures.background))
        proposed = framed(picture)
        if proposed is None:
            raise DatasetError(f"{self.path.name} has no borders of one colour that could be trimmed.")
        self.notice.value = ""
        self._free()
        self._set(Edit(0, self.box).then_cropped(proposed).crop or self.box)

    def _take_whole(self) -> None:
        self._free()
        self._set(Box(0, 0, *self.whole_size))

    def _turn(self, degrees: int) -> None:
        self._free()
        self.edit = self.edit.then_turned(degrees, self.upright)
        self._draw_picture()

    def _free(self) -> None:
        """Ask for no shape any more: another one is about to be set."""
        self._setting = True
        self.shape.value = 0.0
        self._setting = False

    def _apply(self, more: bool) -> None:
        self._applied(self.path, self.edit, more)


def _scaled(upright: Size) -> Size:
    scale = SEEN_AT / max(upright)
    return round(upright[0] * scale), round(upright[1] * scale)


def _overlay(whole: Size, box: Box, kept: Box) -> str:
    """Draw what is cut off dark, what is kept framed, and in it dashed what the bucket keeps."""
    width, height = whole
    left, top = box[:2]
    outer = f"M0 0H{width}V{height}H0ZM{left} {top}V{box.bottom}H{box.right}V{top}Z"
    inner = f'x="{left + kept.left}" y="{top + kept.top}" width="{kept.size[0]}" height="{kept.size[1]}"'
    frame = f'x="{left}" y="{top}" width="{box.size[0]}" height="{box.size[1]}"'
    line = 'fill="none" vector-effect="non-scaling-stroke"'
    return (
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none"><path d="{outer}" fill="#000" '
        f'fill-opacity=".62"/><rect {frame} {line} stroke="#fff" stroke-width="2"/>'
        f'<rect {inner} {line} stroke="#ff9800" stroke-width="2" stroke-dasharray="6 4"/></svg>'
    )


def _said(size: Size, kept: Box, bucket: Size, resized: Size) -> str:
    across, down = size[0] - kept.size[0], size[1] - kept.size[1]
    lost = 1 - kept.size[0] * kept.size[1] / (size[0] * size[1])
    sides = " and ".join(word for word, cut in (("left and right", across), ("top and bottom", down)) if cut > 0)
    said = [f"{size[0]} × {size[1]} pixels are kept, and trained at {bucket[0]} × {bucket[1]}."]
    said += (
        [f"Its bucket cuts {lost:.1%} off at {sides} (dashed)."] if lost >= 0.001 else ["Its bucket cuts nothing off."]
    )
    enlarged = resized[0] / size[0]
    said += [f"It is enlarged {enlarged:.1f} times for that."] if enlarged > _ENLARGED else []
    return f'<div class="lb-said">{escape(" ".join(said))}</div>'


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=85)
    return out.getvalue()


def _slider(description: str) -> w.IntRangeSlider:
    slider = w.IntRangeSlider(min=0, max=1, value=(0, 1), description=description, layout=w.Layout(width="100%"))
    slider.style.description_width = "80px"
    return slider


def _button(text: str, pressed: Callable[[], None], notice: w.HTML, style: str = "") -> w.Button:
    button = w.Button(description=text, button_style=style, layout=w.Layout(width="auto"))
    button.on_click(shown(lambda _: pressed(), notice))
    return button
