"""Draw the demo's pictures: one coloured object on a ground, at a time of day.

A scene is four words ("red house, grass, day"). The same words give a different picture for
every seed: place, size, clouds, flowers and the like come from a random generator. Pictures are
drawn at twice their size with Pillow and reduced, which gives smooth edges.

The demo base model is trained on `OBJECTS` only; `SUBJECTS` are kept from it, so that a LoRA has
something to teach it.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]

OBJECTS = ("house", "tree", "boat", "church", "car")
SUBJECTS = ("castle", "windmill")
COLOURS: dict[str, RGB] = {
    "red": (208, 40, 44),
    "orange": (240, 132, 30),
    "yellow": (246, 214, 60),
    "green": (48, 150, 72),
    "blue": (46, 100, 210),
    "purple": (128, 62, 176),
    "pink": (244, 140, 184),
    "white": (244, 244, 240),
}
GROUNDS = ("grass", "sand", "snow", "water")
TIMES = ("day", "sunset", "night")

SKIES: dict[str, tuple[RGB, RGB]] = {  # top and horizon
    "day": ((96, 168, 232), (206, 232, 246)),
    "sunset": ((116, 84, 150), (250, 166, 96)),
    "night": ((14, 18, 48), (46, 58, 104)),
}
FLOORS: dict[str, tuple[RGB, RGB]] = {  # horizon and bottom, by day
    "grass": (((150, 196, 96)), ((88, 148, 60))),
    "sand": (((240, 220, 164)), ((214, 182, 116))),
    "snow": (((250, 252, 255)), ((214, 226, 240))),
    "water": (((96, 170, 200)), ((36, 96, 150))),
}
LIGHT: dict[str, tuple[float, float, float]] = {  # what each channel is multiplied by
    "day": (1.0, 1.0, 1.0),
    "sunset": (0.98, 0.86, 0.78),
    "night": (0.70, 0.72, 0.86),
}
LIT, DARK_GLASS, SLATE, WOOD = (255, 226, 120), (70, 84, 108), (84, 78, 86), (112, 76, 48)


class Scene(NamedTuple):
    """What a picture shows."""

    object: str
    colour: str
    ground: str
    time: str

    @property
    def caption(self) -> str:
        """The scene in words, as the base model learnt them: "red house, grass, day"."""
        return f"{self.colour} {self.object}, {self.ground}, {self.time}"


def every_scene(objects: tuple[str, ...] = OBJECTS) -> list[Scene]:
    """List all combinations of the four words, in a fixed order."""
    return [Scene(*words) for words in itertools.product(objects, COLOURS, GROUNDS, TIMES)]


def held_out() -> list[Scene]:
    """List the combinations that the base model is never trained on: one in eight.

    Every word occurs in them equally often with every other; they test whether the model
    composes words rather than remembers pictures.
    """
    position = {name: list(names).index for name, names in _WORDS.items()}
    return [
        scene
        for scene in every_scene()
        if (
            position["colour"](scene.colour)
            + 2 * position["object"](scene.object)
            + 3 * position["ground"](scene.ground)
            + 5 * position["time"](scene.time)
        )
        % len(COLOURS)
        == 0
    ]


def training_scenes() -> list[Scene]:
    """List the scenes the base model may see."""
    hidden = set(held_out())
    return [scene for scene in every_scene() if scene not in hidden]


_WORDS = {"object": OBJECTS, "colour": tuple(COLOURS), "ground": GROUNDS, "time": TIMES}


def draw(scene: Scene, seed: int, size: tuple[int, int] = (128, 128)) -> Image.Image:
    """Draw a scene.

    Args:
        scene: what to show; the object may be one of `OBJECTS` or `SUBJECTS`.
        seed: which of the endless pictures of this scene.
        size: width and height in pixels.
    """
    random = Random(f"{seed} {scene.caption}")
    width, height = 2 * size[0], 2 * size[1]
    picture = Image.new("RGB", (width, height))
    horizon = int(height * random.uniform(0.57, 0.65))
    pen = _Pen(ImageDraw.Draw(picture), scene.time, random)
    _sky(pen, width, horizon)
    _floor(pen, scene.ground, width, horizon, height)
    unit = min(width, height) * random.uniform(0.52, 0.60)  # the object's height, about
    centre = width * random.uniform(0.45, 0.60)
    foot = horizon + (height - horizon) * random.uniform(0.45, 0.60)
    _shadow(pen, scene.ground, centre, foot, unit)
    pen.place(centre, foot, unit)
    _DRAW[scene.object](pen, COLOURS[scene.colour])
    _foreground(pen, scene.ground, width, foot, height)
    return picture.resize(size, Image.Resampling.LANCZOS)


@dataclass
class _Pen:
    """Draws in an object's own units: x to the right of its centre, y up from its foot."""

    canvas: ImageDraw.ImageDraw
    time: str
    random: Random
    x: float = 0.0
    y: float = 0.0
    unit: float = 1.0

    def place(self, x: float, y: float, unit: float) -> None:
        self.x, self.y, self.unit = x, y, unit

    def lit(self, colour: RGB) -> RGB:
        """Return a colour as it looks at this time of day."""
        return tuple(round(value * share) for value, share in zip(colour, LIGHT[self.time], strict=True))  # type: ignore[return-value]

    def _xy(self, x: float, y: float) -> tuple[float, float]:
        return self.x + x * self.unit, self.y - y * self.unit

    def polygon(self, colour: RGB, *points: tuple[float, float]) -> None:
        self.canvas.polygon([self._xy(*point) for point in points], fill=self.lit(colour))

    def box(self, colour: RGB, left: float, bottom: float, right: float, top: float) -> None:
        self.polygon(colour, (left, bottom), (right, bottom), (right, top), (left, top))

    def disc(self, colour: RGB, x: float, y: float, radius: float) -> None:
        (left, top), (right, bottom) = self._xy(x - radius, y + radius), self._xy(x + radius, y - radius)
        self.canvas.ellipse((left, top, right, bottom), fill=self.lit(colour))

    def window(self, left: float, bottom: float, right: float, top: float) -> None:
        """A window: dark glass by day, lamplight after dark."""
        glass = DARK_GLASS if self.time == "day" else LIT
        points = [self._xy(left, top), self._xy(right, bottom)]
        self.canvas.rectangle([*points[0], *points[1]], fill=glass)


