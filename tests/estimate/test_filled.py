"""Settings as a run will have them."""

import torch

from loranb.estimate.filled import as_run, rank_in
from loranb.lora.file import save_lora
from loranb.settings import Settings


def test_a_text_encoder_whose_rate_is_nought_is_not_counted():
    assert as_run(Settings().assign("optimizer.text_encoder_learning_rate", 0)).lora.text_encoder is False
    assert as_run(Settings()) == Settings()


def test_the_rank_of_the_lora_that_is_gone_on_from_is_read_without_its_tensors(tmp_path):
    tensors = {f"lora_unet_{i}.lora_down.weight": torch.zeros(8 if i else 4, 16) for i in range(3)}
    save_lora(tmp_path / "earlier.safetensors", tensors, {}, torch.float16)
    asked = {"lora.start_from": str(tmp_path / "earlier.safetensors"), "lora.rank_from_start": True}
    assert as_run(Settings().assign_all(asked)).lora.rank == 8
    (tmp_path / "broken.safetensors").write_bytes(b"no safetensors at all")
    assert rank_in(str(tmp_path / "broken.safetensors")) is None
    assert rank_in(str(tmp_path / "nowhere.safetensors")) is None
