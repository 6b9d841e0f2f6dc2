"""A VAE of one's own."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from loranb import families
from loranb.errors import ModelError

PREFIX = "first_stage_model."


@pytest.fixture(scope="module")
def own(tiny_sd1_file, tmp_path_factory):
    """The VAE of `tiny_sd1` in every form: each but for one bias, which is 7."""
    place = tmp_path_factory.mktemp("vae")
    checkpoint = load_file(tiny_sd1_file)
    checkpoint[f"{PREFIX}decoder.conv_out.bias"][:] = 7
    save_file(checkpoint, place / "whole.safetensors")
    alone = {name.removeprefix(PREFIX): tensor for name, tensor in checkpoint.items() if name.startswith(PREFIX)}
    save_file(alone, place / "alone.safetensors")
    torch.save({"state_dict": alone}, place / "alone.vae.pt")
    vae = families.load(str(place / "whole.safetensors"), torch.float32).vae
    vae.save_pretrained(place / "folder")
    vae.save_pretrained(place / "model/vae")
    shutil.copy(place / "folder/diffusion_pytorch_model.safetensors", place / "named_by_diffusers.safetensors")
    return place


@pytest.mark.parametrize(
    "form",
    [
        "alone.vae.pt",
        "named_by_diffusers.safetensors",
        "folder",
        *(pytest.param(form, marks=pytest.mark.slow) for form in ("whole.safetensors", "alone.safetensors", "model")),
    ],
)
def test_it_takes_the_place_of_the_base_models_in_whatever_form(own, tiny_sd1, form):
    model = families.load(str(tiny_sd1), torch.bfloat16, vae=str(own / form))
    state, before = model.vae.state_dict(), families.load(str(tiny_sd1), torch.float32).vae.state_dict()
    assert {name for name in before if not torch.equal(state[name], before[name])} == {"decoder.conv_out.bias"}
    assert model.vae.dtype == torch.float32
    assert not any(p.requires_grad for p in model.vae.parameters())


def test_one_of_another_family_or_none_at_all_is_told(own, tiny_sdxl, tiny_sd1, tmp_path):
    with pytest.raises(ModelError, match=r"is for another family.*scaled by 0\.18215.*reads 4 scaled by 0\.13025"):
        families.load(str(tiny_sdxl), torch.float32, vae=str(own / "folder"))
    with pytest.raises(ModelError, match=r"whole\.safetensors is a model of the family sd1.*sdxl"):
        families.load(str(tiny_sdxl), torch.float32, vae=str(own / "whole.safetensors"))
    for wrong, said in (
        (tmp_path / "nowhere", "there is no such file or folder"),
        (tiny_sd1 / "unet", "it is a UNet2DConditionModel and no AutoencoderKL"),
        (tiny_sd1 / "unet/diffusion_pytorch_model.safetensors", "holds no VAE"),
        (tmp_path, "cannot be loaded as a VAE"),
    ):
        with pytest.raises(ModelError, match=said):
            families.load(str(tiny_sd1), torch.float32, vae=str(wrong))


def test_a_file_of_a_vae_serves_any_family_as_its_scaling_is_not_in_it(own, tiny_sdxl):
    # sd-scripts and the web UIs take such files for what they are given for
    assert (
        families.load(str(tiny_sdxl), torch.float32, vae=str(own / "alone.safetensors")).vae.config.scaling_factor
        == 0.13025
    )