def _blend(a: RGB, b: RGB, share: float) -> RGB:
    return tuple(round(p + (q - p) * share) for p, q in zip(a, b, strict=True))  # type: ignore[return-value]


def _shade(colour: RGB, share: float) -> RGB:
    """Darken (below 1) or lighten (above 1) a colour."""
    return _blend((0, 0, 0), colour, share) if share <= 1 else _blend(colour, (255, 255, 255), share - 1)


def _gradient(pen: _Pen, top: RGB, bottom: RGB, box: tuple[int, int, int]) -> None:
    width, start, end = box
    for y in range(start, end):
        pen.canvas.line([(0, y), (width, y)], fill=_blend(top, bottom, (y - start) / max(1, end - start)))


def _sky(pen: _Pen, width: int, horizon: int) -> None:
    random, canvas = pen.random, pen.canvas
    _gradient(pen, *SKIES[pen.time], (width, 0, horizon))
    side = min(width, 2 * horizon)
    radius = side * random.uniform(0.045, 0.06)
    x = random.choice((random.uniform(0.08, 0.22), random.uniform(0.78, 0.92))) * width
    if pen.time == "night":
        for _ in range(22):
            star, where = random.uniform(1.5, 2.8), (random.uniform(0, width), random.uniform(0, horizon * 0.8))
            canvas.ellipse([where[0], where[1], where[0] + star, where[1] + star], fill=(236, 238, 250))
    y = horizon * {"day": random.uniform(0.16, 0.3), "night": random.uniform(0.16, 0.3), "sunset": 0.86}[pen.time]
    disc = {"day": (255, 244, 190), "sunset": (255, 214, 120), "night": (238, 236, 214)}[pen.time]
    canvas.ellipse([x - radius, y - radius, x + radius, y + radius], fill=disc)
    if pen.time == "day":
        for _ in range(random.randint(1, 2)):
            _cloud(pen, random.uniform(0.1, 0.9) * width, random.uniform(0.12, 0.5) * horizon, side * 0.05)


def _cloud(pen: _Pen, x: float, y: float, radius: float) -> None:
    for dx, dy, share in ((-1.3, 0.25, 0.7), (0, 0, 1.0), (1.2, 0.3, 0.75), (0.5, 0.45, 0.8)):
        r = radius * share
        cx, cy = x + dx * radius, y + dy * radius
        pen.canvas.ellipse([cx - r, cy - r, cx + r, cy + r], fill=(250, 252, 255))


