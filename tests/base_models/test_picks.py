"""Well-known base models, those on this machine, and where fetched ones are kept."""

import json
import sys
import types

import pytest

from loranb.base_models import MOVED, QUICK_PICKS, fetching, find_checkpoints, here, is_on_hub, kept, pick, places
from loranb.base_models import checkpoints as on_machine
from loranb.cli import main
from loranb.errors import ModelError


def test_quick_picks_hold_the_three_bases_with_licence_and_page():
    by_family = {family: [p for p in QUICK_PICKS if p.family == family] for family in ("sd1", "sd2", "sdxl")}
    assert all(by_family.values())
    assert {p.resolution for p in by_family["sd1"]} == {512}
    assert {p.resolution for p in by_family["sdxl"]} == {1024}
    assert all(p.licence and p.note and p.page.endswith(p.source) and is_on_hub(p.source) for p in QUICK_PICKS)
    assert len({p.source for p in QUICK_PICKS}) == len(QUICK_PICKS)


def test_a_model_that_was_taken_down_is_picked_by_its_copy():
    assert pick("stabilityai/stable-diffusion-2-1").predicts == "v_prediction"
    assert pick("someone/else") is None
    assert not set(MOVED) & {p.source for p in QUICK_PICKS}


@pytest.mark.parametrize("source", ["demo", "./a/b", "~/model", "/a/b", "a/b/c", "a//b", r"C:\models/a"])
def test_paths_are_not_taken_for_models_of_the_hub(source):
    assert not is_on_hub(source)


def test_checkpoints_of_web_uis_are_found_and_small_files_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(on_machine, "SMALLEST", 10)
    monkeypatch.setenv("LORANB_MODELS", str(tmp_path / "kept"))
    for name in (
        "stable-diffusion-webui/models/Stable-diffusion/sdxl/base.safetensors",
        "stable-diffusion-webui-forge/models/Stable-diffusion/old.ckpt",
        "ComfyUI/models/checkpoints/anime.safetensors",
        "ComfyUI/models/loras/lora.safetensors",
        "kept/someone--sd/model_index.json",
        "kept/someone--sd/unet/diffusion_pytorch_model.safetensors",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 20)
    (tmp_path / "ComfyUI/models/checkpoints/put_checkpoints_here.safetensors").write_bytes(b"")
    names = [found.path.name for found in find_checkpoints([tmp_path, tmp_path / "nowhere"])]
    assert names == ["anime.safetensors", "base.safetensors", "old.ckpt", "someone--sd"]


def test_models_are_kept_where_they_outlive_the_machine(tmp_path, monkeypatch):
    monkeypatch.delenv("LORANB_MODELS", raising=False)
    monkeypatch.delenv("LORANB_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert places() == [tmp_path / "loranb/base_models"]
    monkeypatch.setenv("RUNPOD_POD_ID", "pod")
    assert [str(place) for place in places()] == ["/workspace/loranb/base_models", f"{tmp_path}/loranb/base_models"]
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    assert str(places()[0]) != "/content/drive/MyDrive/loranb/base_models"  # Drive is not mounted here


def test_half_a_model_does_not_count_as_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("LORANB_MODELS", str(tmp_path))
    folder = tmp_path / "someone--sd/unet"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"12345")
    assert kept("someone/sd") is None
    (folder.parent / ".loranb.json").write_text(json.dumps({"unet/model.safetensors": 5}))
    assert kept("someone/sd") == folder.parent
    (folder / "model.safetensors").write_bytes(b"123")
    assert kept("someone/sd") is None


def test_the_command_line_lists_what_there_is_to_choose_from(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LORANB_MODELS", str(tmp_path))
    assert main(["download", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["model"] for one in listed["quick_picks"]] == [p.source for p in QUICK_PICKS]
    assert main(["download", "nothing"]) == 1
    assert "owner/name" in capsys.readouterr().err


def test_a_place_without_room_is_passed_over_and_all_are_named_where_none_has_any(tmp_path, monkeypatch):
    drive, cache = tmp_path / "drive", tmp_path / "cache"
    monkeypatch.setattr(fetching, "places", lambda: [drive, cache])
    free = {drive: 2 * 2**30, cache: 20 * 2**30}
    monkeypatch.setattr(
        fetching.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=free[path if path in free else cache])
    )
    drive.mkdir()
    cache.mkdir()
    assert fetching._place("someone/sd", {"a": 4 * 2**30}) == cache
    assert fetching._place("someone/sd", {"a": 2**29}) == drive
    with pytest.raises(ModelError, match=r"drive has 2\.0 GiB free; .*cache has 20\.0 GiB free"):
        fetching._place("someone/sd", {"a": 40 * 2**30})


def test_what_another_program_fetched_is_found_in_the_hubs_own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LORANB_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--someone--sd"
    folder = repo / "snapshots/abc"
    for name in ("model_index.json", "unet/config.json", "vae/config.json", "vae/diffusion_pytorch_model.safetensors"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("abc")
    assert here("someone/sd") is None  # the U-Net's weights are missing
    (folder / "unet/diffusion_pytorch_model.safetensors").write_text("{}")
    assert here("someone/sd") == folder
