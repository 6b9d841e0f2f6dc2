import os

# One thread each: several torch processes on few cores slow each other down more than they gain.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest

from loranb.demo.scenes import Scene, draw
from loranb.project import Project
from loranb.settings import Settings


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory) -> Path:
    """A real Stable Diffusion 1.x pipeline, very small, with random weights, as a diffusers folder."""
    import torch
    from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from loranb.demo.tokenizer import build_tokenizer

    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=2,
        cross_attention_dim=32,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=4,
        sample_size=64,
    )
    scheduler = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
    )
    folder = tmp_path_factory.mktemp("base") / "tiny"
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_settings(tiny_base) -> Settings:
    """Settings with which the tiny base model trains in a second or two."""
    return Settings.preset("demo").assign_all(
        {
            "model.base": str(tiny_base),
            "dataset.resolution": 64,
            "dataset.bucket_step": 16,
            "dataset.bucket_min": 32,
            "lora.rank": 4,
            "length.epochs": 2,
            "length.batch_size": 2,
            "samples.every_epochs": 0,
        }
    )


def draw_subjects(project: Project) -> None:
    """Put three castles and two windmills into a project, of two shapes, captions beside them."""
    for folder, count, word in (("2_red castle", 3, "castle"), ("1_windmill", 2, "windmill")):
        place = project.img / folder
        place.mkdir()
        for i in range(count):
            size = (96, 64) if i % 2 else (80, 80)
            draw(Scene(word, "red", "grass", "day"), i, size).save(place / f"{word}_{i}.png")
            (place / f"{word}_{i}.txt").write_text(f"mokuba, {word}, number {i}\n")


@pytest.fixture
def drawn_project(tmp_path) -> Project:
    """The pictures of `draw_subjects`; no base model is needed."""
    settings = Settings.preset("demo").assign_all({"dataset.resolution": 64, "dataset.bucket_step": 16})
    project = Project.create(tmp_path / "drawn", settings)
    draw_subjects(project)
    return project


@pytest.fixture
def small_project(tmp_path, tiny_settings) -> Project:
    """Two subjects with three and two pictures, of two shapes, captions beside them."""
    project = Project.create(tmp_path / "small", tiny_settings)
    draw_subjects(project)
    return project
