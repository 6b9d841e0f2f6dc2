"""The laws of choosing a device and a number format."""

import pytest
import torch

from loranb.device import pick_device, pick_dtype
from loranb.errors import SettingsError


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)]
)
def test_auto_goes_by_the_gpus_capability(
    capability: tuple[int, int], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)  # as a T4 answers
    assert pick_dtype("auto", torch.device("cuda")) == expected


def test_auto_is_fp32_without_a_gpu():
    assert pick_dtype("auto", torch.device("cpu")) == torch.float32


@pytest.mark.parametrize(
    ("name", "expected"), [("fp32", torch.float32), ("fp16", torch.float16), ("bf16", torch.bfloat16)]
)
def test_a_precision_that_is_asked_for_is_taken(name: str, expected: torch.dtype):
    assert pick_dtype(name, torch.device("cuda")) == expected


def test_fp16_is_refused_without_a_gpu():
    with pytest.raises(SettingsError, match="'fp16' needs a GPU"):
        pick_dtype("fp16", torch.device("cpu"))


def test_an_unknown_precision_is_refused_with_what_is_allowed():
    with pytest.raises(SettingsError, match="'fp8'; expected one of auto, fp32, fp16, bf16"):
        pick_dtype("fp8", torch.device("cpu"))


def test_a_gpu_is_taken_if_there_is_one(monkeypatch: pytest.MonkeyPatch):
    for there, kind in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert pick_device().type == kind
