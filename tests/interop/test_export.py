"""Settings leave for kohya's tools as easily as they came."""

import hashlib
import json
import shlex
import tomllib
from pathlib import Path

import pytest

from loranb.cli import main
from loranb.dataset.edits import Edit, Edits
from loranb.errors import SettingsError
from loranb.interop.export import export
from loranb.interop.kohya import read
from loranb.settings import Settings, presets

DATA = Path(__file__).parent / "data"
NETWORK = {
    "algo",
    "conv_dim",
    "conv_alpha",
    "factor",
    "decompose_both",
    "dora_wd",
    "preset",
}  # of lycoris and networks.lora


def keys(section):
    """Return the keys of a section of the list of all keys."""
    text = (DATA / "kohya_keys.txt").read_text()
    return set(text.partition(f"[{section}]\n")[2].partition("[")[0].split())


def exported(tmp_path, name, **changes):
    """Export settings with some values, and read the file as its tool would."""
    changes = {path.replace("__", "."): value for path, value in changes.items()}
    done = export(Settings().assign_all(changes), tmp_path / name)
    text = done.path.read_text(encoding="utf-8")
    return done, json.loads(text) if name.endswith("json") else tomllib.loads(text)


@pytest.mark.parametrize("name", presets())
def test_a_preset_comes_back_from_both_tools(tmp_path, name):
    for file in ("a.json", "a.toml"):
        done = export(Settings.preset(name), tmp_path / file)
        assert read(tmp_path / file).settings == done.said
        assert read(tmp_path / file).unknown == []


@pytest.mark.parametrize("name", presets())
def test_only_keys_that_these_tools_have_are_written(tmp_path, name):
    settings = Settings.preset(name)
    export(settings, tmp_path / "a.json")
    written = json.loads((tmp_path / "a.json").read_text())
    assert set(written) <= keys("form")
    export(settings, tmp_path / "a.toml")
    arguments = tomllib.loads((tmp_path / "a.toml").read_text())
    assert set(arguments) <= keys("arguments") | {"stop_text_encoder_training"}
    assert {text.partition("=")[0] for text in arguments["network_args"]} <= keys("network_arguments") | NETWORK


@pytest.mark.parametrize("name", ["a.json", "a.toml"])
def test_steps_are_whole_numbers_since_sd_scripts_takes_others_for_shares(tmp_path, name):
    changes = {"optimizer__schedule": "warmup_stable_decay", "optimizer__schedule_decay": 200}
    _, written = exported(tmp_path, name, optimizer__warmup=100, **changes)
    assert str(written["lr_warmup_steps"]) == "100"
    assert (
        str(written.get("lr_decay_steps")) == "200"
        or "--lr_decay_steps=200" in written["additional_parameters"].split()
    )


@pytest.mark.parametrize("name", ["a.json", "a.toml"])
def test_a_constant_schedule_has_no_warm_up_since_sd_scripts_refuses_one(tmp_path, name):
    done, written = exported(tmp_path, name, optimizer__schedule="constant", optimizer__warmup=0.05)
    assert not written["lr_warmup_steps"]
    assert not written.get("lr_warmup")
    assert not any("warmup" in said for said in done.left_out)


@pytest.mark.parametrize(("base", "in_fp32"), [("stabilityai/stable-diffusion-xl-base-1.0", True), ("demo", False)])
def test_the_vae_of_sdxl_is_kept_out_of_fp16(tmp_path, base, in_fp32):
    assert exported(tmp_path, "a.json", model__base=base)[1]["sdxl_no_half_vae"] == in_fp32
    assert exported(tmp_path, "a.toml", model__base=base)[1]["no_half_vae"] == in_fp32


def test_the_form_is_told_all_that_its_screen_would_keep(tmp_path):
    _, written = exported(tmp_path, "a.json", length__epochs=7)
    assert (written["epoch"], written["max_train_epochs"], written["max_train_steps"]) == (7, 7, 0)
    assert written["additional_parameters"] == ""
    assert written["lr_scheduler_type"] == written["network_weights"] == ""
    assert written["bucket_no_upscale"] is True


def test_the_form_takes_numbers_where_it_has_numbers(tmp_path):
    _, written = exported(tmp_path, "a.json", optimizer__warmup=0.07, memory__precision="bf16", lora__alpha=8)
    assert (written["lr_warmup"], written["lr_warmup_steps"]) == (7.0, 0)
    assert (written["min_snr_gamma"], written["noise_offset"]) == (0, 0)
    assert (written["network_dim"], written["network_alpha"], written["mixed_precision"]) == (16, 8, "bf16")
    assert written["max_resolution"] == "512,512"


def test_what_the_form_has_no_field_for_is_passed_on(tmp_path):
    changes = {"captions__prefix": "it's --so", "objective__zero_terminal_snr": True, "optimizer__max_grad_norm": 0}
    _, written = exported(tmp_path, "a.json", **changes)
    words = shlex.split(written["additional_parameters"])
    assert sorted(words) == ["--caption_prefix=it's --so", "--max_grad_norm=0", "--zero_terminal_snr"]


@pytest.mark.parametrize(
    ("changes", "kind", "module", "arguments"),
    [
        ({}, "Standard", "networks.lora", set()),
        ({"lora__conv_rank": 8}, "Kohya LoCon", "networks.lora", {"conv_dim=8", "conv_alpha=8.0"}),
        ({"lora__type": "loha"}, "LyCORIS/LoHa", "lycoris.kohya", {"algo=loha", "preset=attn-mlp"}),
        (
            {"lora__type": "lokr", "lora__factor": 8},
            "LyCORIS/LoKr",
            "lycoris.kohya",
            {"algo=lokr", "factor=8", "preset=attn-mlp"},
        ),
        ({"lora__type": "dora"}, "LyCORIS/LoCon", "lycoris.kohya", {"algo=locon", "dora_wd=True", "preset=attn-mlp"}),
    ],
)
def test_networks_go_by_their_names_there(tmp_path, changes, kind, module, arguments):
    assert exported(tmp_path, "a.json", **changes)[1]["LoRA_type"] == kind
    written = exported(tmp_path, "a.toml", **changes)[1]
    assert (written["network_module"], set(written["network_args"])) == (module, arguments)


