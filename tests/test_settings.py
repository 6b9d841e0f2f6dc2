import re
import tomllib

import pytest

from loranb.errors import SettingsError
from loranb.settings import Settings, fields, presets
from loranb.settings.advice import advice


def test_every_setting_survives_the_file(tmp_path):
    asked = Settings().assign_all({"lora.rank": 32, "lora.alpha": 8, "samples.prompts": ("a, --w 64", "ü")})
    asked.save(tmp_path / "settings.toml")
    assert Settings.load(tmp_path / "settings.toml") == asked


def test_the_file_says_of_each_setting_what_it_does_and_what_is_allowed():
    text = Settings().to_toml()
    flat = " ".join(line.lstrip("# ") for line in text.splitlines())
    for field in fields():
        assert f"{field.name} =" in text
        assert " ".join(field.help.split()) in flat
    assert "(1 to 1,024)" in flat


def test_every_setting_has_help_that_is_a_sentence():
    for field in fields():
        assert len(field.help) > 40, field.path
        assert field.help.endswith("."), field.path


@pytest.mark.parametrize("text", ["lora.rank=32", "lora.alpha=8", "optimizer.schedule=linear", "dataset.flip=true"])
def test_the_command_line_changes_what_it_names_and_nothing_else(text):
    path, value = text.split("=")
    changed = Settings().assign_text([text])
    different = [f.path for f in fields() if f.of(changed) != f.of(Settings())]
    assert different == [path]
    assert str(next(f for f in fields() if f.path == path).of(changed)).lower().startswith(value)


def test_a_comment_of_an_older_file_is_found_among_the_metadata():
    assert Settings.from_values({"saving": {"comment": "by hand"}}).metadata.comment == "by hand"


def test_an_empty_value_means_blank():
    assert Settings().assign("lora.alpha", 4).assign_text(["lora.alpha="]).lora.alpha is None


def test_all_problems_are_told_at_once():
    with pytest.raises(SettingsError) as caught:
        Settings.from_values({"lora": {"rank": 0, "rnak": 3}, "optimizer": {"learning_rate": "fast"}})
    assert caught.value.problems == [
        "lora.rank = 0; expected a whole number, 1 to 1,024.",
        "lora.rnak is not a setting; did you mean lora.rank?",
        "optimizer.learning_rate = 'fast'; expected a number, above 0, to 10.",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("vae", "model.vae"),
        ("lora.vae", "model.vae"),
        ("lora.rnak", "lora.rank"),
        ("network_dim", "lora.rank"),
        ("lora.network_dim", "lora.rank"),
        ("dropout", "captions.dropout or lora.dropout"),
    ],
)
def test_a_name_that_is_none_comes_with_the_one_that_was_meant(name, meant):
    with pytest.raises(SettingsError, match=f"did you mean {re.escape(meant)}"):
        Settings().assign_text([f"{name}=1"])


def test_text_that_sets_nothing_is_told():
    with pytest.raises(SettingsError, match="lora.rank=32"):
        Settings().assign_text(["lora.rank"])


def test_a_file_that_is_no_toml_is_told(tmp_path):
    (tmp_path / "s.toml").write_text("rank = = 3")
    with pytest.raises(SettingsError, match="is not a settings file"):
        Settings.load(tmp_path / "s.toml")


def test_a_file_is_read_with_the_mark_that_some_editors_put_in_front(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf[lora]\nrank = 4\n")
    assert Settings.load(tmp_path / "a.toml").lora.rank == 4


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read"):
        Settings.load(tmp_path / "none.toml")


def test_an_older_name_beside_a_group_that_is_no_table_is_told():
    with pytest.raises(SettingsError, match="captions = 3"):
        Settings.from_values({"dataset": {"keep_tags": 2}, "captions": 3})


def test_alpha_above_rank_is_advice_and_no_problem():
    assert any("lora.alpha" in said.words for said in advice(Settings().assign("lora.alpha", 64)))
    assert advice(Settings()) == []


@pytest.mark.parametrize("name", presets())
def test_every_preset_can_be_used(name):
    assert isinstance(Settings.preset(name), Settings)


def test_no_kohya_key_is_claimed_twice():
    keys = [field.kohya for field in fields() if field.kohya]
    assert len(keys) == len(set(keys))


def test_a_not_a_number_is_refused():
    with pytest.raises(SettingsError):
        Settings().assign("optimizer.learning_rate", float("nan"))


def test_values_in_the_file_are_plain_toml():
    assert tomllib.loads(Settings().to_toml())["lora"]["rank"] == Settings().lora.rank


@pytest.mark.parametrize("colour", ["blurple", "#12345", "#11223344", "", "255"])
def test_a_background_that_is_no_colour_is_refused_with_what_is_allowed(colour):
    with pytest.raises(SettingsError) as caught:
        Settings().assign("dataset.background", colour)
    assert caught.value.problems == [
        f"dataset.background = {colour!r}; expected text, a colour's name or #rrggbb.",
    ]


@pytest.mark.parametrize("colour", ["white", "Black", "#a0b0c0", "rgb(1, 2, 3)"])
def test_a_background_is_any_colour_that_pillow_knows(colour):
    assert Settings().assign("dataset.background", colour).dataset.background == colour


@pytest.mark.parametrize(
    "changes",
    [
        {"lora.alpha": 64},
        {"lora.conv_rank": 4, "lora.conv_alpha": 8},
        {"lora.rank_stabilised": True, "lora.rank": 64},
        {"lora.type": "loha", "lora.rank": 64},
        {"lora.factor": 8},
        {"lora.rank_dropout": 0.8},
        {
            "optimizer.name": "Prodigy",
            "optimizer.learning_rate": 1.0,
            "optimizer.text_encoder_2_learning_rate": 1e-4,
        },
        {"optimizer.loraplus_ratio": 16, "optimizer.learning_rate": 1e-3},
        {"optimizer.loraplus_ratio": 12, "optimizer.learning_rate": 1e-3},
        {"dataset.no_upscale": False, "dataset.resolution": 1536},
        {"optimizer.name": "Prodigy", "optimizer.text_encoder_learning_rate": 1e-4},
        {"optimizer.name": "Adafactor", "optimizer.args": ("warmup_init=False",)},
        {"optimizer.learning_rate": 1e-2},
        {"optimizer.name": "AdamWScheduleFree"},
        {"optimizer.schedule": "cosine_with_min_lr"},
        {"optimizer.schedule": "cosine_with_restarts"},
        {"optimizer.schedule": "warmup_stable_decay", "optimizer.warmup": 0.9, "optimizer.schedule_decay": 0.2},
        {"objective.min_snr_gamma": 5, "objective.debiased": True},
        {"objective.zero_terminal_snr": True, "objective.predicts": "epsilon"},
        {"objective.stratified": True},
        {"noise.offset": 0.1, "noise.multires_iterations": 6},
    ],
)
def test_what_mends_advice_ends_it(changes):
    def without_numbers(words):
        return re.sub(r"[\d.e-]+", "", words)

    settings = Settings().assign_all(changes)
    said = advice(settings)
    assert said
    for one in said:
        mended = [left.words for left in advice(settings.assign_all(one.mend))]
        assert without_numbers(one.words) not in map(without_numbers, mended)
