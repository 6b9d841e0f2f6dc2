"""WD taggers: a picture's tags with their probabilities, by onnxruntime.

Runs SmilingWolf's published taggers (`MODELS` and older ones), any folder in their layout, and the
small tagger of the demo, which has that layout too:

- ``model.onnx``: one input, float32 (B, H, W, 3), blue-green-red, 0 to 255; one output (B, tags);
- ``selected_tags.csv``: one row an output, with ``name`` and ``category``.

Source of layout and preprocessing: https://huggingface.co/spaces/SmilingWolf/wd-tagger
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from loranb.captioners import Said
from loranb.captioners._hub import Layout, brief, folder
from loranb.dataset.progress import Progress
from loranb.demo import TAGGER
from loranb.errors import CaptionerError
from loranb.settings.declaration import Group, setting

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

TITLE, KIND = "WD tagger (tags)", "tags"
MODEL, TAGS = "model.onnx", "selected_tags.csv"
MODELS = {
    "SmilingWolf/wd-vit-tagger-v3": "the smallest of the third generation",
    "SmilingWolf/wd-convnext-tagger-v3": "about as large as the first, another architecture",
    "SmilingWolf/wd-swinv2-tagger-v3": "a little larger and more exact than the first",
    "SmilingWolf/wd-vit-large-tagger-v3": "three times as large as the first, slower, more exact",
    "SmilingWolf/wd-eva02-large-tagger-v3": "the most exact, and the slowest",
}
DEFAULT = next(iter(MODELS))
LAYOUT = Layout("tagger", (MODEL, TAGS), ((MODEL, TAGS),), (MODEL,), DEFAULT, {"demo": TAGGER})
GENERAL, CHARACTER, RATING = 0, 4, 9  # Danbooru's numbers, as in the column "category"
# tags whose underscore is a mouth; as in the published taggers' code
KAOMOJI = frozenset(
    ("0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3")
    + ("6_9", ">_o", "@_@", "^_^", "o_o", "u_u", "x_x", "|_|", "||_||")
)


class Options(Group):
    """How a WD tagger is run, and how its probabilities become tags."""

    model: str = setting(
        DEFAULT,
        "The tagger: a name on the Hugging Face hub, a folder that holds model.onnx and selected_tags.csv, or demo "
        "for the small tagger of the demo, which knows the demo's scenes only.",
    )
    general_threshold: float = setting(
        0.35,  # as in the published taggers' code
        "From which probability on a tag is said. Lower says more, and more that is wrong.",
        ge=0,
        le=1,
    )
    characters: Literal["mixed", "first", "none"] = setting(
        "mixed",
        "Names of known characters: mixed in with the other tags by probability, put first, or left out.",
    )
    character_threshold: float = setting(
        0.85,  # as in the published taggers' code
        "From which probability on the name of a known character is said.",
        ge=0,
        le=1,
        advanced=True,
    )
    ratings: bool = setting(False, "Say also general, sensitive, questionable or explicit.", advanced=True)
    underscores: bool = setting(
        False,
        "Keep long_hair as it is. Else it becomes long hair, as in the prompts people write; faces such as ^_^ stay.",
        advanced=True,
    )
    batch: int = setting(8, "How many pictures are looked at together. Lower needs less memory.", ge=1, advanced=True)


class WD14:
    """A tagger that is loaded; see `load`.

    Args:
        session: runs the model.
        names: its tags, in the order of its output.
        categories: Danbooru's number for each; shape (tags,).
        options: how probabilities become tags.
    """

    kind: Literal["tags"] = "tags"

    def __init__(self, session: "InferenceSession", names: tuple[str, ...], categories: np.ndarray, options: Options):
        self._session: InferenceSession | None = session
        self.names, self.categories, self.options = names, categories, options
        fixed = session.get_inputs()[0].shape[0]  # a name, or None, where any number of pictures goes
        self.batch: int = fixed if isinstance(fixed, int) else options.batch

    @property
    def session(self) -> "InferenceSession":
        """Runs the model."""
        if self._session is None:
            raise CaptionerError("This tagger is closed; load it again.")
        return self._session

    @property
    def side(self) -> int:
        """Width and height of the model's input in pixels."""
        return self.session.get_inputs()[0].shape[1]

    def look(self, pictures: Sequence[Image.Image]) -> list[Said]:
        """Return each picture's tags and their probabilities, the most certain first."""
        return [self._said(row) for row in self.probabilities(pictures)]

    def close(self) -> None:
        """Let go of the model."""
        self._session = None

    def tags(self, picture: Image.Image) -> dict[str, float]:
        """Return the probability of every tag the model knows, by the tag's own name."""
        return dict(zip(self.names, self.probabilities([picture])[0].tolist(), strict=True))

    def probabilities(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        """Return the probability of every tag in every picture; shape (pictures, tags)."""
        rows = [np.empty((0, len(self.names)), np.float32)]
        for start in range(0, len(pictures), self.batch):
            batch = np.stack([_as_input(p, self.side) for p in pictures[start : start + self.batch]])
            rows += self.session.run(None, {self.session.get_inputs()[0].name: batch})
        return np.concatenate(rows)

    def _said(self, row: np.ndarray) -> Said:
        limits = np.full(len(row), np.inf)  # categories that are not asked for
        limits[self.categories == GENERAL] = self.options.general_threshold
        if self.options.characters != "none":
            limits[self.categories == CHARACTER] = self.options.character_threshold
        if self.options.ratings and (self.categories == RATING).any():  # one of them, whichever is likeliest
            limits[self.categories == RATING] = row[self.categories == RATING].max()
        order = [i for i in np.argsort(-row, kind="stable") if row[i] >= limits[i]]
        if self.options.characters == "first":
            order.sort(key=lambda i: self.categories[i] != CHARACTER)
        return Said(tuple(self._written(self.names[i]) for i in order), tuple(float(row[i]) for i in order))

    def _written(self, tag: str) -> str:
        return tag if self.options.underscores or tag in KAOMOJI else tag.replace("_", " ")


def load(options: Options | None = None, progress: Progress | None = None) -> WD14:
    """Load a tagger.

    Args:
        options: which one, and how its probabilities become tags.
        progress: told bytes while the tagger is fetched.

    Raises:
        CaptionerError: onnxruntime is absent, or the tagger's files are absent, cannot be
            downloaded or do not fit each other.
    """
    options = options or Options()
    try:
        import onnxruntime
    except ImportError as error:
        raise CaptionerError("WD taggers need onnxruntime; install it with: pip install onnxruntime") from error
    place = folder(options.model, LAYOUT, progress)
    model, tags = place / MODEL, place / TAGS
    # CUDA where onnxruntime-gpu is installed; naming an absent provider would only warn
    there = onnxruntime.get_available_providers()
    own = {"device_id": os.environ.get("LOCAL_RANK", "0")}  # of several processes each has a GPU
    known = [("CUDAExecutionProvider", own), ("CPUExecutionProvider", {})]
    providers = [provider for provider in known if provider[0] in there]
    try:
        session = onnxruntime.InferenceSession(str(model), providers=providers)
    except Exception as error:  # onnxruntime's own exceptions share no base but this
        raise CaptionerError(f"{model} cannot be loaded: {brief(error)}. Download it again.") from error
    names, categories = _read_tags(tags)
    _check(session, model, len(names))
    return WD14(session, names, categories, options)


def square(picture: Image.Image, side: int) -> Image.Image:
    """Put a picture on a white square, centred, and resize that: what a WD tagger is shown."""
    picture = picture.convert("RGBA")
    longest = max(picture.size)
    canvas = Image.new("RGBA", (longest, longest), "white")
    canvas.alpha_composite(picture, ((longest - picture.width) // 2, (longest - picture.height) // 2))
    canvas = canvas.convert("RGB")
    return canvas if longest == side else canvas.resize((side, side), Image.Resampling.BICUBIC)


def _as_input(picture: Image.Image, side: int) -> np.ndarray:
    """Turn a picture into (side, side, 3), blue-green-red, 0 to 255."""
    return np.ascontiguousarray(np.asarray(square(picture, side), np.float32)[:, :, ::-1])


def _read_tags(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return tuple(row["name"] for row in rows), np.array([int(row["category"]) for row in rows])
    except (KeyError, TypeError, ValueError) as error:
        raise CaptionerError(
            f"{path} is no list of tags: {brief(error)}. It has the columns tag_id, name, category and "
            "count; download it again."
        ) from error


def _check(session: "InferenceSession", model: Path, tags: int) -> None:
    shape, outputs = session.get_inputs()[0].shape, session.get_outputs()[0].shape
    if len(shape) != 4 or not isinstance(shape[1], int) or shape[1] != shape[2] or shape[3] != 3:
        raise CaptionerError(f"{model} is no WD tagger: its input is {shape}, expected [batch, side, side, 3].")
    if isinstance(outputs[-1], int) and outputs[-1] != tags:
        raise CaptionerError(
            f"{model} gives {outputs[-1]} values, but {TAGS} beside it names {tags} tags; download both again."
        )
