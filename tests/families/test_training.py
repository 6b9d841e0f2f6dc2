"""A LoRA trained on each family, from a folder and from a single file, and what it is called in its file."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from loranb import families
from loranb.events import Step, Warned
from loranb.families import View
from loranb.generate.pictures import Generator
from loranb.generate.prompt import SamplePrompt
from loranb.generate.samplers import scheduler
from loranb.lora.file import load_lora
from loranb.training.recipe import train
from loranb.training.run import Run

KINDS = ["sdxl", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("sd1", "sd2"))]


def trained(project, source, **changes):
    settings = project.settings().assign_all(
        {"model.base": str(source), "length.steps": 3, "optimizer.learning_rate": 0.01, **changes}
    )
    run = Run.create(project, settings)
    return run, list(train(run))


def losses(events):
    return [event.loss for event in events if isinstance(event, Step)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_from_a_single_file_is_the_run_from_the_folder_and_diffusers_draws_its_lora_alike(
    kind, request, small_project, tmp_path
):
    folder, file = (request.getfixturevalue(f"tiny_{kind}{end}") for end in ("", "_file"))
    marked = tmp_path / "marked.safetensors"
    save_file(load_file(file), marked, {"modelspec.prediction_type": "v" if kind == "sd2" else "epsilon"})
    run, events = trained(small_project, marked)
    # to rounding: how tensors lie in memory decides which kernels add them up
    assert losses(events) == pytest.approx(losses(trained(small_project, folder)[1]), rel=1e-5)
    assert not [event for event in events if isinstance(event, Warned)]

    tensors, told = load_lora(run.lora_file())
    assert told["modelspec.prediction_type"] == ("v" if kind == "sd2" else "epsilon")
    assert told["ss_v2"] == str(kind == "sd2")
    version = {"sd1": "sd_v1", "sd2": "sd_v2_v", "sdxl": "sdxl_base_v1-0"}[kind]
    assert told["ss_base_model_version"] == version

    asked = SamplePrompt("mokuba, a castle <lora:it:1>", "bad", 64, 64, steps=2, seed=1, sampler="Euler a")
    ours = Generator.open(str(marked), "fp32").draw(asked, {"it": run.lora_file()})
    model = families.load(str(folder), torch.float32)
    pipeline = model.family.pipeline(model)
    pipeline.load_lora_weights(str(run.lora_file()))
    layers = sum(hasattr(module, "lora_A") for part in model.parts() for module in part.modules())
    assert layers == sum(name.endswith(".alpha") for name in tensors)
    pipeline.scheduler = scheduler("Euler a", model.noise_schedule)
    theirs = pipeline(
        "mokuba, a castle",
        negative_prompt="bad",
        width=64,
        height=64,
        num_inference_steps=2,
        guidance_scale=asked.cfg_scale,
        generator=torch.Generator().manual_seed(1),
    ).images[0]
    plain = Generator.open(str(folder), "fp32").draw(SamplePrompt("mokuba, a castle", *list(vars(asked).values())[1:]))
    assert difference(ours, theirs) <= 1
    assert difference(plain, theirs) > 3


def difference(one, other) -> int:
    return max(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True))


@pytest.mark.parametrize(("kind", "said"), [("sdxl", ["model.clip_skip = 2 changes nothing"]), ("sd1", [])])
def test_a_clip_skip_that_is_not_heeded_is_said(kind, said, request, small_project):
    folder = request.getfixturevalue(f"tiny_{kind}")
    _, events = trained(small_project, folder, **{"model.clip_skip": 2, "length.steps": 1})
    assert [event.message[:35] for event in events if isinstance(event, Warned)] == said


@pytest.mark.slow
def test_what_sdxl_is_told_of_the_cut_changes_what_it_learns(small_project, tiny_sdxl):
    changes = {"dataset.buckets": False}  # every picture is cut to a square
    by_cut = losses(trained(small_project, tiny_sdxl, **changes)[1])
    by_kohya = losses(trained(small_project, tiny_sdxl, **changes, **{"model.size_conditioning": "kohya"})[1])
    assert by_cut != by_kohya


def test_sdxls_numbers_reach_the_unet_as_diffusers_gives_them(tiny_sdxl):
    model = families.load(str(tiny_sdxl), torch.float32)
    encoded = model.family.encode(model, ["a castle"], 1)
    placement = model.family.placement([View((1536, 1024), (16, 0), (1216, 832))])
    noisy, t = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([500])
    pipeline = model.family.pipeline(model)
    ids = pipeline._get_add_time_ids((1024, 1536), (0, 16), (832, 1216), torch.float32, 64)
    theirs = model.unet(
        noisy,
        t,
        encoder_hidden_states=encoded["hidden"],
        added_cond_kwargs={"text_embeds": encoded["pooled"], "time_ids": ids},
    ).sample
    assert torch.equal(model.family.denoise(model.unet, noisy, t, encoded | placement), theirs)


# From the table of names that kohya's trainer and the web UIs share
SGM = {
    "down_blocks.0.resnets.1.conv1": "input_blocks_2_0_in_layers_2",
    "down_blocks.0.downsamplers.0.conv": "input_blocks_3_0_op",
    "down_blocks.1.resnets.0.time_emb_proj": "input_blocks_4_0_emb_layers_1",
    "down_blocks.1.attentions.0.proj_in": "input_blocks_4_1_proj_in",
    "down_blocks.1.attentions.1.proj_out": "input_blocks_5_1_proj_out",
    "down_blocks.2.attentions.0.transformer_blocks.9.attn1.to_q": "input_blocks_7_1_transformer_blocks_9_attn1_to_q",
    "down_blocks.2.attentions.1.transformer_blocks.0.ff.net.2": "input_blocks_8_1_transformer_blocks_0_ff_net_2",
    "down_blocks.2.resnets.0.conv_shortcut": "input_blocks_7_0_skip_connection",
    "mid_block.resnets.0.conv2": "middle_block_0_out_layers_3",
    "mid_block.attentions.0.transformer_blocks.3.attn2.to_out.0": "middle_block_1_transformer_blocks_3_attn2_to_out_0",
    "mid_block.resnets.1.conv1": "middle_block_2_in_layers_2",
    "up_blocks.0.attentions.2.proj_in": "output_blocks_2_1_proj_in",
    "up_blocks.0.upsamplers.0.conv": "output_blocks_2_2_conv",
    "up_blocks.1.attentions.0.proj_in": "output_blocks_3_1_proj_in",
    "up_blocks.1.upsamplers.0.conv": "output_blocks_5_2_conv",
    "up_blocks.2.resnets.2.conv_shortcut": "output_blocks_8_0_skip_connection",
}


@pytest.mark.parametrize(("path", "name"), SGM.items())
def test_sdxls_layers_are_called_as_its_own_code_calls_them(path, name):
    assert families.family("sdxl").unet_key(path) == f"lora_unet_{name}"


def test_a_full_size_sdxl_has_its_loras_where_kohyas_trainer_puts_them():
    from collections import Counter

    from diffusers import UNet2DConditionModel

    from loranb.families._geometry import config
    from loranb.lora.targets import unet_targets

    blocks = {
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    }
    told = config("sdxl")["unet"] | blocks | {"transformer_layers_per_block": [1, 2, 10]}
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(told)
    keys = [families.family("sdxl").unet_key(path) for path in unet_targets(unet)]
    places = Counter(key.removeprefix("lora_unet_").partition("_transformer")[0].partition("_proj")[0] for key in keys)
    two, ten = 2 * 10 + 2, 10 * 10 + 2  # ten layers of each transformer block, and the projections in and out
    assert places == {
        **dict.fromkeys(["input_blocks_4_1", "input_blocks_5_1"], two),
        **dict.fromkeys(["input_blocks_7_1", "input_blocks_8_1", "middle_block_1"], ten),
        **dict.fromkeys([f"output_blocks_{n}_1" for n in (0, 1, 2)], ten),
        **dict.fromkeys([f"output_blocks_{n}_1" for n in (3, 4, 5)], two),
    }
    assert len(set(keys)) == len(keys) == 722
