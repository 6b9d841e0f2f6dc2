"""Base models from single files: without the network, the same as from a folder."""

import json
import shutil
import socket

import pytest
import torch
from safetensors.torch import load_file, save_file

from loranb import families
from loranb.families._checkpoint import open_checkpoint
from loranb.families._geometry import config, text_config, unet_config, vae_config
from loranb.families._recognise import recognise

KINDS = ("sd1", "sd2", "sdxl")


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def folder(kind, request):
    return request.getfixturevalue(f"tiny_{kind}")


@pytest.fixture
def file(kind, request):
    return request.getfixturevalue(f"tiny_{kind}_file")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("something went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_a_single_file_gives_the_same_model_as_the_folder_without_the_network(kind, folder, file, no_network):
    ours, theirs = (families.load(str(source), torch.float32) for source in (file, folder))
    assert ours.family is theirs.family
    for one, other in zip(ours.parts(), theirs.parts(), strict=True):
        assert type(one) is type(other)
        state, expected = one.state_dict(), other.state_dict()
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[name], expected[name]) for name in expected)
    # heads, activations and positions are in no tensor: only what comes out tells
    texts = ["a red house", "mokuba"]
    encoded, wanted = (model.family.encode(model, texts, 1) for model in (ours, theirs))
    assert all(torch.allclose(encoded[name], wanted[name], atol=1e-6) for name in wanted)
    noisy, t = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([10, 900])
    placement = ours.family.placement([families.View((64, 64), (0, 0), (64, 64))] * 2)
    told = [ours.family.denoise(model.unet, noisy, t, wanted | placement) for model in (ours, theirs)]
    assert torch.allclose(*told, atol=1e-6)
    assert torch.allclose(*(model.vae.decode(noisy).sample for model in (ours, theirs)), atol=1e-6)
    assert torch.equal(ours.noise_schedule.alphas_cumprod, theirs.noise_schedule.alphas_cumprod)


def test_diffusers_own_conversion_finds_the_same_tensors_in_the_file(kind, folder, file):
    from diffusers.loaders import single_file_utils as theirs

    model, tensors = families.load(str(folder), torch.float32), load_file(file)
    unet = theirs.convert_ldm_unet_checkpoint(dict(tensors), dict(model.unet.config))
    vae = theirs.convert_ldm_vae_checkpoint(dict(tensors), dict(model.vae.config))
    for part, converted in ((model.unet, unet), (model.vae, vae)):
        state = part.state_dict()
        assert state.keys() == converted.keys()
        assert all(torch.equal(tensor, converted[name].reshape(tensor.shape)) for name, tensor in state.items())
    for prefix, encoder in model.text_encoders.items():
        if prefix == "lora_te2" or kind == "sd2":
            inside = "cond_stage_model.model." if kind == "sd2" else "conditioner.embedders.1.model."
            converted = theirs.convert_open_clip_checkpoint(encoder, dict(tensors), inside)
        else:
            converted = theirs.convert_ldm_clip_checkpoint(dict(tensors))
        plain = {name.removeprefix("text_model."): tensor for name, tensor in converted.items()}
        for name, tensor in encoder.state_dict().items():
            assert torch.equal(tensor, plain[name.removeprefix("text_model.")]), name


@pytest.mark.parametrize("kind_", KINDS)
def test_the_shapes_of_a_full_size_file_tell_the_configs_of_its_family(kind_):
    # what diffusers makes of the configs, named as in single files, on no device
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from loranb.families import _names
    from loranb.families._geometry import UNET, VAE
    from loranb.families._single_file import CLIP, PREFIXES

    told, shapes = config(kind_), {}
    depths = told["unet"]["transformer_layers_per_block"]
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(_full_unet(told["unet"]))
        vae = AutoencoderKL.from_config(told["vae"] | {key: [kind] * 4 for key, kind in _VAE_BLOCKS.items()})
        classes = [CLIPTextModel, CLIPTextModelWithProjection][: len(told["text_encoders"])]
        encoders = [make(CLIPTextConfig(**one)) for make, one in zip(classes, told["text_encoders"], strict=True)]
    up = [f"{UNET}output_blocks.{n}.2.conv.{kind}" for n in range(12) for kind in ("weight", "bias")]
    shapes |= {_names.unet_place(n, UNET, up).name: tuple(t.shape) for n, t in unet.state_dict().items()}
    shapes |= {_names.vae_place(n, VAE, 4).name: tuple(t.shape) for n, t in vae.state_dict().items()}
    for prefix, encoder in zip(PREFIXES[kind_], encoders, strict=True):
        find = _names.open_clip_place if not prefix.endswith(CLIP) else lambda n, p: _names.clip_place(n, p, ())
        for name, tensor in encoder.state_dict().items():
            place = find(name, prefix)
            shapes[place.name] = tuple(tensor.shape[::-1] if place.turned else tensor.shape)
        if kind_ == "sd2":
            shapes[f"{prefix}transformer.resblocks.23.ln_1.weight"] = (1024,)
    found = unet_config(kind_, shapes)
    assert {key: found[key] for key in told["unet"]} == told["unet"] | {
        "transformer_layers_per_block": [max(1, depth) for depth in depths]
    }
    assert {key: vae_config(kind_, shapes)[key] for key in told["vae"]} == told["vae"]
    for number, expected in enumerate(told["text_encoders"]):
        read = text_config(kind_, number, shapes, PREFIXES[kind_][number])
        assert {key: read[key] for key in expected} == expected
        assert (read["vocab_size"], read["bos_token_id"], read["eos_token_id"]) == (49408, 49406, 49407)


_VAE_BLOCKS = {"down_block_types": "DownEncoderBlock2D", "up_block_types": "UpDecoderBlock2D"}


