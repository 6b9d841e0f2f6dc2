import json

import pytest
import torch
from safetensors.torch import save

from loranb.errors import LoraFileError
from loranb.lora.file import as_text, legacy_hash, load_lora, model_hash, save_lora

HALF = {
    "lora_unet_a.alpha": torch.tensor(1.0, dtype=torch.float16),
    "lora_unet_a.lora_down.weight": torch.arange(6, dtype=torch.float16).reshape(2, 3),
    "lora_unet_a.lora_up.weight": torch.zeros(4, 2, dtype=torch.float16),
}


def test_hashes_are_those_of_sd_scripts():
    """Vector A was made by running sd-scripts 48d368f."""
    assert model_hash(save(HALF)) == "cce1111286d210c08803589e59c2e5aa54a5d91e14e2b340ecb6ed54697fa998"
    assert legacy_hash(HALF, {}) == "e3b0c442"


def test_the_hash_of_a_large_file_is_that_of_sd_scripts():
    tensors = {"lora_down": torch.arange(1024 * 1024, dtype=torch.float32).reshape(1024, 1024)}
    assert model_hash(save(tensors)).startswith("70bae6b8")
    assert model_hash(save(tensors)).endswith("f367")


def test_the_hash_does_not_change_with_the_metadata():
    assert model_hash(save(HALF, {"ss_output_name": "a"})) == model_hash(save(HALF))


def test_a_file_reads_back_with_its_metadata_and_hashes(tmp_path):
    save_lora(tmp_path / "a.safetensors", HALF, {"ss_output_name": "a"}, torch.float16)
    tensors, told = load_lora(tmp_path / "a.safetensors")
    assert all(torch.equal(tensors[name], HALF[name]) for name in HALF)
    assert told["ss_output_name"] == "a"
    assert told["sshs_model_hash"] == "cce1111286d210c08803589e59c2e5aa54a5d91e14e2b340ecb6ed54697fa998"


@pytest.mark.parametrize(("value", "said"), [(float("nan"), "not finite"), (1e6, "too large")])
def test_a_burnt_out_lora_is_not_written(tmp_path, value, said):
    burnt = {"lora_unet_a.lora_up.weight": torch.full((2, 2), value)}
    with pytest.raises(LoraFileError, match=said):
        save_lora(tmp_path / "a.safetensors", burnt, {}, torch.float16)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_lora_is_told(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(LoraFileError, match="cannot be read"):
        load_lora(tmp_path / "a.safetensors")


def test_metadata_values_are_strings_and_tables_are_json():
    told = as_text({"a": None, "b": True, "c": 1e-4, "d": {"x": [1]}, "e": "text"})
    assert told == {"a": "None", "b": "True", "c": "0.0001", "d": json.dumps({"x": [1]}), "e": "text"}
