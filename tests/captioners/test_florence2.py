"""Florence-2: real classes, tiny random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loranb.captioners import florence2
from loranb.captioners.florence2 import Options

from .conftest import IMAGENET_MEAN, IMAGENET_STD, picture, prepared

torch = pytest.importorskip("torch")

PICTURES = [picture(1), picture(2, (30, 80)), picture(3)]
# the questions that Florence-2 was trained with, by task; as in the code published with it
QUESTIONS = {
    "short": ("<CAPTION>", "What does the image describe?"),
    "detailed": ("<DETAILED_CAPTION>", "Describe in detail what is shown in the image."),
    "more detailed": ("<MORE_DETAILED_CAPTION>", "Describe with a paragraph what is shown in the image."),
}


def said(folder: Path, pictures: list[Image.Image] = PICTURES, **options: Any) -> list[str]:
    captioner = florence2.load(Options(model=str(folder), max_length=8, **options))
    return [words.tags[0] for words in captioner.look(pictures)]


def directly(folder: Path, shown: Image.Image, task: str, beams: int) -> str:
    """Ask transformers itself, as its documentation does."""
    from transformers import AutoProcessor, Florence2ForConditionalGeneration

    model, processor = Florence2ForConditionalGeneration.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    tokens = model.generate(
        **processor(images=shown, text=task, return_tensors="pt"), num_beams=beams, max_new_tokens=8
    )
    return processor.batch_decode(tokens, skip_special_tokens=True)[0].strip()


def test_a_picture_is_768_pixels_bicubic_with_the_mean_and_deviation_of_imagenet(tiny_florence2: Path) -> None:
    captioner = florence2.load(Options(model=str(tiny_florence2)))
    seen = captioner.processor(images=[PICTURES[1]], text=["<CAPTION>"], return_tensors="pt")["pixel_values"][0]
    wanted = prepared(PICTURES[1], 768, IMAGENET_MEAN, IMAGENET_STD)
    assert np.abs(seen.permute(1, 2, 0).numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("detail", list(QUESTIONS))
def test_each_task_is_asked_for_by_its_question(tiny_florence2: Path, detail: str) -> None:
    captioner = florence2.load(Options(model=str(tiny_florence2), detail=detail, max_length=2))
    asked = []
    generate = captioner.model.generate
    captioner.model.generate = lambda **inputs: (asked.append(inputs["input_ids"]), generate(**inputs))[1]
    captioner.look(PICTURES[:1])
    assert captioner.processor.decode(asked[0][0], skip_special_tokens=True) == QUESTIONS[detail][1]
    assert (asked[0] == captioner.processor.image_token_id).sum() == 577  # 24 by 24 patches and their mean


@pytest.mark.parametrize(("detail", "beams"), [("short", 1), ("detailed", 3), ("more detailed", 3)])
def test_it_says_what_transformers_says(tiny_florence2: Path, detail: str, beams: int) -> None:
    wanted = [directly(tiny_florence2, shown, QUESTIONS[detail][0], beams) for shown in PICTURES[:2]]
    assert said(tiny_florence2, PICTURES[:2], detail=detail, beams=beams) == wanted
    assert wanted[0] != wanted[1]  # the pictures are seen


def test_what_is_said_does_not_depend_on_the_company(tiny_florence2: Path) -> None:
    alone = [said(tiny_florence2, [shown])[0] for shown in PICTURES]
    assert said(tiny_florence2, batch=2) == alone


def test_half_precision_says_sentences(tiny_florence2: Path) -> None:
    captioner = florence2.load(Options(model=str(tiny_florence2), precision="bf16", max_length=4))
    assert captioner.model.dtype == torch.bfloat16
    assert len(captioner.look(PICTURES)) == len(PICTURES)
