import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from loranb import clip
from loranb.clip.embeddings import words_of
from loranb.errors import ModelError

KEYS = {
    "SD 1.x": "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight",
    "SD 2.x": "cond_stage_model.model.token_embedding.weight",
    "SDXL": "conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight",
}


def table(width=32):
    """An embedding for each of CLIP's tokens: rabbit is like bunny, and a little like hat."""
    made = torch.randn(49408, width, generator=torch.Generator().manual_seed(0))
    rabbit, bunny, hat = (clip.tokenizer().token_to_id(f"{word}</w>") for word in ("rabbit", "bunny", "hat"))
    made[bunny] = 3 * made[rabbit]
    made[hat] = made[rabbit] + 0.3 * made[hat]
    return made


@pytest.mark.parametrize(("kind", "dtype"), zip(KEYS, [torch.float32, torch.float16, torch.bfloat16], strict=True))
def test_the_nearest_words_of_a_single_file_are_found_by_its_own_embeddings(tmp_path, kind, dtype):
    file = tmp_path / "model.safetensors"
    save_file({KEYS[kind]: table().to(dtype), "model.diffusion_model.x": torch.zeros(2)}, file)
    [(first, likeness), (second, less)] = words_of(str(file)).nearest("rabbit", 2)
    assert (first, second) == ("bunny", "hat")
    assert likeness == pytest.approx(1, abs=0.01)
    assert 0.5 < less < likeness


def test_of_two_text_encoders_the_first_is_looked_into(tmp_path):
    file = tmp_path / "model.safetensors"
    other = torch.zeros(49408, 12)
    save_file({KEYS["SDXL"]: table(), "conditioner.embedders.1.model.token_embedding.weight": other}, file)
    assert words_of(str(file)).table.shape == (49408, 32)


def test_a_diffusers_folder_is_read_with_its_own_tokenizer(tiny_base):
    from transformers import CLIPTextModel, CLIPTokenizer

    words = words_of(str(tiny_base))
    encoder = CLIPTextModel.from_pretrained(tiny_base / "text_encoder")
    assert np.array_equal(words.table, encoder.get_input_embeddings().weight.detach().numpy())
    theirs = CLIPTokenizer.from_pretrained(tiny_base / "tokenizer")
    text = "a red castle, mokuba"
    assert (
        words.tokenizer.encode(text, add_special_tokens=False).ids == theirs(text, add_special_tokens=False).input_ids
    )


def test_likeness_is_the_cosine_of_the_mean_of_a_words_pieces(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file({KEYS["SD 1.x"]: table()}, file)
    words = words_of(str(file))
    ids = clip.tokenizer().encode("mokuba", add_special_tokens=False).ids
    [(nearest, likeness)] = words.nearest("mokuba", 1)
    rows = torch.from_numpy(words.table)
    other = rows[clip.tokenizer().token_to_id(f"{nearest}</w>")]
    assert likeness == pytest.approx(torch.cosine_similarity(rows[ids].mean(0), other, 0).item(), abs=1e-5)


def test_a_word_is_not_near_itself(tmp_path):
    file = tmp_path / "model.safetensors"
    save_file({KEYS["SD 1.x"]: table()}, file)
    assert "rabbit" not in [word for word, _ in words_of(str(file)).nearest("rabbit", 50)]


def test_where_no_base_model_lies_it_is_said(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="there is no such file"):
        words_of(str(tmp_path / "none.safetensors"))
    with pytest.raises(ModelError, match="has not been downloaded yet"):
        words_of("somebody/nothing-of-this-name")
    other = tmp_path / "lora.safetensors"
    save_file({"lora_unet_x": torch.zeros(1)}, other)
    with pytest.raises(ModelError, match="no CLIP text encoder"):
        words_of(str(other))
    other.write_bytes(b"12345678")
    with pytest.raises(ModelError, match="cannot be read"):
        words_of(str(other))
    old = tmp_path / "model.ckpt"
    old.write_bytes(b"x")
    with pytest.raises(ModelError, match="no safetensors file"):
        words_of(str(old))