def _full_unet(told: dict) -> dict:
    last = len(told["block_out_channels"]) - 1
    attends = [i != last for i in range(last + 1)] if last == 3 else [False, True, True]
    depths = [max(1, depth) for depth in told["transformer_layers_per_block"]]
    return told | {
        "transformer_layers_per_block": depths,
        "down_block_types": ["CrossAttnDownBlock2D" if yes else "DownBlock2D" for yes in attends],
        "up_block_types": ["CrossAttnUpBlock2D" if yes else "UpBlock2D" for yes in reversed(attends)],
    }


@pytest.mark.parametrize(
    ("kind", "extra", "metadata", "expected"),
    [
        ("sdxl", {}, {}, ("epsilon", False)),
        ("sdxl", {"v_pred": torch.empty(0)}, {}, ("v_prediction", False)),
        ("sdxl", {"v_pred": torch.empty(0), "ztsnr": torch.empty(0)}, {}, ("v_prediction", True)),
        ("sdxl", {}, {"modelspec.prediction_type": "v"}, ("v_prediction", False)),
        ("sd2", {}, {}, ("", False)),
        ("sd2", {}, {"modelspec.prediction_type": "epsilon"}, ("epsilon", False)),
        ("sd2", {}, {"modelspec.architecture": "stable-diffusion-v2-768-v"}, ("v_prediction", False)),
        ("sd1", {}, {"modelspec.prediction_type": "v_prediction"}, ("v_prediction", False)),
    ],
)
def test_a_file_says_what_it_predicts_by_marks_or_metadata(request, tmp_path, kind, extra, metadata, expected):
    tensors = {n: t[:1].contiguous() for n, t in load_file(request.getfixturevalue(f"tiny_{kind}_file")).items()}
    whole = load_file(request.getfixturevalue(f"tiny_{kind}_file"))
    tensors["model.diffusion_model.input_blocks.0.0.weight"] = whole["model.diffusion_model.input_blocks.0.0.weight"]
    save_file(tensors | extra, tmp_path / "it.safetensors", metadata)
    known = recognise(str(tmp_path / "it.safetensors"))
    assert (known.family, known.predicts, known.zero_terminal_snr) == (kind, *expected)


def test_a_model_marked_for_v_and_zero_snr_gets_that_schedule(tiny_sdxl_file, tmp_path):
    marks = {"v_pred": torch.empty(0), "ztsnr": torch.empty(0)}
    save_file(load_file(tiny_sdxl_file) | marks, tmp_path / "v.safetensors")
    model = families.load(str(tmp_path / "v.safetensors"), torch.float32)
    assert model.predicts == "v_prediction"
    assert model.noise_schedule.alphas_cumprod[-1] < 1e-6


def test_sd2_that_does_not_say_is_taken_by_its_weights_and_that_is_said(tiny_sd2_file, tmp_path):
    telltale = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
    for spread, predicts in ((0.2, "v_prediction"), (0.05, "epsilon")):
        bias = spread * torch.tensor([1.0, -1.0]).repeat(16)
        save_file(load_file(tiny_sd2_file) | {telltale: bias}, tmp_path / "sd2.safetensors")
        model = families.load(str(tmp_path / "sd2.safetensors"), torch.float32)
        assert model.predicts == predicts
        assert "choose the other in objective.predicts" in model.notices[0]


def test_half_precision_halves_all_but_the_vae(tiny_sd1_file, tiny_sd1):
    for source in (tiny_sd1_file, tiny_sd1):
        model = families.load(str(source), torch.bfloat16)
        assert {model.unet.dtype, *(e.dtype for e in model.text_encoders.values())} == {torch.bfloat16}
        assert model.vae.dtype == torch.float32


def test_recognising_a_file_reads_its_header_alone(tiny_sdxl_file, tmp_path):
    # nothing behind the header is looked at: zeros there change nothing
    data = tiny_sdxl_file.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    (tmp_path / "zeros.safetensors").write_bytes(data[:header] + bytes(len(data) - header))
    assert recognise(str(tmp_path / "zeros.safetensors")) == recognise(str(tiny_sdxl_file))
    assert len(open_checkpoint(tiny_sdxl_file).shapes) == len(json.loads(data[8:header]))


def test_the_oldest_files_have_no_text_model_in_their_names(tiny_sd1_file, tmp_path):
    tensors = load_file(tiny_sd1_file)
    save_file({name.replace(".text_model.", "."): t for name, t in tensors.items()}, tmp_path / "old.safetensors")
    ours, theirs = (families.load(str(file), torch.float32) for file in (tmp_path / "old.safetensors", tiny_sd1_file))
    expected = theirs.text_encoders["lora_te"].state_dict()
    assert all(torch.equal(t, expected[n]) for n, t in ours.text_encoders["lora_te"].state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_a_file_in_8_bits_is_read(tiny_sd1_file, tmp_path, dtype):
    save_file({name: t.to(dtype) for name, t in load_file(tiny_sd1_file).items()}, tmp_path / "small.safetensors")
    model = families.load(str(tmp_path / "small.safetensors"), torch.bfloat16)
    wide = families.load(str(tiny_sd1_file), torch.float32).unet.conv_in.weight
    assert torch.equal(model.unet.conv_in.weight, wide.to(dtype).to(torch.bfloat16))


def test_a_folder_whose_files_are_called_by_their_number_format_is_read(tiny_sdxl, tmp_path):
    shutil.copytree(tiny_sdxl, tmp_path / "variant")
    for file in (tmp_path / "variant").glob("*/*model.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
    ours, theirs = (families.load(str(folder), torch.float32) for folder in (tmp_path / "variant", tiny_sdxl))
    expected = theirs.unet.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in ours.unet.state_dict().items())
