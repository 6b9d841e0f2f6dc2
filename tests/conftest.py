import os

# One thread each: several torch processes on few cores slow each other down more than they gain.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import pytest

from loranb.demo.scenes import Scene, draw
from loranb.project import Project
from loranb.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory) -> None:
    """Leave alone what loranb remembers in the user's cache; matplotlib's fonts need not be looked for anew."""
    os.environ.setdefault("MPLCONFIGDIR", str(Path("~/.cache/matplotlib").expanduser()))
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


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


def _text_encoder(width: int, projection: int = 0, activation: str = "quick_gelu"):
    """A CLIP text model of three layers, with CLIP's own vocabulary; as wide heads as in real ones."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=3,
        num_attention_heads=max(1, width // 64),
        hidden_act=activation,
        projection_dim=projection or width,
    )
    return CLIPTextModelWithProjection(config) if projection else CLIPTextModel(config)


def _vae(scaling: float):
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        sample_size=64,
        scaling_factor=scaling,
    )


def _unet(text_width: int, heads, **more):
    from diffusers import UNet2DConditionModel

    shape = {
        "block_out_channels": (32, 64),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }
    return UNet2DConditionModel(
        sample_size=8,
        layers_per_block=2,
        attention_head_dim=heads,
        cross_attention_dim=text_width,
        **(shape | more),
    )


BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def _stable_diffusion(folder: Path, text_encoder, pad: str, unet, predicts: str) -> Path:
    from diffusers import DDPMScheduler, StableDiffusionPipeline

    from loranb.families._tokenizer import clip_tokenizer

    StableDiffusionPipeline(
        vae=_vae(0.18215),
        text_encoder=text_encoder,
        tokenizer=clip_tokenizer(pad),
        unet=unet,
        scheduler=DDPMScheduler(**BETAS, clip_sample=False, prediction_type=predicts),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_sd1(tmp_path_factory) -> Path:
    """A diffusers folder of the SD 1.x family with random weights, with CLIP's vocabulary; its kinds of layers all."""
    import torch

    torch.manual_seed(1)
    folder = tmp_path_factory.mktemp("sd1") / "tiny_sd1"
    return _stable_diffusion(folder, _text_encoder(32), "<|endoftext|>", _unet(32, 8), "epsilon")


@pytest.fixture(scope="session")
def tiny_sd2(tmp_path_factory) -> Path:
    """A diffusers folder of the SD 2.x family that predicts v, with random weights."""
    import torch

    torch.manual_seed(2)
    folder = tmp_path_factory.mktemp("sd2") / "tiny_sd2"
    unet = _unet(64, [1, 1], use_linear_projection=True)
    return _stable_diffusion(folder, _text_encoder(64, activation="gelu"), "!", unet, "v_prediction")


@pytest.fixture(scope="session")
def tiny_sdxl(tmp_path_factory) -> Path:
    """A diffusers folder of the SDXL family, with random weights: three blocks, two of them with attention."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    from loranb.families._tokenizer import clip_tokenizer

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("sdxl") / "tiny_sdxl"
    StableDiffusionXLPipeline(
        vae=_vae(0.13025),
        text_encoder=_text_encoder(32),
        text_encoder_2=_text_encoder(64, projection=64, activation="gelu"),
        tokenizer=clip_tokenizer("<|endoftext|>"),
        tokenizer_2=clip_tokenizer("!"),
        unet=_unet(
            32 + 64,
            [1, 1, 1],
            block_out_channels=(32, 32, 64),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=[1, 1, 2],
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=64 + 6 * 256,
        ),
        scheduler=EulerDiscreteScheduler(**BETAS),
        add_watermarker=False,
    ).save_pretrained(folder)
    return folder


def single_file(folder: Path, file: Path, family: str) -> Path:
    """Write a diffusers folder of random weights as a single file under the names of the models' own code, in fp32."""
    import torch
    from safetensors.torch import save_file

    from loranb import families
    from loranb.families import _names
    from loranb.families._geometry import UNET, VAE
    from loranb.families._single_file import CLIP, PREFIXES

    model = families.load(str(folder), torch.float32)
    kinds = ("weight", "bias")
    up = [f"{UNET}output_blocks.{n}.2.conv.{kind}" for n in range(9) for kind in kinds] if family == "sdxl" else []
    placed = [(_names.unet_place(name, UNET, up), tensor) for name, tensor in model.unet.state_dict().items()]
    placed += [(_names.vae_place(name, VAE, 4), tensor) for name, tensor in model.vae.state_dict().items()]
    for prefix, encoder in zip(PREFIXES[family], model.text_encoders.values(), strict=True):
        state = encoder.state_dict()
        if family == "sd2":  # its file has a last layer that nobody reads
            last = {name: torch.randn_like(tensor) for name, tensor in state.items() if ".layers.2." in name}
            state |= {name.replace(".2.", ".3."): tensor for name, tensor in last.items()}
        for name, tensor in state.items():
            names = [f"{prefix}text_model.{name.removeprefix('text_model.')}"]
            clip = prefix.endswith(CLIP)
            place = _names.clip_place(name, prefix, names) if clip else _names.open_clip_place(name, prefix)
            placed.append((place, tensor.T if place.turned else tensor))
    joined: dict[str, list] = {}
    for place, tensor in sorted(placed, key=lambda one: one[0].third or 0):
        joined.setdefault(place.name, []).append(tensor)
    save_file({name: torch.cat(parts).contiguous() for name, parts in joined.items()}, file)
    return file


@pytest.fixture(scope="session")
def tiny_sd1_file(tiny_sd1, tmp_path_factory) -> Path:
    """The same model as `tiny_sd1`, as a .safetensors file."""
    return single_file(tiny_sd1, tmp_path_factory.mktemp("file") / "tiny_sd1.safetensors", "sd1")


@pytest.fixture(scope="session")
def tiny_sd2_file(tiny_sd2, tmp_path_factory) -> Path:
    """The same model as `tiny_sd2`, as a .safetensors file, which does not say that it predicts v."""
    return single_file(tiny_sd2, tmp_path_factory.mktemp("file") / "tiny_sd2.safetensors", "sd2")


@pytest.fixture(scope="session")
def tiny_sdxl_file(tiny_sdxl, tmp_path_factory) -> Path:
    """The same model as `tiny_sdxl`, as a .safetensors file."""
    return single_file(tiny_sdxl, tmp_path_factory.mktemp("file") / "tiny_sdxl.safetensors", "sdxl")


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


@pytest.fixture
def hub():
    """A hub on this machine, without models."""
    from tests.local_hub import Hub

    made = Hub()
    yield made
    made.close()


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
