"""Where captioners come from: folders, a hub on this machine that answers as the real one does, and its cache."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from loranb.captioners import blip, wd14
from loranb.captioners._hub import folder
from loranb.demo import TAGGER
from loranb.errors import CaptionerError
from tests.local_hub import Hub, files_of


def loaded(name: str, model: str, home: Path, **environment: str) -> str:
    """Load a captioner in a process of its own, since the hub's address is read at import; return what is said."""
    code = (
        "import sys\nfrom loranb import captioners\nfrom loranb.errors import CaptionerError\nmodule = "
        "captioners.module(sys.argv[1])\ntold = []\ntry:\n    module.load(module.Options(model=sys.argv[2]), "
        "lambda *said: told.append(said))\n    print('loaded', told[-1:] )\nexcept CaptionerError as error:\n"
        "    print(error)"
    )
    keep = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, "-c", code, name, model],
        env=keep | {"HF_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("source", ["./no/such/folder", "nothing", "/no/such", "no/such/folder"])
def test_a_folder_that_is_not_there_is_said_to_be_missing(source: str) -> None:
    with pytest.raises(CaptionerError, match="no folder here"):
        folder(source, wd14.LAYOUT)


@pytest.mark.parametrize(
    ("model", "advice"),
    [
        ("someone/gated", "Accept its terms"),
        ("someone/misspelt", "Check the spelling"),
        ("someone/blocked", "HF_ENDPOINT to a mirror"),
    ],
)
def test_a_model_that_the_hub_does_not_give_comes_with_advice(
    hub: Hub, tmp_path: Path, model: str, advice: str
) -> None:
    said = loaded("wd14", model, tmp_path, HF_ENDPOINT=hub.address)
    assert advice in said
    assert "give that folder" in said


def test_offline_is_said_to_be_switched_on(tmp_path: Path) -> None:
    assert "HF_HUB_OFFLINE is set" in loaded("wd14", "someone/tagger", tmp_path, HF_HUB_OFFLINE="1")


def test_a_tagger_is_fetched_once_and_then_there_without_the_hub(hub: Hub, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    tagger = files_of(Path(TAGGER))
    hub.models["someone/tagger"] = tagger | {"model.msgpack": b"weights for another library"}
    assert loaded("wd14", "someone/tagger", tmp_path / "home", HF_ENDPOINT=hub.address).startswith("loaded")
    assert sorted(hub.fetched) == ["model.onnx", "selected_tags.csv"]
    assert loaded("wd14", "someone/tagger", tmp_path / "home", HF_HUB_OFFLINE="1").startswith("loaded")
    assert len(hub.fetched) == 2


def test_a_model_without_what_makes_it_one_is_named_with_one_that_has_it(hub: Hub, tmp_path: Path) -> None:
    hub.models["someone/else"] = {"selected_tags.csv": b"name,category\n"}
    said = loaded("wd14", "someone/else", tmp_path / "home", HF_ENDPOINT=hub.address)
    assert "has no model.onnx, so it is no tagger" in said
    assert wd14.DEFAULT in said


@pytest.mark.slow
def test_safetensors_are_fetched_and_pickled_weights_only_where_there_are_no_others(
    hub: Hub, tmp_path: Path, tiny_blip: Path
) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    both, old = (Path(shutil.copytree(tiny_blip, tmp_path / name)) for name in ("both", "old"))
    torch.save(load_file(both / "model.safetensors"), both / "pytorch_model.bin")
    (both / "pytorch_model.bin").rename(old / "pytorch_model.bin")
    (both / "pytorch_model.bin").write_bytes(b"not looked at")
    (old / "model.safetensors").unlink()
    hub.models |= {"someone/both": files_of(both), "someone/old": files_of(old)}
    assert loaded("blip", "someone/both", tmp_path / "home", HF_ENDPOINT=hub.address).startswith("loaded")
    assert "model.safetensors" in hub.fetched
    assert "pytorch_model.bin" not in hub.fetched
    assert loaded("blip", "someone/old", tmp_path / "home", HF_ENDPOINT=hub.address).startswith("loaded")
    assert "pytorch_model.bin" in hub.fetched


def test_a_folder_without_settings_or_weights_says_which(tiny_blip: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_blip, tmp_path / "copy"))
    (copy / "model.safetensors").unlink()
    with pytest.raises(CaptionerError, match=r"holds no weights \(model\*\.safetensors or pytorch_model\*\.bin\)"):
        blip.load(blip.Options(model=str(copy)))
    (copy / "config.json").unlink()
    with pytest.raises(CaptionerError, match=r"holds no config\.json"):
        blip.load(blip.Options(model=str(copy)))


def test_weights_that_do_not_fit_are_refused_and_not_made_up(tiny_blip: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(tiny_blip, tmp_path / "copy"))
    weights = load_file(copy / "model.safetensors")
    some = next(name for name in weights if name.endswith("query.weight"))
    del weights[some]
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    with pytest.raises(CaptionerError, match="do not fit BlipForConditionalGeneration: .*is missing"):
        blip.load(blip.Options(model=str(copy)))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json"])
def test_damaged_files_are_said_to_be_damaged(tiny_blip: Path, tmp_path: Path, name: str) -> None:
    copy = Path(shutil.copytree(tiny_blip, tmp_path / "copy"))
    (copy / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(CaptionerError, match="cannot be loaded"):
        blip.load(blip.Options(model=str(copy)))


@pytest.mark.parametrize("batch", [3, 4, 7])
def test_a_picture_too_many_for_the_gpu_is_looked_at_after_the_others(batch: int) -> None:
    torch = pytest.importorskip("torch")
    from loranb.captioners._torch import Speaker

    from .conftest import picture

    together = []

    def say(_model: object, _processor: object, pictures: list) -> list[str]:
        together.append(len(pictures))
        if len(pictures) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [str(shown.getpixel((0, 0))) for shown in pictures]

    pictures = [picture(seed) for seed in range(7)]
    speaker = Speaker(object(), object(), batch, say)
    assert [said.tags[0] for said in speaker.look(pictures)] == [str(shown.getpixel((0, 0))) for shown in pictures]
    assert together[0] == batch
    assert speaker.batch <= 2


def test_a_gpu_too_small_for_one_picture_is_said_to_be() -> None:
    torch = pytest.importorskip("torch")
    from loranb.captioners._torch import Speaker

    from .conftest import picture

    def say(_model: object, _processor: object, _pictures: list) -> list[str]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(CaptionerError, match="GPU memory does not do.*smaller model"):
        Speaker(object(), object(), 4, say).look([picture(1)] * 4)