def _floor(pen: _Pen, ground: str, width: int, horizon: int, height: int) -> None:
    far, near = (pen.lit(colour) for colour in FLOORS[ground])
    _gradient(pen, far, near, (width, horizon, height))
    if ground == "water":
        for _ in range(16):
            y = pen.random.uniform(horizon + 6, height)
            x, length = pen.random.uniform(-0.1, 1) * width, width * pen.random.uniform(0.06, 0.16)
            pen.canvas.line([(x, y), (x + length, y)], fill=_blend(far, (255, 255, 255), 0.3), width=2)
    else:
        bump = height * 0.05
        for _ in range(2):  # a rise on the horizon
            x, half = pen.random.uniform(0, 1) * width, width * pen.random.uniform(0.25, 0.4)
            pen.canvas.chord([x - half, horizon - bump, x + half, horizon + bump], 180, 360, fill=far)


def _foreground(pen: _Pen, ground: str, width: int, foot: float, height: int) -> None:
    random = pen.random
    for _ in range(14):
        x, y = random.uniform(0, width), random.uniform(foot + (height - foot) * 0.25, height)
        if ground == "grass":
            pen.canvas.line([(x, y), (x + 3, y - 9)], fill=pen.lit((58, 116, 44)), width=3)
        elif ground == "sand":
            pen.canvas.arc([x - 20, y - 5, x + 20, y + 5], 190, 350, fill=pen.lit((190, 156, 94)), width=2)
        elif ground == "snow":
            pen.canvas.arc([x - 16, y - 4, x + 16, y + 4], 190, 350, fill=pen.lit((190, 206, 228)), width=2)


def _shadow(pen: _Pen, ground: str, x: float, foot: float, unit: float) -> None:
    floor = _blend(*FLOORS[ground], 0.5)
    half, depth = unit * 0.56, unit * 0.06
    pen.canvas.ellipse([x - half, foot - depth, x + half, foot + depth], fill=pen.lit(_shade(floor, 0.78)))


def _house(pen: _Pen, colour: RGB) -> None:
    pen.box(_shade(SLATE, 0.9), 0.22, 0.62, 0.34, 0.98)
    pen.box(colour, -0.46, 0, 0.46, 0.56)
    pen.polygon(SLATE, (-0.58, 0.54), (0.58, 0.54), (0.34, 0.92), (-0.34, 0.92))
    pen.box(WOOD, -0.09, 0, 0.09, 0.32)
    pen.window(-0.36, 0.2, -0.17, 0.4)
    pen.window(0.17, 0.2, 0.36, 0.4)


def _tree(pen: _Pen, colour: RGB) -> None:
    pen.box(WOOD, -0.07, 0, 0.07, 0.45)
    for x, y, radius in (
        (-0.24, 0.5, 0.22),
        (0.24, 0.5, 0.22),
        (0, 0.56, 0.26),
        (-0.12, 0.76, 0.21),
        (0.13, 0.78, 0.2),
    ):
        pen.disc(_shade(colour, 0.9), x, y, radius)
    for x, y, radius in ((-0.2, 0.55, 0.15), (0.16, 0.58, 0.15), (-0.05, 0.78, 0.14)):
        pen.disc(_shade(colour, 1.12), x, y, radius)


def _boat(pen: _Pen, colour: RGB) -> None:
    pen.box(WOOD, -0.035, 0.2, 0.025, 1.04)
    pen.polygon((246, 244, 234), (0.06, 0.32), (0.06, 1.0), (0.5, 0.32))
    pen.polygon((230, 228, 218), (-0.08, 0.32), (-0.08, 0.86), (-0.4, 0.32))
    pen.polygon(colour, (-0.6, 0.28), (0.6, 0.28), (0.4, -0.04), (-0.42, -0.04))
    pen.polygon(_shade(colour, 0.75), (-0.6, 0.28), (0.6, 0.28), (0.57, 0.22), (-0.57, 0.22))


def _church(pen: _Pen, colour: RGB) -> None:
    pen.box(colour, -0.12, 0, 0.5, 0.44)
    pen.polygon(SLATE, (-0.14, 0.43), (0.54, 0.43), (0.42, 0.64), (-0.14, 0.64))
    pen.box(_shade(colour, 0.94), -0.44, 0, -0.1, 0.7)
    pen.polygon(SLATE, (-0.48, 0.69), (-0.06, 0.69), (-0.27, 1.12))
    pen.box((240, 226, 170), -0.285, 1.06, -0.255, 1.26)
    pen.box((240, 226, 170), -0.34, 1.16, -0.2, 1.19)
    pen.box(WOOD, -0.35, 0, -0.19, 0.26)
    pen.window(-0.32, 0.42, -0.22, 0.58)
    for left in (0.02, 0.19, 0.36):
        pen.window(left, 0.12, left + 0.08, 0.34)


