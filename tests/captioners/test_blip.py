"""BLIP: real classes, tiny random weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from loranb.captioners import blip
from loranb.captioners.blip import Options
from loranb.errors import CaptionerError

from .conftest import CLIP_MEAN, CLIP_STD, picture, prepared

torch = pytest.importorskip("torch")

PICTURES = [picture(1), picture(2, (30, 80)), picture(3)]


def said(folder: Path, pictures: list[Image.Image] = PICTURES, **options: Any) -> list[str]:
    captioner = blip.load(Options(model=str(folder), **options))
    return [words.tags[0] for words in captioner.look(pictures)]


def directly(folder: Path, shown: Image.Image, prompt: str | None, **generation: Any) -> str:
    """Ask transformers itself."""
    from transformers import BlipForConditionalGeneration, BlipProcessor

    model, processor = BlipForConditionalGeneration.from_pretrained(folder), BlipProcessor.from_pretrained(folder)
    tokens = model.generate(**processor(images=shown, text=prompt, return_tensors="pt"), **generation)
    return processor.decode(tokens[0], skip_special_tokens=True)


def test_a_picture_is_384_pixels_bicubic_with_the_mean_and_deviation_of_clip(tiny_blip: Path) -> None:
    captioner = blip.load(Options(model=str(tiny_blip)))
    seen = captioner.processor(images=[PICTURES[1]], return_tensors="pt")["pixel_values"][0]
    wanted = prepared(PICTURES[1], 384, CLIP_MEAN, CLIP_STD)
    assert np.abs(seen.permute(1, 2, 0).numpy() - wanted).max() < 1e-5


@pytest.mark.parametrize("beams", [1, 3])
def test_it_says_what_transformers_says_without_the_prompt(tiny_blip: Path, beams: int) -> None:
    limits = {"num_beams": beams, "min_new_tokens": 5, "max_new_tokens": 12}
    for prompt in ("a picture of", ""):
        wanted = [directly(tiny_blip, shown, prompt or None, **limits) for shown in PICTURES]
        assert all(text.startswith(prompt) for text in wanted)
        assert said(tiny_blip, beams=beams, max_length=12, prompt=prompt) == [
            text.removeprefix(prompt).strip() for text in wanted
        ]


def test_pictures_differ_in_what_is_said(tiny_blip: Path) -> None:
    assert len(set(said(tiny_blip, max_length=12))) > 1


@pytest.mark.parametrize("search", ["beams", "nucleus"])
def test_what_is_said_does_not_depend_on_the_company(tiny_blip: Path, search: str) -> None:
    alone = [said(tiny_blip, [shown], search=search, max_length=12)[0] for shown in PICTURES]
    assert said(tiny_blip, search=search, max_length=12, batch=2) == alone
    assert said(tiny_blip, PICTURES[::-1], search=search, max_length=12) == alone[::-1]


def test_a_seed_draws_the_same_words_again_and_another_draws_others(tiny_blip: Path) -> None:
    drawn = [said(tiny_blip, search="nucleus", top_p=1, seed=seed, max_length=12) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_nucleus_of_one_token_is_the_greedy_search_with_blips_penalty(tiny_blip: Path) -> None:
    limits = {"num_beams": 1, "min_new_tokens": 5, "max_new_tokens": 12, "repetition_penalty": 1.1}
    wanted = [directly(tiny_blip, shown, "a picture of", **limits) for shown in PICTURES]
    assert [f"a picture of {text}" for text in said(tiny_blip, search="nucleus", top_p=1e-6, max_length=12)] == wanted


def test_words_are_drawn_as_often_as_they_are_likely() -> None:
    from loranb.captioners._torch import nucleus

    likely = torch.tensor([0.5, 0.3, 0.15, 0.05])
    counts = torch.zeros(4)
    for seed in range(4000):
        scores = likely.log()[None]
        for step in nucleus(0.9, seed):
            scores = step(torch.zeros(1, 1, dtype=torch.long), scores)
        counts[scores.argmax()] += 1
    wanted = torch.tensor([0.5, 0.3, 0.15, 0.0]) / 0.95  # the smallest set that adds up to 0.9
    assert (counts / 4000).tolist() == pytest.approx(wanted.tolist(), abs=0.03)


@pytest.mark.parametrize("search", ["beams", "nucleus"])
def test_a_sentence_is_as_long_as_is_allowed(tiny_blip: Path, search: str) -> None:
    for length in (1, 4, 9):
        for text in said(tiny_blip, search=search, min_length=length, max_length=length):
            assert len(text.split()) <= length


def test_a_minimum_above_the_maximum_gives_way(tiny_blip: Path) -> None:
    assert all(len(text.split()) <= 3 for text in said(tiny_blip, min_length=20, max_length=3))


def test_half_precision_says_sentences(tiny_blip: Path) -> None:
    captioner = blip.load(Options(model=str(tiny_blip), precision="bf16", max_length=5))
    assert captioner.model.dtype == torch.bfloat16
    assert len(captioner.look(PICTURES)) == len(PICTURES)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "RGBA", "I;16"])
def test_any_kind_of_picture_can_be_looked_at(tiny_blip: Path, mode: str) -> None:
    shown = Image.new("I;16", (20, 10)) if mode == "I;16" else picture(1).convert(mode)
    assert said(tiny_blip, [shown], max_length=3)[0] is not None


def test_what_is_transparent_becomes_white(tiny_blip: Path) -> None:
    clear, white = Image.new("RGBA", (20, 20), (255, 0, 0, 0)), Image.new("RGB", (20, 20), "white")
    assert said(tiny_blip, [clear], max_length=12) == said(tiny_blip, [white], max_length=12)


def test_no_pictures_give_no_sentences(tiny_blip: Path) -> None:
    assert said(tiny_blip, []) == []


def test_a_closed_captioner_holds_no_weights(tiny_blip: Path) -> None:
    import gc
    import weakref

    captioner = blip.load(Options(model=str(tiny_blip)))
    weight = weakref.ref(captioner.model)
    captioner.close()
    gc.collect()
    assert weight() is None
    with pytest.raises(CaptionerError, match="closed"):
        captioner.look(PICTURES)


def test_half_precision_that_needs_a_gpu_is_refused_without_one(tiny_blip: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(CaptionerError, match=r"precision = 'fp16' needs a GPU.*bf16"):
        blip.load(Options(model=str(tiny_blip), precision="fp16"))
