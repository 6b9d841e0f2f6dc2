"""What somebody gives for a base model that is none, or is broken: each is told what it is and what to do."""

import json
import shutil
from random import Random

import pytest
import torch
from safetensors.torch import load_file, save_file

from loranb import families
from loranb.errors import ModelError
from loranb.families._checkpoint import open_checkpoint
from loranb.families._recognise import recognise

UNET = "model.diffusion_model."


def told(source) -> str:
    with pytest.raises(ModelError) as caught:
        families.load(str(source), torch.float32)
    return str(caught.value)


def test_a_file_is_read_as_what_it_is_whatever_its_header_begins_with_or_its_name_ends_in(tmp_path):
    for length in range(1, 130):  # the header's length passes every byte that a pickle or an archive begins with
        file = tmp_path / ("it.ckpt" if length % 2 else "it.safetensors")
        save_file({"a": torch.zeros(1)}, file, {"padding": "x" * 8 * length})
        assert open_checkpoint(file).shapes == {"a": (1,)}


def test_a_file_that_was_cut_off_says_how_much_is_there(tiny_sd1_file, tmp_path):
    whole = tiny_sd1_file.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 5000):
        (tmp_path / "cut.safetensors").write_bytes(whole[:length])
        assert f"{length:,} bytes" in told(tmp_path / "cut.safetensors")


@pytest.mark.parametrize(
    "data", [b"", b"<!doctype html><html>", b"\x08\0\0\0\0\0\0\0[1, 2, 3]", b"\x02\0\0\0\0\0\0\0xx"]
)
def test_a_file_that_is_no_safetensors_file_is_told(tmp_path, data):
    (tmp_path / "page.safetensors").write_bytes(data)
    assert "is no safetensors file" in told(tmp_path / "page.safetensors")


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"], "is a LoRA and no base model"),
        (["unet.mid_block.attentions.0.proj_in.lora_A.weight"], "is a LoRA and no base model"),
        (["lora_unet_x.hada_w1_a"], "is a LoRA and no base model"),
        (["encoder.conv_in.weight", "decoder.conv_in.weight"], r"is a VAE alone.*model\.vae"),
        (["down_blocks.0.resnets.0.conv1.weight"], "is a U-Net alone, out of a diffusers folder"),
        ([f"{UNET}double_blocks.0.img_attn.norm.key_norm.scale"], "is a Flux model"),
        (["double_blocks.0.img_attn.norm.key_norm.scale"], "is a Flux model"),
        ([f"{UNET}joint_blocks.0.context_block.adaLN_modulation.1.bias"], "is a Stable Diffusion 3 model"),
        ([f"{UNET}input_blocks.0.0.weight", "conditioner.embedders.0.model.ln_final.bias"], "is SDXL's refiner"),
        ([f"{UNET}input_blocks.0.0.weight", "edm_mean"], r"is Playground 2\.5"),
        (["emb_params"], "is a textual inversion"),
        ([f"{UNET}input_blocks.0.0.weight", "first_stage_model.encoder.x"], "a text encoder is missing"),
        ([f"{UNET}input_blocks.0.0.weight", "cond_stage_model.x"], "a VAE is missing"),
        (["weights"], "a U-Net is missing"),
    ],
)
def test_a_file_of_something_else_is_told_what_it_is(tmp_path, names, what):
    save_file({name: torch.zeros(4, 4, 1, 1) for name in names}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=f"other.safetensors.*{what}"):
        recognise(str(tmp_path / "other.safetensors"))


def test_a_lora_given_as_a_base_model_says_what_it_was_made_for(tmp_path):
    tensors = {"lora_unet_x.lora_down.weight": torch.zeros(1)}
    save_file(tensors, tmp_path / "lora.safetensors", {"ss_sd_model_name": "dreamshaper_8.safetensors"})
    assert "that it was made for (it says dreamshaper_8.safetensors)" in told(tmp_path / "lora.safetensors")


def test_an_inpainting_model_is_told(tiny_sd1_file, tmp_path):
    tensors = load_file(tiny_sd1_file) | {f"{UNET}input_blocks.0.0.weight": torch.zeros(32, 9, 3, 3)}
    save_file(tensors, tmp_path / "inpaint.safetensors")
    assert "inpainting model: its U-Net reads 9 channels" in told(tmp_path / "inpaint.safetensors")


