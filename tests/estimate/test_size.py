"""How large a LoRA is: kohya's counts, and files that were really saved."""

from pathlib import Path

import pytest

from loranb import families
from loranb.estimate.bases import base_of, known_base
from loranb.estimate.size import adapted, divided, file_bytes, parameters
from loranb.lora.adapter import attach
from loranb.lora.file import save_lora
from loranb.settings import LoraSettings
from loranb.training.checkpoint import DTYPES


@pytest.mark.parametrize(
    ("family", "unet", "text", "with_convolutions", "modules"),
    [
        ("sd1", 423_936, 165_888, 506_816 + 544_000, (192, 72, 278)),
        ("sd2", 432_128, 423_936, None, (192, 138, 278)),
        ("sdxl", 2_659_840, 903_168, 2_718_400 + 355_840, (722, 264, 788)),
    ],
)
def test_parameters_of_a_rank_are_those_of_kohyas_trainer(family, unet, text, with_convolutions, modules):
    """Counted by running sd-scripts' ``networks/lora.py`` on the three models."""
    base, one = known_base(family), LoraSettings(rank=1, text_encoder=False)
    both = one.model_copy(update={"conv_rank": 1})
    only_text = LoraSettings(rank=1, unet=False)
    assert parameters(base, one) == unet
    assert parameters(base, only_text) == text
    if with_convolutions:
        assert parameters(base, both) == with_convolutions
    assert tuple(len(list(adapted(base, lora))) for lora in (one, only_text, both)) == modules


def test_an_sdxl_lora_of_rank_32_is_228_megabytes():
    """In half precision, with both text encoders, as sd-scripts writes it."""
    assert file_bytes(known_base("sdxl"), LoraSettings(rank=32), "fp16") / 1e6 == pytest.approx(228, abs=1)


KINDS = [
    {},
    {"conv_rank": 2},
    {"type": "dora"},
    {"type": "dora", "conv_rank": 2},
    {"type": "loha"},
    {"type": "loha", "conv_rank": 3},
    {"type": "lokr"},
    {"type": "lokr", "factor": 4, "decompose_both": True, "rank": 1},
    {"type": "lokr", "factor": 4, "rank": 16},
    {"text_encoder": False},
    {"unet": False},
]


def size_by_its_header(path: Path) -> int:
    header = int.from_bytes(path.read_bytes()[:8], "little")
    return path.stat().st_size - 8 - header


WITH_SDXL = [("tiny_sdxl", KINDS[0]), *(pytest.param("tiny_sdxl", kind, marks=pytest.mark.slow) for kind in KINDS[1:])]


@pytest.mark.parametrize(("folder", "kind"), [*(("tiny_base", kind) for kind in KINDS), *WITH_SDXL], ids=str)
def test_the_file_has_the_bytes_that_the_plan_said(folder, kind, request, tmp_path):
    place = str(request.getfixturevalue(folder))
    lora = LoraSettings(**{"rank": 4, **kind})
    adapter = attach(families.load(place, DTYPES["fp32"]), lora)
    for precision in ("fp16", "fp32"):
        save_lora(tmp_path / "lora.safetensors", adapter.tensors(), {}, DTYPES[precision])
        assert size_by_its_header(tmp_path / "lora.safetensors") == file_bytes(base_of(place), lora, precision)
    trained = sum(p.numel() for layer in adapter.layers for p in layer.weights.values())
    assert trained == parameters(base_of(place), lora)


def test_ranks_of_blocks_count():
    """With kohya's lists: nought in every block but the middle one leaves the middle one."""
    lists = ",".join("4" if block == 12 else "0" for block in range(25))
    base = known_base("sd1")
    left = [layer.path for layer, _ in adapted(base, LoraSettings(block_ranks=lists, text_encoder=False))]
    assert left
    assert all(path.startswith("mid_block") for path in left)


@pytest.mark.parametrize("number", [1, 7, 320, 768, 1280, 2048, 10240])
def test_a_number_is_divided_into_two_factors_as_near_as_can_be(number):
    small, large = divided(number, -1)
    assert small * large == number
    assert not any(number % other == 0 for other in range(small + 1, int(number**0.5) + 1))
    assert divided(768, 8) == (8, 96)
