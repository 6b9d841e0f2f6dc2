"""BLIP: one plain sentence about a picture.

Li et al., "BLIP: Bootstrapping Language-Image Pre-training" (arXiv:2201.12086). The small one needs
about 1 GB and runs on a CPU, too.
"""

from functools import partial
from typing import Any, Literal

from PIL import Image

from loranb.captioners import _torch
from loranb.captioners._hub import folder
from loranb.captioners._torch import BATCH_HELP, PRECISION_HELP, Precision, Speaker
from loranb.dataset.progress import Progress
from loranb.settings.declaration import Group, setting

TITLE, KIND = "BLIP (a sentence)", "sentence"
MODELS = {
    "Salesforce/blip-image-captioning-large": "the one that most guides use",
    "Salesforce/blip-image-captioning-base": "half as large, for a small GPU or none",
}
DEFAULT = next(iter(MODELS))
LAYOUT = _torch.layout("BLIP model", DEFAULT)
NUCLEUS_PENALTY = 1.1  # for words said before; BLIP's own code has it for nucleus sampling only


class Options(Group):
    """How BLIP is run."""

    model: str = setting(DEFAULT, "The model: a name on the Hugging Face hub, or a folder that holds its files.")
    search: Literal["beams", "nucleus"] = setting(
        "beams",
        "How words are found. beams follows several sentences and says the likeliest, plain and safe; nucleus draws "
        "among the likely words, more varied and more often wrong.",
    )
    beams: int = setting(3, "How many sentences are followed at once, with beams. 1 is the fastest.", ge=1, le=20)
    top_p: float = setting(
        0.9,
        "With nucleus: words are drawn from the likeliest ones whose probabilities add up to this.",
        gt=0,
        le=1,
        advanced=True,
    )
    seed: int = setting(0, "With nucleus: another number draws other words.", ge=0, advanced=True)
    min_length: int = setting(5, "The shortest sentence allowed.", unit="tokens", ge=0, le=500)
    max_length: int = setting(
        75, "The longest sentence allowed; a base model reads 75 tokens at a time.", unit="tokens", ge=1, le=500
    )
    prompt: str = setting(
        "a picture of",  # the words that BLIP was fine-tuned for captions with
        "Words that the sentence goes on from; they are taken off again. Blank: it begins as it likes.",
        advanced=True,
    )
    batch: int = setting(8, BATCH_HELP, ge=1, advanced=True)
    precision: Precision = setting("auto", PRECISION_HELP, advanced=True)


def load(options: Options | None = None, progress: Progress | None = None) -> Speaker:
    """Load BLIP.

    Raises:
        CaptionerError: the model cannot be found, fetched or loaded.
    """
    options = options or Options()
    place = folder(options.model, LAYOUT, progress)
    model = _torch.load_model("BlipForConditionalGeneration", place, options.precision)

    return Speaker(model, _torch.load_processor(place), options.batch, partial(_say, options=options))


def _say(model: Any, processor: Any, pictures: list[Image.Image], options: Options) -> list[str]:
    prompt = options.prompt.strip()
    inputs = processor(images=pictures, text=[prompt] * len(pictures) if prompt else None, return_tensors="pt")
    inputs = inputs.to(model.device, model.dtype)
    # what comes back begins with the start token and the prompt; the [SEP] at the prompt's end is not given
    given = inputs["input_ids"].shape[1] - 1 if prompt else 1
    tokens = model.generate(**inputs, **_search(options))
    return processor.batch_decode(tokens[:, given:], skip_special_tokens=True)


def _search(options: Options) -> dict[str, Any]:
    bounds = {
        "min_new_tokens": min(options.min_length, options.max_length),
        "max_new_tokens": options.max_length,
        "do_sample": False,
    }
    if options.search == "beams":
        return bounds | {"num_beams": options.beams}
    draw = _torch.nucleus(options.top_p, options.seed)
    return bounds | {"num_beams": 1, "repetition_penalty": NUCLEUS_PENALTY, "logits_processor": draw}
