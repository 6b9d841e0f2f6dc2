"""The laws of drawing with a tiny real model."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig
from PIL import Image
from torch import nn

from loranb import families
from loranb.errors import GenerationError, LoraFileError, ModelError
from loranb.generate import loras, samplers
from loranb.generate.pictures import Generator, draw_with, png_info, save_picture
from loranb.generate.prompt import SamplePrompt
from loranb.lora.adapter import attach
from loranb.lora.reading import read_deltas
from loranb.settings import LoraSettings


def same(one: Image.Image, other: Image.Image) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))


@pytest.fixture
def spoilt_vae(generator: Generator) -> Iterator[list[torch.dtype]]:
    """A VAE that gives NaN in half precision, and a list of the dtypes it was asked to decode in."""
    vae, decode, asked = generator.model.vae, generator.model.vae.decode, []

    def spoilt(latents: torch.Tensor):  # noqa: ANN202
        asked.append(latents.dtype)
        decoded = decode(latents)
        decoded.sample = decoded.sample if latents.dtype == torch.float32 else decoded.sample * torch.nan
        return decoded

    vae.to(torch.bfloat16).decode = spoilt
    yield asked
    del vae.decode
    vae.to(torch.float32)


def test_loading_a_model_to_draw_with_says_nothing(tiny_base, caplog):
    told = logging.getLogger("diffusers")
    told.addHandler(caplog.handler)
    try:
        Generator.open(str(tiny_base), "bf16")
    finally:
        told.removeHandler(caplog.handler)
    assert caplog.messages == []


def test_the_same_request_draws_the_same_picture(generator: Generator, request_: SamplePrompt):
    one = generator.draw(request_)
    assert one.size == (64, 64)
    assert same(one, generator.draw(request_))
    assert not same(one, generator.draw(replace(request_, seed=4)))
    assert not same(one, generator.draw(replace(request_, negative="blurry")))


def test_a_picture_has_the_size_that_was_asked_for(generator: Generator, request_: SamplePrompt):
    assert generator.draw(replace(request_, width=72, height=64)).size == (72, 64)


@pytest.mark.parametrize(
    ("prompt", "plain"),
    [("a (red:1.0) house", "a red house"), ("([red]) house", "red house"), ("((red:0.5):2)", "red")],
)
def test_weights_that_cancel_out_draw_what_plain_words_do(
    prompt: str, plain: str, generator: Generator, request_: SamplePrompt
):
    assert same(generator.draw(replace(request_, prompt=prompt)), generator.draw(replace(request_, prompt=plain)))


def test_a_weight_changes_the_picture_and_is_no_text(generator: Generator, request_: SamplePrompt):
    draw = [generator.draw(replace(request_, prompt=f"a (red:{weight}) house")) for weight in ("1.4", "1.40", "0.6")]
    assert same(draw[0], draw[1])
    assert not same(draw[0], draw[2])
    assert not same(draw[0], generator.draw(request_))


def test_a_long_prompt_is_read_to_its_end(generator: Generator, request_: SamplePrompt):
    start = "house, " * 60  # 120 tokens
    red, blue = (generator.draw(replace(request_, prompt=start + colour)) for colour in ("red", "blue"))
    assert not same(red, blue)


@pytest.mark.parametrize("part", ["unet", "text", "both"])
def test_weight_nought_is_no_lora_and_weight_one_is_not(
    part: str, generator: Generator, request_: SamplePrompt, make_lora: Callable, layers: dict
):
    given = {"town": make_lora("town", layers[part])}
    plain = generator.draw(request_)
    drawn = {w: generator.draw(replace(request_, prompt=f"a red house <lora:town:{w}>"), given) for w in (0, 1, 0.5)}
    assert same(drawn[0], plain)
    assert not same(drawn[1], plain)
    assert not same(drawn[1], drawn[0.5])
    assert same(generator.draw(request_), plain)


def test_switching_between_loras_leaves_nothing_behind(
    generator: Generator, request_: SamplePrompt, make_lora: Callable, layers: dict
):
    given = {"town": make_lora("town"), "river": make_lora("river", layers["both"], rank=2)}
    prompts = (
        "a house <lora:town:1>",
        "a house <lora:river:0.7>",
        "a house",
        "a house <lora:town><lora:river:-1>",
    )
    asked = [replace(request_, prompt=prompt) for prompt in prompts]
    first = [generator.draw(request, given) for request in asked]
    again = [generator.draw(request, given) for request in reversed(asked)][::-1]
    assert all(same(one, other) for one, other in zip(first, again, strict=True))
    assert len({picture.tobytes() for picture in first}) == len(first)


def test_two_weights_are_the_text_encoders_and_the_unets(
    generator: Generator, request_: SamplePrompt, make_lora: Callable, layers: dict
):
    both, unet = make_lora("town", layers["both"]), make_lora("twon", layers["unet"])
    one = generator.draw(replace(request_, prompt="a house <lora:town:0:1>"), {"town": both})
    other = generator.draw(replace(request_, prompt="a house <lora:twon:1>"), {"twon": unet})
    assert same(one, other)


def test_a_lora_is_added_to_the_weights_as_the_format_says(tiny_base: Path, make_lora: Callable, layers: dict):
    file, weight = make_lora("town", layers["both"], rank=4, alpha=1.0), 0.6
    model = families.load(str(tiny_base), torch.float32)
    parts = {key: _layer(model, key) for key in layers["both"]}
    inputs = {
        key: torch.randn(1, shape[0], *([3, 3] if len(shape) > 2 else [])) for key, shape in layers["both"].items()
    }
    before = {key: layer(inputs[key]) for key, layer in parts.items()}
    loras.LoraRack(model).use({file: (weight, weight)})
    for key, delta in read_deltas(file).items():
        product = (delta.up.flatten(1) @ delta.down.flatten(1)) * delta.alpha / 4 * weight
        change = torch.einsum("oi,bi...->bo...", product, inputs[key])
        assert torch.allclose(_layer(model, key)(inputs[key]), before[key] + change, atol=1e-5)


def test_layers_may_differ_in_rank_and_alpha(tiny_base: Path, tmp_path: Path, make_lora: Callable, layers: dict):
    from safetensors.torch import load_file, save_file

    (first, a), (second, b), (third, c) = layers["unet"].items()
    mixed = {}
    for name, layer, rank, alpha in (
        ("aa", {first: a}, 4, 4),
        ("b", {second: b}, 8, 2),
        ("c", {third: c} | layers["text"], 4, 1),
    ):
        mixed |= load_file(make_lora(name, layer, rank, float(alpha)))
    save_file(mixed, tmp_path / "mixed.safetensors")
    read = read_deltas(tmp_path / "mixed.safetensors")
    assert [read[key].alpha / read[key].rank for key in layers["both"]] == [1.0, 0.25, 0.25, 0.25, 0.25]
    model = families.load(str(tiny_base), torch.float32)
    x = torch.randn(1, 64)
    plain = _layer(model, second)(x)
    loras.LoraRack(model).use({tmp_path / "mixed.safetensors": (1.0, 1.0)})
    change = x @ mixed[f"{second}.lora_down.weight"].T @ mixed[f"{second}.lora_up.weight"].T / 4
    assert torch.allclose(_layer(model, second)(x), plain + change, atol=1e-5)


def _layer(model: families.BaseModel, key: str) -> nn.Module:
    part, paths = (model.unet, model.family.unet_key) if "unet" in key else (model.text_encoders["lora_te"], None)
    named = paths or (lambda path: "lora_te_text_model_" + path.removeprefix("text_model.").replace(".", "_"))
    return next(layer for path, layer in part.named_modules() if named(path) == key)


def test_loras_are_found_in_the_folders_and_the_first_folder_counts(
    tiny_base: Path, generator: Generator, request_: SamplePrompt, make_lora: Callable, tmp_path: Path
):
    file = make_lora("town")
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "town.safetensors").write_bytes(file.read_bytes())
    (second / "town.safetensors").write_bytes(b"not read")
    finding = Generator.open(str(tiny_base), "fp32", [first, second])
    asked = replace(request_, prompt="a house <lora:town:1>")
    assert same(finding.draw(asked), generator.draw(asked, {"town": file}))


def test_a_lora_that_is_not_there_is_named_with_those_that_are(
    generator: Generator, request_: SamplePrompt, make_lora: Callable
):
    given = {"town": make_lora("town"), "river": make_lora("river")}
    with pytest.raises(GenerationError, match="<lora:twon>.*Did you mean town.*There are river, town"):
        generator.draw(replace(request_, prompt="<lora:twon>"), given)
    with pytest.raises(GenerationError, match="looked in no folder"):
        generator.draw(replace(request_, prompt="<lora:town>"))


def test_a_lora_of_another_base_model_is_refused_and_changes_nothing(
    generator: Generator, request_: SamplePrompt, make_lora: Callable, layers: dict
):
    plain = generator.draw(request_)
    wrong = {"lora_unet_down_blocks_0_attentions_0_proj_in": (320, 320, 1, 1), "lora_unet_nowhere": (64, 64)}
    with pytest.raises(LoraFileError, match="2 of its 5 layers have no place"):
        generator.draw(replace(request_, prompt="<lora:big>"), {"big": make_lora("big", wrong | layers["unet"])})
    assert same(generator.draw(request_), plain)


def test_a_file_that_lacks_a_tensor_is_refused(generator: Generator, request_: SamplePrompt, tmp_path: Path):
    from safetensors.torch import save_file

    file = tmp_path / "loha.safetensors"
    save_file({"lora_unet_x.hada_w1_a": torch.zeros(2)}, file)
    with pytest.raises(LoraFileError, match="LoHa of lora_unet_x lacks hada_w1_b, hada_w2_a, hada_w2_b"):
        generator.draw(replace(request_, prompt="<lora:loha>"), {"loha": file})


def test_a_file_that_was_trained_again_is_read_again(generator: Generator, request_: SamplePrompt, make_lora: Callable):
    asked, file = replace(request_, prompt="a house <lora:town>"), make_lora("town", rank=2)
    before = generator.draw(asked, {"town": file})
    make_lora("town", rank=4)
    assert not same(generator.draw(asked, {"town": file}), before)


def test_more_files_than_are_kept_can_be_drawn_in_turn(
    generator: Generator, request_: SamplePrompt, make_lora: Callable, monkeypatch: pytest.MonkeyPatch, layers: dict
):
    monkeypatch.setattr(loras, "KEPT", 1)
    given = {"town": make_lora("town"), "river": make_lora("river")}
    asked = [replace(request_, prompt=f"a house <lora:{name}>") for name in ("town", "river", "town")]
    first, _, third = [generator.draw(request, given) for request in asked]
    assert same(first, third)
    layer = _layer(generator.model, next(iter(layers["unet"])))
    assert len(layer._forward_hooks) == 1
    generator.draw(request_)
    assert not layer._forward_hooks


def test_drawing_does_not_disturb_the_training_around_it(tiny_base: Path, request_: SamplePrompt):
    model = families.load(str(tiny_base), torch.float32)
    model.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"], lora_dropout=0.5, init_lora_weights=False))
    model.unet.train()
    model.unet.mid_block.eval()
    state, schedule = torch.get_rng_state(), model.noise_schedule
    modes = [module.training for module in model.unet.modules()]
    trainable = [p.requires_grad for p in model.unet.parameters()]
    one, other = draw_with(model, request_), draw_with(model, request_)
    assert same(one, other)  # with dropout at work it would not be
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in model.unet.modules()] == modes
    assert [p.requires_grad for p in model.unet.parameters()] == trainable
    assert all(p.grad is None for p in model.unet.parameters())
    assert model.noise_schedule is schedule
    assert torch.is_grad_enabled()


def test_the_adapter_being_trained_is_seen_in_the_sample(tiny_base: Path, request_: SamplePrompt):
    model = families.load(str(tiny_base), torch.float32)
    plain = draw_with(model, request_)
    model.unet.add_adapter(LoraConfig(r=2, target_modules=["to_q"]))
    assert same(draw_with(model, request_), plain)
    for name, weight in model.unet.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight)
    assert not same(draw_with(model, request_), plain)


def test_an_adapter_trained_in_fp32_on_a_base_in_half_precision_can_be_drawn(tiny_base: Path, request_: SamplePrompt):
    model = families.load(str(tiny_base), torch.bfloat16)
    attach(model, LoraSettings(rank=2))
    assert draw_with(model, request_).size == (64, 64)


def test_clip_skip_one_is_the_last_layer(generator: Generator, request_: SamplePrompt):
    pictures = [generator.draw(request_, clip_skip=skip) for skip in (1, 2, 3)]
    pipeline = generator.model.family.pipeline(generator.model)
    pipeline.scheduler = samplers.scheduler(request_.sampler, pipeline.scheduler)
    plain = pipeline(
        request_.prompt,
        width=request_.width,
        height=request_.height,
        num_inference_steps=request_.steps,
        generator=torch.Generator().manual_seed(request_.seed),
    ).images[0]
    assert np.abs(np.asarray(plain, int) - np.asarray(pictures[0], int)).max() <= 1
    assert len({picture.tobytes() for picture in pictures}) == 3


def test_a_picture_that_overflows_in_half_precision_is_decoded_in_fp32_and_so_are_those_after_it(
    generator: Generator, request_: SamplePrompt, spoilt_vae: list[torch.dtype]
):
    assert np.asarray(generator.draw(request_)).std() > 0
    assert spoilt_vae == [torch.bfloat16, torch.float32]
    assert generator.model.vae.dtype == torch.float32
    generator.draw(request_)
    assert spoilt_vae == [torch.bfloat16, torch.float32, torch.float32]


def test_a_lora_that_has_burnt_out_is_said_so(generator: Generator, request_: SamplePrompt, make_lora: Callable):
    file = make_lora("burnt", alpha=float("inf"))
    with pytest.raises(GenerationError, match="burnt out"):
        generator.draw(replace(request_, prompt="<lora:burnt>"), {"burnt": file})


def test_a_base_model_that_is_not_there_is_said_so(tmp_path: Path):
    with pytest.raises(ModelError):
        Generator.open(str(tmp_path / "nothing"))


def test_a_saved_picture_carries_how_it_was_drawn(tmp_path: Path):
    asked = SamplePrompt("a house, städtisch <lora:town:0.8>", "blurry", 64, 72, 5, 7, 3.5, "euler_a")
    save_picture(Image.new("RGB", (64, 72)), tmp_path / "new" / "a.png", asked, "tiny, base", clip_skip=2)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.png"]
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.text["parameters"] == (
            "a house, städtisch <lora:town:0.8>\n"
            "Negative prompt: blurry\n"
            'Steps: 5, Sampler: Euler a, CFG scale: 3.5, Seed: 7, Size: 64x72, Model: "tiny, base", Clip skip: 2'
        )


def test_what_is_not_set_is_not_in_the_recipe():
    assert png_info(SamplePrompt("x", seed=1)) == (
        "x\nSteps: 30, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 1, Size: 512x512"
    )
