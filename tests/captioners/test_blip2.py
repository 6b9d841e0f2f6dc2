"""BLIP-2: real classes over an OPT and a T5 of tiny random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loranb.captioners import blip2
from loranb.captioners.blip2 import Options

from .conftest import CLIP_MEAN, CLIP_STD, picture, prepared

torch = pytest.importorskip("torch")

PICTURES = [picture(1), picture(2, (30, 80)), picture(3)]
Make = Callable[[str], Path]


def said(folder: Path, pictures: list[Image.Image] = PICTURES, **options: Any) -> list[str]:
    captioner = blip2.load(Options(model=str(folder), max_length=8, **options))
    return [words.tags[0] for words in captioner.look(pictures)]


def directly(folder: Path, shown: Image.Image, prompt: str | None, beams: int) -> str:
    """Ask transformers itself, as its documentation does."""
    from transformers import Blip2ForConditionalGeneration, Blip2Processor

    model, processor = Blip2ForConditionalGeneration.from_pretrained(folder), Blip2Processor.from_pretrained(folder)
    inputs = processor(images=shown, text=prompt, return_tensors="pt")
    tokens = model.generate(**inputs, num_beams=beams, min_new_tokens=5, max_new_tokens=8)
    return processor.decode(tokens[0], skip_special_tokens=True).strip()


def test_a_picture_is_224_pixels_bicubic_with_the_mean_and_deviation_of_clip(tiny_blip2: Make) -> None:
    captioner = blip2.load(Options(model=str(tiny_blip2("opt"))))
    seen = captioner.processor(images=[PICTURES[1]], return_tensors="pt")["pixel_values"][0]
    wanted = prepared(PICTURES[1], 224, CLIP_MEAN, CLIP_STD)
    assert np.abs(seen.permute(1, 2, 0).numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("language", ["opt", "t5"])
@pytest.mark.parametrize("prompt", ["", "a photo of"])
@pytest.mark.parametrize("beams", [1, 5])
def test_it_says_what_transformers_says_after_the_prompt(
    tiny_blip2: Make, language: str, prompt: str, beams: int
) -> None:
    folder = tiny_blip2(language)
    wanted = [directly(folder, shown, prompt or None, beams) for shown in PICTURES]
    assert said(folder, beams=beams, prompt=prompt) == [text.removeprefix(prompt).strip() for text in wanted]
    assert len(set(wanted)) > 1  # the picture is seen


@pytest.mark.parametrize("language", ["opt", "t5"])
@pytest.mark.parametrize("prompt", ["", "a photo of"])
def test_what_is_said_does_not_depend_on_the_company(tiny_blip2: Make, language: str, prompt: str) -> None:
    folder = tiny_blip2(language)
    alone = [said(folder, [shown], prompt=prompt)[0] for shown in PICTURES]
    assert said(folder, batch=2, prompt=prompt) == alone


def test_a_processor_that_does_not_count_the_tokens_of_a_picture_is_told(tiny_blip2: Make, tmp_path: Path) -> None:
    for file in tiny_blip2("opt").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "processor_config.json").unlink()
    assert said(tmp_path, prompt="a photo of") == said(tiny_blip2("opt"), prompt="a photo of")


def test_half_precision_says_sentences(tiny_blip2: Make) -> None:
    captioner = blip2.load(Options(model=str(tiny_blip2("opt")), precision="bf16", max_length=5))
    assert captioner.model.dtype == torch.bfloat16
    assert len(captioner.look(PICTURES)) == len(PICTURES)
