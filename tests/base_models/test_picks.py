"""Well-known base models, those on this machine, and where fetched ones are kept."""

import json
import sys
import types

import pytest

from loranb.base_models import MOVED, QUICK_PICKS, find_checkpoints, is_on_hub, kept, pick, places
from loranb.base_models import checkpoints as on_machine
from loranb.cli import main


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
