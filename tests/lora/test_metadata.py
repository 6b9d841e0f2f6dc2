"""What a LoRA file tells: kohya's and ModelSpec's keys, and every setting."""

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from loranb.dataset.training_set import TrainingImage
from loranb.errors import SettingsError
from loranb.lora.metadata import SETTINGS, Moment, metadata, settings_of
from loranb.lora.thumbnail import newest_sample, thumbnail
from loranb.plan import plan
from loranb.settings import Settings

BASE = {"name": "v1-5.safetensors", "version": "sd_v1", "architecture": "stable-diffusion-v1", "prediction": "epsilon"}


def told(changes=None):
    settings = Settings().assign_all({"saving.name": "city_v1a", **(changes or {})})
    pictures = [TrainingImage(Path("a.png"), 512, 512, 20, "medieval city", "20_medieval city")]
    return metadata(settings, plan(settings, pictures), BASE, Moment(1, 20, 0.0, 1.0, 7), "torch.optim.AdamW()")


@pytest.mark.parametrize(
    ("setting", "key"),
    [  # the names of ModelSpec 1.0.1, and kohya's for the comment
        ("metadata.author", "modelspec.author"),
        ("metadata.description", "modelspec.description"),
        ("metadata.licence", "modelspec.license"),
        ("metadata.tags", "modelspec.tags"),
        ("metadata.title", "modelspec.title"),
        ("metadata.trigger_phrase", "modelspec.trigger_phrase"),
        ("metadata.usage_hint", "modelspec.usage_hint"),
        ("metadata.comment", "ss_training_comment"),
    ],
)
def test_what_a_person_says_stands_where_programs_look_for_it(setting, key):
    assert told({setting: "für alle"})[key] == "für alle"
    assert key in ("modelspec.title", "ss_training_comment") or key not in told()


def test_a_lora_without_a_title_goes_by_its_name():
    assert told()["modelspec.title"] == "city_v1a"


def test_least_detail_is_what_kohyas_trainer_writes_without_metadata():
    kept = told({"metadata.detail": "least", "lora.alpha": 8})
    allowed = {"network_module", "network_dim", "network_alpha", "network_args", "v2", "base_model_version"}
    assert {key.removeprefix("ss_") for key in kept} <= allowed
    assert kept["ss_network_alpha"] == "8.0"


def test_usual_detail_holds_no_paths_and_no_prompts():
    changes = {"model.base": "/home/me/secret/base.safetensors", "samples.prompts": ("secret words",)}
    assert "secret" in str(told(changes))
    assert "secret" not in str(told({**changes, "metadata.detail": "usual"}))


def test_full_detail_gives_every_setting_back():
    changes = {"samples.prompts": ("a", "ü --s 3"), "optimizer.args": ("betas=0.9,0.99",), "noise.offset": 0.05}
    assert settings_of(told(changes)) == Settings().assign_all({"saving.name": "city_v1a", **changes})


@pytest.mark.parametrize("metadata_of_another", [{}, {"ss_network_dim": "8"}, {SETTINGS: "{"}])
def test_a_file_without_settings_is_told(metadata_of_another):
    with pytest.raises(SettingsError):
        settings_of(metadata_of_another)


def test_a_thumbnail_is_a_small_picture_in_both_places(tmp_path):
    Image.new("RGBA", (1024, 512), "red").save(tmp_path / "a.png")
    kept = thumbnail(tmp_path / "a.png")
    head, _, text = kept["modelspec.thumbnail"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert json.loads(kept["ssmd_cover_images"]) == [text]
    shown = Image.open(io.BytesIO(base64.b64decode(text)))
    assert (shown.format, shown.size) == ("JPEG", (256, 128))


def test_the_newest_sample_is_the_first_prompts_of_the_last_step(tmp_path):
    assert newest_sample(tmp_path) is None
    for name in ("city_000010_00.png", "city_000020_00.png", "city_000020_01.png"):
        (tmp_path / name).touch()
    assert newest_sample(tmp_path).name == "city_000020_00.png"