def _car(pen: _Pen, colour: RGB) -> None:
    pen.polygon(_shade(colour, 0.92), (-0.4, 0.38), (0.42, 0.38), (0.26, 0.64), (-0.24, 0.64))
    pen.polygon(colour, (-0.64, 0.1), (0.66, 0.1), (0.66, 0.3), (0.54, 0.4), (-0.58, 0.4), (-0.66, 0.28))
    for points in (
        ((-0.3, 0.4), (-0.02, 0.4), (-0.02, 0.59), (-0.19, 0.59)),
        ((0.04, 0.4), (0.32, 0.4), (0.22, 0.59), (0.04, 0.59)),
    ):
        pen.polygon((178, 214, 232), *points)
    for x in (-0.36, 0.38):
        pen.disc((36, 36, 42), x, 0.1, 0.15)
        pen.disc((176, 178, 184), x, 0.1, 0.07)
    pen.disc((255, 236, 160), 0.62, 0.27, 0.045)


def _castle(pen: _Pen, colour: RGB) -> None:
    stone, shaded = colour, _shade(colour, 0.86)
    pen.box(shaded, -0.36, 0, 0.36, 0.52)
    _battlements(pen, shaded, -0.36, 0.36, 0.52, 5)
    for left in (-0.62, 0.34):
        pen.box(stone, left, 0, left + 0.28, 0.82)
        _battlements(pen, stone, left - 0.03, left + 0.31, 0.82, 3)
        pen.window(left + 0.11, 0.46, left + 0.17, 0.62)
        pen.box((90, 84, 80), left + 0.13, 0.9, left + 0.15, 1.2)
        pen.polygon((222, 60, 60), (left + 0.15, 1.2), (left + 0.15, 1.06), (left + 0.34, 1.13))
    pen.disc((50, 40, 40), 0, 0.22, 0.13)
    pen.box((50, 40, 40), -0.13, 0, 0.13, 0.22)


def _battlements(pen: _Pen, colour: RGB, left: float, right: float, bottom: float, count: int) -> None:
    step = (right - left) / (2 * count - 1)
    for i in range(count):
        pen.box(colour, left + 2 * i * step, bottom - 0.01, left + (2 * i + 1) * step, bottom + 0.09)


def _windmill(pen: _Pen, colour: RGB) -> None:
    pen.polygon(colour, (-0.26, 0), (0.26, 0), (0.16, 0.68), (-0.16, 0.68))
    pen.polygon(SLATE, (-0.2, 0.66), (0.2, 0.66), (0, 0.86))
    pen.box(WOOD, -0.07, 0, 0.07, 0.2)
    pen.window(-0.05, 0.32, 0.05, 0.44)
    for dx, dy in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
        side = (0.055 * dy, -0.055 * dx)
        tip = (0.4 * dx, 0.66 + 0.4 * dy)
        pen.polygon(
            (236, 228, 206), (0, 0.66), tip, (tip[0] + side[0] * 2, tip[1] + side[1] * 2), (side[0], 0.66 + side[1])
        )
    pen.disc((70, 60, 54), 0, 0.66, 0.045)


_DRAW: dict[str, Callable[[_Pen, RGB], None]] = {
    "house": _house,
    "tree": _tree,
    "boat": _boat,
    "church": _church,
    "car": _car,
    "castle": _castle,
    "windmill": _windmill,
}


def doodle(seed: int, size: tuple[int, int] = (128, 128)) -> Image.Image:
    """Draw shapes that mean nothing: they teach the autoencoder edges that no scene has."""
    random = Random(f"doodle {seed}")
    width, height = 2 * size[0], 2 * size[1]
    picture = Image.new("RGB", (width, height))
    canvas = ImageDraw.Draw(picture)

    def colour() -> RGB:
        return random.randint(0, 255), random.randint(0, 255), random.randint(0, 255)

    top, bottom = colour(), colour()
    for y in range(height):
        canvas.line([(0, y), (width, y)], fill=_blend(top, bottom, y / height))
    for _ in range(random.randint(5, 14)):
        x, y, reach = random.uniform(0, width), random.uniform(0, height), width * random.uniform(0.03, 0.3)
        kind = random.choice(("rectangle", "ellipse", "polygon", "line"))
        box = [x - reach, y - reach * random.uniform(0.2, 1), x + reach, y + reach * random.uniform(0.2, 1)]
        if kind == "polygon":
            corners = [(x + random.uniform(-reach, reach), y + random.uniform(-reach, reach)) for _ in range(4)]
            canvas.polygon(corners, fill=colour())
        elif kind == "line":
            canvas.line(box, fill=colour(), width=random.randint(2, 8))
        else:
            getattr(canvas, kind)(box, fill=colour())
    return picture.resize(size, Image.Resampling.LANCZOS)
