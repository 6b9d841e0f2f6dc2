"""Vision-language models: real Idefics3 and Llava classes, tiny random weights."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from loranb.captioners import vlm
from loranb.captioners.vlm import Options
from loranb.errors import CaptionerError

from .conftest import picture

torch = pytest.importorskip("torch")

PICTURES = [picture(1), picture(2, (30, 80)), picture(3)]
ASK = "Describe in detail what is shown"
Make = Callable[[str], Path]


def reads_without_torchvision(processor: str) -> bool:
    """Whether this transformers offers a Pillow image processor here; 5.15 wants torchvision for that of Idefics3."""
    import transformers

    return not getattr(getattr(transformers, processor), "is_dummy", False)


old = pytest.mark.skipif(not reads_without_torchvision("Idefics3ImageProcessorPil"), reason="needs torchvision")
both = pytest.mark.parametrize("kind", [pytest.param("idefics3", marks=old), "llava"])


def said(folder: Path, pictures: list[Image.Image] = PICTURES, **options: Any) -> list[str]:
    captioner = vlm.load(Options(model=str(folder), max_length=8, **{"instruction": ASK} | options))
    return [words.tags[0] for words in captioner.look(pictures)]


def directly(folder: Path, shown: Image.Image) -> str:
    """Ask transformers itself, as its documentation does."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model, processor = AutoModelForImageTextToText.from_pretrained(folder), AutoProcessor.from_pretrained(folder)
    content = [{"type": "image", "image": shown}, {"type": "text", "text": ASK}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    tokens = model.generate(**inputs, do_sample=False, max_new_tokens=8)
    return processor.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip()


@both
def test_it_answers_what_transformers_answers(tiny_vlm: Make, kind: str) -> None:
    wanted = [directly(tiny_vlm(kind), shown) for shown in PICTURES]
    assert said(tiny_vlm(kind)) == wanted
    assert len(set(wanted)) > 1  # the pictures are seen


@both
def test_the_model_is_asked_ones_own_instruction(tiny_vlm: Make, kind: str) -> None:
    captioner = vlm.load(Options(model=str(tiny_vlm(kind)), instruction="what is in the image.", max_length=2))
    asked = []
    generate = captioner.model.generate
    captioner.model.generate = lambda **inputs: (asked.append(inputs["input_ids"]), generate(**inputs))[1]
    captioner.look(PICTURES[:1])
    words = captioner.processor.decode(asked[0][0], skip_special_tokens=True)
    assert words.split() == ["User:", "what", "is", "in", "the", "image.", "Assistant:"]


@both
def test_what_is_said_does_not_depend_on_the_company(tiny_vlm: Make, kind: str) -> None:
    alone = [said(tiny_vlm(kind), [shown])[0] for shown in PICTURES]
    assert said(tiny_vlm(kind), batch=3) == alone


@both
def test_half_precision_says_sentences(tiny_vlm: Make, kind: str) -> None:
    captioner = vlm.load(Options(model=str(tiny_vlm(kind)), precision="bf16", max_length=3))
    assert captioner.model.dtype == torch.bfloat16
    assert len(captioner.look(PICTURES)) == len(PICTURES)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [('"A cat."', "A cat."), ("“A cat.”", "A cat."), ('A "cat".', 'A "cat".'), ('"', '"'), ("", "")],
)
def test_quotation_marks_around_an_answer_are_taken_off(answer: str, wanted: str) -> None:
    assert vlm._without_quotes(answer) == wanted


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "copy"))


def test_a_model_without_a_chat_template_is_refused(tiny_vlm: Make, tmp_path: Path) -> None:
    folder = copied(tiny_vlm("llava"), tmp_path)
    (folder / "chat_template.json").unlink()
    with pytest.raises(CaptionerError, match="no chat template.*instruct"):
        vlm.load(Options(model=str(folder)))


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is not None, reason="torchvision is there")
def test_a_processor_that_needs_torchvision_says_so_and_is_not_offered_without(tiny_vlm: Make, tmp_path: Path) -> None:
    assert not any("Qwen" in model for model in vlm.MODELS)
    folder = copied(tiny_vlm("llava"), tmp_path)
    config = json.loads((folder / "preprocessor_config.json").read_text())
    config |= {"image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "Qwen2_5_VLProcessor"}))
    with pytest.raises(CaptionerError, match="torchvision"):
        vlm.load(Options(model=str(folder)))
