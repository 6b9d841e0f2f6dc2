"""Base models of each family from diffusers folders: recognised, encoded, conditioned and drawn as elsewhere."""

import json
import shutil

import pytest
import torch

from loranb import families
from loranb.errors import ModelError
from loranb.families import View

KINDS = {"sd1": "tiny_sd1", "sd2": "tiny_sd2", "sdxl": "tiny_sdxl"}


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def folder(kind, request):
    return request.getfixturevalue(KINDS[kind])


def test_a_folder_says_its_family_and_what_it_predicts(kind, folder):
    model = families.load(str(folder), torch.float32)
    assert model.family is families.family(kind)
    assert model.predicts == ("v_prediction" if kind == "sd2" else "epsilon")
    assert not any(p.requires_grad for part in model.parts() for p in part.parameters())


def test_the_family_may_be_overruled_where_the_parts_are_the_same(tiny_sd2, tiny_sd1):
    assert families.load(str(tiny_sd2), torch.float32, "sd1").family is families.family("sd1")
    with pytest.raises(ModelError, match=r"model\.family = 'sdxl', but .*tiny_sd1 is of the family sd1"):
        families.load(str(tiny_sd1), torch.float32, "sdxl")


def test_parts_of_different_models_are_told(tiny_sd1, tiny_sd2, tmp_path):
    shutil.copytree(tiny_sd1, tmp_path / "mixed")
    shutil.rmtree(tmp_path / "mixed/unet")
    shutil.copytree(tiny_sd2 / "unet", tmp_path / "mixed/unet")
    with pytest.raises(ModelError, match="expects texts of width 64, and its text encoder makes 32"):
        families.load(str(tmp_path / "mixed"), torch.float32)


@pytest.mark.parametrize(
    ("file", "changed", "said"),
    [
        ("model_index.json", {"_class_name": "FluxPipeline"}, "is a FluxPipeline; loranb trains Stable Diffusion"),
        ("unet/config.json", {"in_channels": 9}, "inpainting model.*reads 9 channels"),
    ],
)
def test_a_folder_of_another_kind_of_model_is_told(tiny_sd1, tmp_path, file, changed, said):
    shutil.copytree(tiny_sd1, tmp_path / "other")
    path = tmp_path / "other" / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(ModelError, match=said):
        families.load(str(tmp_path / "other"), torch.float32)


def test_prompts_are_encoded_as_diffusers_pipelines_encode_them(kind, folder):
    model = families.load(str(folder), torch.float32)
    texts = ["a red house", "mokuba, a castle on grass, " * 20]  # the second is cut
    encoded = model.family.encode(model, texts, 1)
    pipeline = model.family.pipeline(model)
    theirs = pipeline.encode_prompt(texts, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)
    assert torch.equal(encoded["hidden"], theirs[0])
    if kind == "sdxl":
        assert torch.equal(encoded["pooled"], theirs[2])


def test_sdxl_is_told_height_before_width():
    rows = families.family("sdxl").placement([View((1536, 1024), (16, 3), (1216, 832)), View((8, 9), (0, 0), (8, 8))])
    assert rows["time_ids"].tolist() == [[1024, 1536, 3, 16, 832, 1216], [9, 8, 0, 0, 8, 8]]


def test_sdxl_draws_what_diffusers_own_pipeline_draws(tiny_sdxl):
    from diffusers import StableDiffusionXLPipeline

    from loranb.generate.pictures import draw_with
    from loranb.generate.prompt import SamplePrompt
    from loranb.generate.samplers import scheduler

    asked = SamplePrompt("a red house", "blurry", width=64, height=96, steps=2, seed=3, sampler="Euler a")
    ours = draw_with(families.load(str(tiny_sdxl), torch.float32), asked)
    theirs = StableDiffusionXLPipeline.from_pretrained(tiny_sdxl, add_watermarker=False)
    theirs.scheduler = scheduler("Euler a", theirs.scheduler)
    drawn = theirs(
        asked.prompt,
        negative_prompt=asked.negative,
        width=64,
        height=96,
        num_inference_steps=2,
        guidance_scale=asked.cfg_scale,
        generator=torch.Generator().manual_seed(3),
    ).images[0]
    assert ours.tobytes() == drawn.tobytes()