@pytest.mark.parametrize(
    ("base", "family", "expected"),
    [
        ("stabilityai/stable-diffusion-xl-base-1.0", "auto", (True, False, "sdxl_train_network.py")),
        ("/models/mine.safetensors", "sdxl", (True, False, "sdxl_train_network.py")),
        ("somebody/my-xl-mix", "auto", (True, False, "sdxl_train_network.py")),
        ("/models/mine.safetensors", "sd2", (False, True, "train_network.py")),
        ("/models/mine.safetensors", "auto", (False, False, "train_network.py")),
    ],
)
def test_the_family_is_said_by_kohyas_switches(tmp_path, base, family, expected):
    done, written = exported(tmp_path, "a.json", model__base=base, model__family=family)
    assert (written["sdxl"], written["v2"], done.script) == expected


def test_the_family_is_recognised_from_the_models_files(tmp_path, tiny_sdxl):
    assert exported(tmp_path, "a.json", model__base=str(tiny_sdxl))[1]["sdxl"]


def test_a_part_that_is_not_trained_has_the_rate_nought(tmp_path):
    _, written = exported(tmp_path, "a.toml", lora__text_encoder=False)
    assert (written["unet_lr"], written["text_encoder_lr"]) == (1e-4, 0)
    _, written = exported(tmp_path, "a.json", lora__unet=False)
    assert (written["unet_lr"], written["text_encoder_lr"]) == (0, 5e-5)


def test_sd_scripts_divides_by_no_nought(tmp_path):
    _, written = exported(tmp_path, "a.toml", samples__every_epochs=0)
    every = {key: value for key, value in written.items() if "every_n" in key}
    assert all(every.values())
    assert "sample_every_n_epochs" not in every


def test_sample_prompts_lie_in_a_file_of_their_own_for_sd_scripts(tmp_path):
    done, written = exported(tmp_path, "a.toml", samples__prompts=("a cat", "a dog --s 20"))
    assert [Path(written["sample_prompts"])] == done.more
    assert done.more[0].read_text() == "a cat\na dog --s 20\n"


def test_a_file_of_prompts_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "a_prompts.txt").write_text("mine")
    done, _ = exported(tmp_path, "a.toml", samples__prompts=("a cat",))
    assert (tmp_path / "a_prompts.txt").read_text() == "mine"
    assert read(done.path).settings.samples.prompts == ("a cat",)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"memory__base": "4bit"}, "memory.base = 4bit; there it is as is."),
        ({"objective__stratified": True, "length__batch_size": 2}, "objective.stratified = True"),
        ({"optimizer__schedule": "rex"}, "optimizer.schedule = rex; there it is cosine."),
    ],
)
def test_what_cannot_be_said_is_named(tmp_path, changes, said):
    done, _ = exported(tmp_path, "a.json", **changes)
    assert any(line.startswith(said) for line in done.left_out)
    assert export(Settings.preset("demo"), tmp_path / "b.json").left_out == [
        "memory.precision = auto; there it is fp16."
    ]


def test_an_optimizer_that_kohya_knows_by_its_class_comes_back_by_its_name(tmp_path):
    for name in ("CAME", "Lion", "Prodigy", "AdamWScheduleFree"):
        _, written = exported(tmp_path, "a.toml", optimizer__name=name)
        assert read(tmp_path / "a.toml").settings.optimizer.name == name
        assert (written["optimizer_type"] == name) == (name != "CAME")


@pytest.mark.parametrize("changes", [{"objective.timestep_min": 800, "objective.timestep_max": 700}])
def test_settings_that_exclude_each_other_are_not_written(tmp_path, changes):
    with pytest.raises(SettingsError, match="timestep_min") as caught:
        export(Settings().assign_all(changes), tmp_path / "a.json")
    assert len(caught.value.problems) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_says_no_format_is_told(tmp_path):
    with pytest.raises(SettingsError, match=".json"):
        export(Settings(), tmp_path / "a.yaml")


def test_a_project_is_written_with_its_folders(drawn_project, tmp_path, capsys):
    out = tmp_path / "preset.json"
    assert main(["export-kohya", str(drawn_project.root), "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["file"] == str(out)
    written = json.loads(out.read_text())
    assert Path(written["train_data_dir"]) == drawn_project.img.resolve()
    assert written["reg_data_dir"] == ""
    assert main(["export-kohya", str(drawn_project.root), "--out", str(out)]) == 1
    assert "not overwritten" in capsys.readouterr().err
    found = read(out)
    assert found.settings.dataset.resolution == 64
    assert "train_data_dir" in found.ignored


def test_pictures_that_are_cut_here_are_said_to_be_whole_there(drawn_project, tmp_path, capsys):
    picture = next(drawn_project.img.rglob("*.png"))
    content = hashlib.sha256(picture.read_bytes()).hexdigest()
    Edits(drawn_project.edits_file).set(content, Edit(90), picture.name)
    assert main(["export-kohya", str(drawn_project.root), "--out", str(tmp_path / "a.toml")]) == 0
    assert "how 1 of the pictures are turned or cropped" in capsys.readouterr().out
