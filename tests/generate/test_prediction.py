"""What a LoRA's training said of its base model's prediction and noise is known when it is drawn."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from loranb.generate.pictures import Generator
from loranb.generate.prompt import SamplePrompt
from loranb.settings import ModelSettings, ObjectiveSettings

ASKED = SamplePrompt("a red house", width=64, height=64, steps=3, seed=3, sampler="Euler")


def picture(generator, **loras):
    mentions = "".join(f" <lora:{name}:1>" for name in loras)
    return generator.draw(SamplePrompt(ASKED.prompt + mentions, *list(vars(ASKED).values())[1:]), loras).tobytes()


@pytest.fixture
def trained(tiny_base, make_lora):
    """A LoRA, with metadata to be given."""

    def make(name, metadata):
        file = make_lora(name)
        save_file(load_file(file), file, metadata)
        return file

    return make


def test_the_settings_overrule_what_the_files_say(tiny_base):
    model = ModelSettings(base=str(tiny_base))
    plain = Generator.open(str(tiny_base), "fp32")
    overruled = Generator.of(model, ObjectiveSettings(predicts="v_prediction"), "fp32")
    assert overruled.model.predicts == "v_prediction"
    assert picture(plain) != picture(overruled)
    assert picture(plain) == picture(Generator.of(model, ObjectiveSettings(), "fp32"))


@pytest.mark.parametrize(
    ("metadata", "objective"),
    [
        ({"modelspec.prediction_type": "v"}, ObjectiveSettings(predicts="v_prediction")),
        (
            {"modelspec.prediction_type": "v", "ss_zero_terminal_snr": "True"},
            ObjectiveSettings(predicts="v_prediction", zero_terminal_snr=True),
        ),
        (
            {"loranb_settings": json.dumps({"objective": {"predicts": "v_prediction"}})},
            ObjectiveSettings(predicts="v_prediction"),
        ),
        ({"modelspec.prediction_type": "epsilon"}, ObjectiveSettings()),
        ({}, ObjectiveSettings()),
    ],
)
def test_a_lora_is_drawn_with_the_prediction_that_it_was_trained_with(tiny_base, trained, metadata, objective):
    file = trained("town", metadata)
    by_the_file = Generator.open(str(tiny_base), "fp32")
    before = by_the_file.model.noise_schedule
    by_the_settings = Generator.of(ModelSettings(base=str(tiny_base)), objective, "fp32")
    plain = trained("bare", {})
    assert picture(by_the_file, town=file) == picture(by_the_settings, town=plain)
    assert by_the_file.model.noise_schedule is before


def test_a_vae_that_overflows_is_put_into_fp32_once_and_that_is_noted(tiny_base):
    # values beyond 65,504 on the way, which the norms behind bring back: what SDXL's VAE does
    generator = Generator.open(str(tiny_base), "fp32")
    vae = generator.model.vae
    with torch.no_grad():
        vae.decoder.conv_in.weight.mul_(1e5)
    expected = picture(generator)
    vae.to(torch.float16)
    first, second = picture(generator), picture(generator)
    assert vae.dtype == torch.float32
    assert first == second
    assert len(generator.notices) == 1
    assert "gives no picture in fp16; it is used in fp32 from now on" in generator.notices[0]
    difference = [abs(a - b) for a, b in zip(first, expected, strict=True)]
    assert max(difference) <= 3  # the weights went through fp16
