"""Florence-2: a sentence, or a paragraph, about a picture; small for what it can do.

Xiao et al., "Florence-2: Advancing a Unified Representation for a Variety of Vision Tasks"
(arXiv:2311.06242). The task is asked for by a token that the processor turns into a fixed question.
Runs the versions made for transformers' own Florence-2 (``florence-community``), which need no code
from the hub.
"""

from functools import partial
from typing import Any, Literal

from PIL import Image

from loranb.captioners import _torch
from loranb.captioners._hub import folder
from loranb.captioners._torch import BATCH_HELP, PRECISION_HELP, Precision, Speaker
from loranb.dataset.progress import Progress
from loranb.settings.declaration import Group, setting

TITLE, KIND = "Florence-2 (a sentence or a paragraph)", "sentence"
MODELS = {
    "florence-community/Florence-2-base": "0.2 billion parameters, runs on a CPU, too",
    "florence-community/Florence-2-large": "0.8 billion parameters, more exact",
    "florence-community/Florence-2-base-ft": "the small one, tuned on more tasks",
    "florence-community/Florence-2-large-ft": "the large one, tuned on more tasks",
}
DEFAULT = next(iter(MODELS))
LAYOUT = _torch.layout("Florence-2 model", DEFAULT)
TASKS = {"short": "<CAPTION>", "detailed": "<DETAILED_CAPTION>", "more detailed": "<MORE_DETAILED_CAPTION>"}


class Options(Group):
    """How Florence-2 is run."""

    model: str = setting(DEFAULT, "The model: a name on the Hugging Face hub, or a folder that holds its files.")
    detail: Literal["short", "detailed", "more detailed"] = setting(
        "detailed",
        "How much is said: a short sentence; one or two sentences; a paragraph, which is often longer than the 75 "
        "tokens that a base model reads at a time.",
    )
    beams: int = setting(
        3,  # as in the model card's examples
        "How many texts are followed at once; the likeliest is said. 1 is the fastest.",
        ge=1,
        le=20,
    )
    max_length: int = setting(256, "The longest text allowed; a longer one breaks off.", unit="tokens", ge=1, le=1024)
    batch: int = setting(8, BATCH_HELP, ge=1, advanced=True)
    precision: Precision = setting("auto", PRECISION_HELP, advanced=True)


def load(options: Options | None = None, progress: Progress | None = None) -> Speaker:
    """Load Florence-2.

    Raises:
        CaptionerError: the model cannot be found, fetched or loaded.
    """
    options = options or Options()
    place = folder(options.model, LAYOUT, progress)
    model = _torch.load_model("Florence2ForConditionalGeneration", place, options.precision)

    return Speaker(model, _torch.load_processor(place), options.batch, partial(_say, options=options))


def _say(model: Any, processor: Any, pictures: list[Image.Image], options: Options) -> list[str]:
    task = TASKS[options.detail]
    inputs = processor(images=pictures, text=[task] * len(pictures), return_tensors="pt")
    inputs = inputs.to(model.device, model.dtype)
    tokens = model.generate(**inputs, do_sample=False, num_beams=options.beams, max_new_tokens=options.max_length)
    return processor.batch_decode(tokens, skip_special_tokens=True)