def test_a_missing_tensor_is_named(tiny_sdxl_file, tmp_path):
    tensors = load_file(tiny_sdxl_file)
    for lost in ("conditioner.embedders.1.model.ln_final.weight", f"{UNET}out.2.bias"):
        save_file({n: t for n, t in tensors.items() if n != lost}, tmp_path / "less.safetensors")
        assert "lacks 1 of the" in (said := told(tmp_path / "less.safetensors"))
        assert lost in said


def test_numbers_that_are_none_are_named_in_files_and_folders(tiny_sd1_file, tiny_sd1, tmp_path):
    tensors = load_file(tiny_sd1_file)
    tensors["cond_stage_model.transformer.text_model.final_layer_norm.bias"][3] = torch.nan
    save_file(tensors, tmp_path / "nan.safetensors")
    assert "nan.safetensors is broken: final_layer_norm.bias of its CLIPTextModel" in told(tmp_path / "nan.safetensors")
    shutil.copytree(tiny_sd1, tmp_path / "folder")
    weights = tmp_path / "folder/unet/diffusion_pytorch_model.safetensors"
    unet = load_file(weights)
    unet["conv_out.bias"][0] = torch.inf
    save_file(unet, weights)
    assert "folder is broken: conv_out.bias of its UNet2DConditionModel" in told(tmp_path / "folder")


def test_values_too_large_for_half_precision_are_told_with_the_precision(tiny_sd1_file, tmp_path):
    tensors = load_file(tiny_sd1_file)
    tensors[f"{UNET}out.2.bias"][0] = 1e6  # fp16 ends at 65,504
    save_file(tensors, tmp_path / "large.safetensors")
    families.load(str(tmp_path / "large.safetensors"), torch.float32)
    with pytest.raises(ModelError, match=r"too small a number format \(torch.float16 here\)"):
        families.load(str(tmp_path / "large.safetensors"), torch.float16)


def test_a_folder_without_a_part_says_which(tiny_sdxl, tmp_path):
    shutil.copytree(tiny_sdxl, tmp_path / "less")
    shutil.rmtree(tmp_path / "less/tokenizer_2")
    assert "is not a whole base model: tokenizer_2/ is missing" in told(tmp_path / "less")


def test_a_folder_whose_weights_were_cut_off_says_so(tiny_sd1, tmp_path):
    shutil.copytree(tiny_sd1, tmp_path / "cut")
    file = tmp_path / "cut/vae/diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    assert "diffusion_pytorch_model.safetensors was cut off" in told(tmp_path / "cut")


def test_a_folder_whose_description_is_damaged_says_so(tiny_sd1, tmp_path):
    shutil.copytree(tiny_sd1, tmp_path / "bad")
    (tmp_path / "bad/unet/config.json").write_text('{"in_channels": ')
    assert "unet/config.json cannot be read" in told(tmp_path / "bad")
    (tmp_path / "bad/unet/config.json").write_text(json.dumps(["no", "table"]))
    assert "unet/config.json cannot be read" in told(tmp_path / "bad")


def test_a_folder_whose_weights_do_not_fit_its_description_says_so(tiny_sd1, tmp_path):
    shutil.copytree(tiny_sd1, tmp_path / "bad")
    path = tmp_path / "bad/text_encoder/config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"intermediate_size": 99}))
    assert "could not be loaded" in told(tmp_path / "bad")


def test_a_family_whose_text_encoder_is_not_in_the_file_is_told(tiny_sd1_file):
    with pytest.raises(
        ModelError, match=r"model\.family = 'sd2', but tiny_sd1\.safetensors has no text encoder of that"
    ):
        families.load(str(tiny_sd1_file), torch.float32, "sd2")


@pytest.mark.parametrize("kind", ["sd1", "sd2", "sdxl"])
def test_whatever_is_left_out_of_a_file_it_is_told_in_words(kind, request, tmp_path):
    tensors = load_file(request.getfixturevalue(f"tiny_{kind}_file"))
    random = Random(kind)
    for lost in ("input_blocks.", "attn2", "first_stage_model.encoder", "layers.0", "embedding", "mlp", "", "", ""):
        left = (
            {n: t for n, t in tensors.items() if lost not in n}
            if lost
            else dict(random.sample(list(tensors.items()), 60))
        )
        save_file(left, tmp_path / "less.safetensors")
        with pytest.raises(ModelError, match="less.safetensors"):
            families.load(str(tmp_path / "less.safetensors"), torch.float32)
