"""BLIP-2: a sentence about a picture by a frozen vision model and a frozen language model.

Li et al., "BLIP-2: Bootstrapping Language-Image Pre-training with Frozen Image Encoders and Large
Language Models" (arXiv:2301.12597). Needs a GPU: 2.7 billion parameters take about 8 GB in half
precision.
"""

from functools import partial
from typing import Any

from PIL import Image

from loranb.captioners import _torch
from loranb.captioners._hub import folder
from loranb.captioners._torch import BATCH_HELP, PRECISION_HELP, Precision, Speaker
from loranb.dataset.progress import Progress
from loranb.settings.declaration import Group, setting

TITLE, KIND = "BLIP-2 (a sentence)", "sentence"
MODELS = {
    "Salesforce/blip2-opt-2.7b": "the smallest, about 8 GB of GPU memory",
    "Salesforce/blip2-opt-2.7b-coco": "as large, tuned for captions",
    "Salesforce/blip2-flan-t5-xl": "a little larger; follows a question as prompt",
    "Salesforce/blip2-opt-6.7b-coco": "about 16 GB of GPU memory, tuned for captions",
}
DEFAULT = next(iter(MODELS))
LAYOUT = _torch.layout("BLIP-2 model", DEFAULT)


class Options(Group):
    """How BLIP-2 is run."""

    model: str = setting(DEFAULT, "The model: a name on the Hugging Face hub, or a folder that holds its files.")
    prompt: str = setting(
        "",
        "Words that the sentence goes on from, such as: a photo of. Or a question, such as: Question: what is shown? "
        "Answer: - only what comes after is said. Blank: it says what it likes.",
    )
    beams: int = setting(
        5,  # as in the paper's captions
        "How many sentences are followed at once; the likeliest is said. 1 is the fastest.",
        ge=1,
        le=20,
    )
    min_length: int = setting(5, "The shortest sentence allowed.", unit="tokens", ge=0, le=500)
    max_length: int = setting(
        75, "The longest sentence allowed; a base model reads 75 tokens at a time.", unit="tokens", ge=1, le=500
    )
    batch: int = setting(4, BATCH_HELP, ge=1, advanced=True)
    precision: Precision = setting("auto", PRECISION_HELP, advanced=True)


def load(options: Options | None = None, progress: Progress | None = None) -> Speaker:
    """Load BLIP-2.

    Raises:
        CaptionerError: the model cannot be found, fetched or loaded.
    """
    options = options or Options()
    place = folder(options.model, LAYOUT, progress)
    model = _torch.load_model("Blip2ForConditionalGeneration", place, options.precision)
    processor = _torch.load_processor(place)
    # how many tokens a picture becomes; older processors on the hub don't say, and would then leave it out
    processor.num_query_tokens = model.config.num_query_tokens

    return Speaker(model, processor, options.batch, partial(_say, options=options))


def _say(model: Any, processor: Any, pictures: list[Image.Image], options: Options) -> list[str]:
    prompt = options.prompt.strip()
    inputs = processor(images=pictures, text=[prompt] * len(pictures) if prompt else None, return_tensors="pt")
    inputs = inputs.to(model.device, model.dtype)
    tokens = model.generate(
        **inputs,
        do_sample=False,
        num_beams=options.beams,
        min_new_tokens=min(options.min_length, options.max_length),
        max_new_tokens=options.max_length,
    )
    if not model.language_model.config.is_encoder_decoder:  # OPT gives back what it was given, then its answer
        given = inputs["input_ids"].shape[1] if prompt else model.config.num_query_tokens + 1
        tokens = tokens[:, given:]
    return processor.batch_decode(tokens, skip_special_tokens=True)
