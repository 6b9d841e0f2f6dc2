"""Vision-language models: whatever one asks of them about a picture.

Any model that transformers knows for ``image-text-to-text`` and that has a chat template. Processors
that need torchvision, such as Qwen-VL's, are offered only where it is installed.
"""

import importlib.util
from functools import partial
from typing import Any

from PIL import Image

from loranb.captioners import _torch
from loranb.captioners._hub import folder
from loranb.captioners._torch import BATCH_HELP, PRECISION_HELP, Precision, Speaker
from loranb.dataset.progress import Progress
from loranb.errors import CaptionerError
from loranb.settings.declaration import Group, setting

TITLE, KIND = "Vision-language model (what you ask for)", "sentence"
MODELS = {
    "HuggingFaceTB/SmolVLM-Instruct": "2 billion parameters, about 5 GB of GPU memory",
    "llava-hf/llava-1.5-7b-hf": "7 billion parameters, about 15 GB of GPU memory",
    "HuggingFaceM4/Idefics3-8B-Llama3": "8 billion parameters, about 18 GB of GPU memory",
    "fancyfeast/llama-joycaption-beta-one-hf-llava": "8 billion parameters, made for captions to train on",
}
if importlib.util.find_spec("torchvision"):
    MODELS["Qwen/Qwen2.5-VL-3B-Instruct"] = "3 billion parameters, about 8 GB of GPU memory; needs torchvision"
DEFAULT = next(iter(MODELS))
LAYOUT = _torch.layout("vision-language model", DEFAULT)
QUOTES = {('"', '"'), ("'", "'"), ("\u201c", "\u201d"), ("\u2018", "\u2019")}


class Options(Group):
    """How a vision-language model is run."""

    model: str = setting(DEFAULT, "The model: a name on the Hugging Face hub, or a folder that holds its files.")
    instruction: str = setting(
        "Describe this picture in one plain sentence: what it shows, its surroundings, and how it was taken. "
        "Do not begin with: The image.",
        "What is asked about each picture. Ask for tags separated by commas, for one sentence, for the clothes only; "
        "name the subject if the model should call it by a word.",
    )
    max_length: int = setting(128, "The longest answer allowed; a longer one breaks off.", unit="tokens", ge=1, le=2048)
    beams: int = setting(1, "How many answers are followed at once; the likeliest is said.", ge=1, le=20, advanced=True)
    batch: int = setting(1, BATCH_HELP, ge=1, advanced=True)
    precision: Precision = setting("auto", PRECISION_HELP, advanced=True)


def load(options: Options | None = None, progress: Progress | None = None) -> Speaker:
    """Load a vision-language model.

    Raises:
        CaptionerError: the model cannot be found, fetched or loaded, needs torchvision where there is none, or has
            no chat template.
    """
    options = options or Options()
    place = folder(options.model, LAYOUT, progress)
    processor = _torch.load_processor(place)
    if not getattr(processor, "chat_template", None):
        raise CaptionerError(
            f"The model in {place} has no chat template, so it cannot be asked; take an instruct version, "
            f"such as {DEFAULT}."
        )
    processor.tokenizer.padding_side = "left"  # answers of a batch begin at the same place
    model = _torch.load_model("AutoModelForImageTextToText", place, options.precision)

    return Speaker(model, processor, options.batch, partial(_say, options=options))


def _say(model: Any, processor: Any, pictures: list[Image.Image], options: Options) -> list[str]:
    asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": options.instruction}]}
    text = processor.apply_chat_template([asked], add_generation_prompt=True, tokenize=False)
    inputs = processor(
        images=[[picture] for picture in pictures], text=[text] * len(pictures), padding=True, return_tensors="pt"
    )
    inputs = inputs.to(model.device, model.dtype)
    tokens = model.generate(**inputs, do_sample=False, num_beams=options.beams, max_new_tokens=options.max_length)
    answers = processor.batch_decode(tokens[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return [_without_quotes(answer.strip()) for answer in answers]


def _without_quotes(answer: str) -> str:
    """Take off the quotation marks that some models put around all they say."""
    return answer[1:-1].strip() if len(answer) > 1 and (answer[0], answer[-1]) in QUOTES else answer
