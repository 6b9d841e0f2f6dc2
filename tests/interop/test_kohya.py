"""Presets of kohya's form of every age, and sd-scripts' files, become the settings that they say."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from loranb.errors import SettingsError
from loranb.interop._reading import by_key, converted
from loranb.interop._words import OURS
from loranb.interop.kohya import read
from loranb.settings import Settings, fields

DATA = Path(__file__).parent / "data"


def keys(section):
    """Return the keys of a section of the list of all keys."""
    text = (DATA / "kohya_keys.txt").read_text()
    return text.partition(f"[{section}]\n")[2].partition("[")[0].split()


@pytest.fixture
def of_form(tmp_path):
    """Import a preset of the form, given as a table."""

    def take(**values):
        (tmp_path / "preset.json").write_text(json.dumps(values))
        return read(tmp_path / "preset.json")

    return take


@pytest.fixture
def of_scripts(tmp_path):
    """Import a file of sd-scripts, given as text."""

    def take(text):
        (tmp_path / "config.toml").write_text(text)
        return read(tmp_path / "config.toml")

    return take


def said(found):
    return "\n".join(one.words for one in found.advice)


def values(found, *paths):
    return tuple(field.of(found.settings) for path in paths for field in fields() if field.path == path)


def test_a_preset_of_2022_says_all_it_says():
    found = read(DATA / "form_2022.json")
    assert found.unknown == []
    assert values(found, "optimizer.name", "optimizer.learning_rate", "optimizer.text_encoder_learning_rate") == (
        "AdamW8bit",
        1e-4,
        5e-5,
    )
    assert values(found, "optimizer.schedule", "optimizer.warmup") == ("constant_with_warmup", 0.07)
    assert values(found, "lora.rank", "lora.alpha", "lora.text_encoder") == (128, 120, True)
    assert values(found, "dataset.resolution", "length.batch_size", "length.seed") == (768, 2, 1234)
    assert values(found, "memory.precision", "saving.precision", "saving.name") == ("bf16", "bf16", "medieval_city")
    assert values(found, "length.epochs", "length.steps", "saving.every_epochs") == (8, None, 2)
    assert values(found, "captions.keep", "dataset.buckets", "dataset.no_upscale") == (0, True, True)
    assert found.settings.model.base == "stable-diffusion-v1-5/stable-diffusion-v1-5"
    assert "not on the hub any more" in said(found)
    assert "computed from length.epochs = 8" in said(found)


def test_a_preset_of_2023_says_all_it_says():
    found = read(DATA / "form_2023.json")
    assert found.unknown == []
    assert "stable-diffusion-xl-base-1.0" in found.settings.model.base
    assert found.settings.optimizer.args == ("d0=1e-5", "d_coef=1.0", "betas=0.9,0.99")
    assert values(found, "optimizer.name", "optimizer.weight_decay", "optimizer.learning_rate") == ("Prodigy", 0.01, 1)
    assert values(found, "dataset.resolution", "dataset.bucket_min", "dataset.bucket_max") == (1024, 512, 2048)
    assert values(found, "dataset.bucket_step", "dataset.flip", "captions.dropout") == (32, True, 0.05)
    assert values(found, "noise.offset", "noise.multires_iterations", "noise.multires_discount") == (None, 8, 0.2)
    assert values(found, "length.epochs", "length.gradient_accumulation", "length.batch_size") == (12, 2, 3)
    assert found.settings.objective.min_snr_gamma == 5
    assert found.settings.length.seed == Settings().length.seed
    assert found.ignored["seed"]
    assert "Multires" in found.ignored["noise_offset"]


def test_arguments_that_the_form_passes_on_win_over_it():
    found = read(DATA / "form_2023.json")
    assert found.settings.optimizer.max_grad_norm == 0
    assert found.settings.optimizer.schedule == "cosine"
    assert {"max_grad_norm", "lr_scheduler_type"} <= set(found.mapped)
    assert "log_prefix" in found.ignored


def test_a_preset_of_2025_says_all_it_says():
    found = read(DATA / "form_2025.json")
    assert found.unknown == []
    assert values(found, "optimizer.name", "optimizer.schedule_cycles", "optimizer.warmup") == ("AdamW8bit", 3, 100)
    assert values(found, "saving.precision", "metadata.comment", "noise.offset") == ("fp32", "made by hand", 0.05)
    assert found.settings.samples.prompts == ("a city --w 768--h 640", "a church --n cartoon")
    assert found.settings.samples.every_epochs == 2
    assert found.ignored["t5xxl"] == found.ignored["sd3_clip_l_dropout_rate"] == "it is for another family of models."


def test_steps_end_the_run_as_in_kohyas_trainer_and_the_way_back_is_offered():
    found = read(DATA / "form_2025.json")
    assert (found.settings.length.steps, found.settings.length.epochs) == (1600, 20)
    mend = next(one for one in found.advice if "max_train_steps = 1600" in one.words).mend
    assert found.settings.assign_all(mend).length.steps is None


@pytest.mark.parametrize(("length", "every"), [({"max_train_steps": 1600}, 10000), ({"max_train_steps": 0}, 2)])
def test_no_saving_on_the_way_is_none_however_many_epochs_the_steps_come_to(of_form, length, every):
    assert of_form(epoch=2, save_every_n_epochs=0, **length).settings.saving.every_epochs == every


def test_a_rate_of_nought_leaves_the_text_encoder_untrained_and_the_way_back_is_offered():
    found = read(DATA / "form_2025.json")
    assert not found.settings.lora.text_encoder
    mend = next(one for one in found.advice if "text_encoder_lr = 0" in one.words).mend
    assert found.settings.assign_all(mend).lora.text_encoder


def test_the_form_leaves_a_nought_out_and_its_trainer_takes_its_own_value():
    found = read(DATA / "form_2025.json")
    assert found.settings.optimizer.max_grad_norm == 1
    mend = next(one for one in found.advice if "max_grad_norm" in one.words).mend
    assert found.settings.assign_all(mend).optimizer.max_grad_norm == 0


def test_a_nought_in_sd_scripts_arguments_is_a_nought(of_scripts):
    assert of_scripts("max_grad_norm = 0").settings.optimizer.max_grad_norm == 0


@pytest.mark.parametrize(
    ("rates", "expected"),
    [  # U-Net, text encoder, whole -> rate of the U-Net, of the text encoder, whether that is trained
        ({"unet_lr": 0, "text_encoder_lr": 0, "learning_rate": 3e-4}, (3e-4, 3e-4, True)),
        ({"unet_lr": 1e-4, "text_encoder_lr": "5e-5", "learning_rate": 1e-3}, (1e-4, 5e-5, True)),
        ({"learning_rate": "0.0003"}, (3e-4, 3e-4, True)),
        ({"unet_lr": 1e-4, "text_encoder_lr": 0.0}, (1e-4, None, False)),
        ({"unet_lr": "", "text_encoder_lr": "", "learning_rate": 2e-4}, (2e-4, 2e-4, True)),
        ({"unet_lr": 1e-4, "text_encoder_lr": [2e-5, 3e-5]}, (1e-4, 2e-5, True)),
    ],
)
def test_rates_are_those_that_kohyas_trainer_would_use(of_form, rates, expected):
    found = of_form(**rates)
    paths = ("optimizer.learning_rate", "optimizer.text_encoder_learning_rate", "lora.text_encoder")
    assert values(found, *paths) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [  # -> epochs, steps; sd-scripts: epochs override steps, steps override the form's epoch
        ({"epoch": 7, "max_train_steps": ""}, (7, None)),
        ({"epoch": 7, "max_train_steps": 0}, (7, None)),
        ({"epoch": 7, "max_train_steps": "300"}, (7, 300)),
        ({"epoch": 7, "max_train_steps": 300, "max_train_epochs": "9"}, (9, None)),
        ({"epoch": "7"}, (7, None)),
        ({}, (1, None)),
    ],
)
def test_the_length_is_the_one_that_wins(of_form, length, expected):
    assert values(of_form(**length), "length.epochs", "length.steps") == expected


@pytest.mark.parametrize(
    ("warmup", "expected"),
    [
        ({"lr_warmup": 10}, 0.1),
        ({"lr_warmup": "8"}, 0.08),
        ({"lr_warmup": 10, "lr_warmup_steps": 50}, 50),
        ({"lr_warmup": 0, "lr_warmup_steps": 0}, 0),
        ({}, 0.1),
    ],
)
def test_the_forms_warm_up_is_per_cent_unless_steps_are_given(of_form, warmup, expected):
    assert of_form(**warmup).settings.optimizer.warmup == expected


@pytest.mark.parametrize(("text", "expected"), [("0.05", 0.05), ("200", 200), ('"5%"', 0.05), ("0", 0)])
def test_sd_scripts_warm_up_is_a_share_or_steps(of_scripts, text, expected):
    assert of_scripts(f"lr_warmup_steps = {text}").settings.optimizer.warmup == expected


@pytest.mark.parametrize(("given", "side"), [("512,512", 512), ("768", 768), ("1024,1024", 1024), ("512,650", 576)])
def test_the_resolution_is_as_large_as_the_files(of_form, given, side):
    found = of_form(max_resolution=given)
    assert found.settings.dataset.resolution == side
    assert ("not square" in said(found)) == (given == "512,650")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flux1_checkbox": True}, "Flux"),
        ({"LoRA_type": "Flux1"}, "Flux"),
        ({"sd3_checkbox": "True"}, "Stable Diffusion 3"),
        ({"LoRA_type": "LyCORIS/iA3"}, "LyCORIS/iA3"),
        ({"LoRA_type": "Kohya DyLoRA"}, "Kohya DyLoRA"),
        ({"LoRA_type": "LyCORIS/Diag-OFT"}, "LyCORIS/Diag-OFT"),
        ({"LoRA_type": "LoRA-FA"}, "LoRA-FA"),
    ],
)
def test_what_loranb_does_not_train_is_refused_by_name_with_what_to_choose(of_form, changes, words):
    with pytest.raises(SettingsError, match=words) as caught:
        of_form(**changes)
    assert "hoose one of" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('network_module = "networks.lora_flux"', "Flux"),
        ('network_module = "networks.lora_lumina"', "Lumina"),
        ('network_module = "lycoris.kohya"\nnetwork_args = ["algo=boft"]', "boft"),
        ('network_module = "networks.oft"', "networks.oft"),
    ],
)
def test_sd_scripts_networks_that_loranb_does_not_train_are_refused_by_name(of_scripts, text, words):
    with pytest.raises(SettingsError, match=words):
        of_scripts(text)


@pytest.mark.parametrize("value", ["", 0, False])
@pytest.mark.parametrize("sections", [("form", "old"), ("form",)])
def test_every_key_of_the_form_is_known_and_said_to_be_mapped_or_ignored(of_form, sections, value):
    every = [key for section in sections for key in keys(section) if key != "additional_parameters"]
    found = of_form(**dict.fromkeys(every, value))
    assert found.unknown == []
    newest = {key for key in every if key not in keys("old") and not has_an_old_name(key)}
    assert newest <= {*found.mapped, *found.ignored}


@pytest.mark.parametrize("value", ['""', "0", "false"])
def test_every_argument_of_sd_scripts_is_known_and_said_to_be_mapped_or_ignored(of_scripts, value):
    every = [key for key in [*keys("arguments"), *keys("network_arguments")] if key != "network_args"]
    found = of_scripts("\n".join(f"{key} = {value}" for key in every))
    assert found.unknown == []
    assert set(every) <= {*found.mapped, *found.ignored}


def has_an_old_name(key):
    """Whether a key is in the list under the name of another year too; the one that was read last is told."""
    return key in ("cache_latents", "caption_extension", "conv_block_dims", "conv_block_alphas", "network_weights") or (
        key == "stop_text_encoder_training"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [  # type, rank of the convolutions, DoRA only from LyCORIS; with Standard the form sends none of them
        ({"LoRA_type": "Standard", "conv_dim": 8, "dora_wd": True, "factor": 4}, ("lora", None, -1)),
        ({"LoRA_type": "Kohya LoCon", "conv_dim": 8, "factor": 4}, ("lora", 8, -1)),
        ({"LoRA_type": "LyCORIS/LoCon", "conv_dim": 8, "dora_wd": True}, ("dora", 8, -1)),
        ({"LoRA_type": "LyCORIS/LoHa", "conv_dim": 0, "network_dim": 4}, ("loha", 4, -1)),  # LyCORIS takes the rank
        ({"LoRA_type": "LyCORIS/LoHa", "conv_dim": 2, "LyCORIS_preset": "attn-mlp"}, ("loha", None, -1)),
        ({"LoRA_type": "Kohya LoHa", "conv_dim": 0}, ("loha", None, -1)),
        ({"LoRA_type": "LyCORIS/LoKr", "conv_dim": 4, "factor": 8}, ("lokr", 4, 8)),
    ],
)
def test_the_network_is_the_forms(of_form, given, expected):
    assert values(of_form(**given), "lora.type", "lora.conv_rank", "lora.factor") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('network_module = "networks.lora"', ("lora", None)),
        ('network_module = "networks.lora"\nnetwork_args = ["conv_dim=4", "conv_alpha=1"]', ("lora", 4)),
        ('network_module = "lycoris.kohya"\nnetwork_args = ["algo=loha", "conv_dim=4"]', ("loha", 4)),
        ('network_module = "lycoris.kohya"\nnetwork_args = ["algo=lora", "dora_wd=True"]', ("dora", 4)),
        ('network_module = "lycoris.kohya"\nnetwork_args = ["algo=lokr", "preset=attn-mlp"]', ("lokr", None)),
        ('network_module = "networks.lokr"', ("lokr", None)),
    ],
)
def test_the_network_is_sd_scripts(of_scripts, text, expected):
    assert values(of_scripts(text), "lora.type", "lora.conv_rank") == expected


@pytest.mark.parametrize(
    ("given", "path", "expected"),
    [
        ({"full_bf16": True}, "memory.lora_precision", "bf16"),
        ({"full_fp16": "True"}, "memory.lora_precision", "fp16"),
        ({"full_fp16": False}, "memory.lora_precision", "fp32"),
        ({"fp8_base": True}, "memory.base", "fp8"),
        ({"gradient_checkpointing": True}, "memory.gradient_checkpointing", "full"),
        ({"dynamo_backend": "inductor"}, "memory.compile", "inductor"),
        ({"dynamo_backend": "tensorrt"}, "memory.compile", "no"),
        ({"v_parameterization": True}, "objective.predicts", "v_prediction"),
        ({"stop_text_encoder_training_pct": 40}, "optimizer.text_encoder_stop", 40),
        ({"unet_lr": 0, "text_encoder_lr": 1e-4}, "lora.unet", False),
        ({"unet_lr": 1e-4, "text_encoder_lr": 1e-4}, "lora.unet", True),
    ],
)
def test_switches_become_what_they_choose(of_form, given, path, expected):
    assert values(of_form(**given), path) == (expected,)


def test_a_preset_of_layers_may_leave_the_text_encoder_out(of_form):
    found = of_form(LoRA_type="LyCORIS/LoCon", LyCORIS_preset="unet-only", network_dim=8, conv_dim=0)
    assert values(found, "lora.text_encoder", "lora.conv_rank") == (False, 8)


def test_what_lycoris_can_and_loranb_cannot_is_said(of_form):
    assert "use_cp = True" in said(of_form(LoRA_type="LyCORIS/LoHa", use_cp=True))
    assert "use_cp" not in said(of_form(LoRA_type="Standard", use_cp=True))


@pytest.mark.parametrize(("old", "name"), [({"use_8bit_adam": True}, "AdamW8bit"), ({"use_8bit_adam": False}, "AdamW")])
def test_the_switch_of_2022_chooses_the_optimizer(of_form, old, name):
    found = of_form(**old)
    assert found.settings.optimizer.name == name
    assert "optimizer =" not in said(found)


def test_every_key_that_a_setting_declares_is_read_or_has_its_reason(of_form):
    declared = {field.kohya for field in fields() if field.kohya}
    found = of_form(**dict.fromkeys(declared, ""))
    assert found.unknown == []
    assert declared <= {*found.mapped, *found.ignored}


def test_no_key_is_told_twice():
    for file in DATA.glob("*.json"):
        found = read(file)
        told = json.loads(file.read_text()).keys() - {"additional_parameters"}
        assert not found.mapped.keys() & found.ignored.keys()
        assert told <= found.mapped.keys() | found.ignored.keys()


def test_a_key_that_nobody_knows_is_named(of_form):
    assert of_form(network_dim=4, sparkle=3).unknown == ["sparkle"]


def test_a_value_that_cannot_be_had_is_said_and_costs_nothing_else(of_form):
    found = of_form(network_dim="many", train_batch_size=4, bucket_reso_steps=1, loss_type="l3")
    assert found.settings.length.batch_size == 4
    assert found.settings.lora.rank == Settings().lora.rank
    assert "many" in found.ignored["network_dim"]
    assert "l3" in found.ignored["loss_type"]
    assert found.settings.dataset.bucket_step == 8  # the nearest
    assert "bucket_reso_steps = 1" in said(found)


def test_what_is_lost_is_said_and_what_is_off_is_not(of_form):
    assert "face_crop" not in said(of_form(face_crop_aug_range=""))
    assert "constrain" not in said(of_form(constrain=0))


@pytest.mark.parametrize(("text", "masked"), [("true", True), ("false", False)])
def test_a_mask_of_the_pictures_own_transparency_is_masked_loss(of_scripts, text, masked):
    found = of_scripts(f"alpha_mask = {text}\npretrained_model_name_or_path = 'a/b'")
    assert found.settings.dataset.masked_loss is masked
    assert ("alpha_mask" in found.mapped) is masked


def test_sample_prompts_keep_what_loranb_can_draw(of_form):
    prompts = "a cat --w 768--h 640 --s 35\na dog --g 3.5 --fs 2\na cow --s 5000\n# not this"
    found = of_form(sample_prompts=prompts)
    assert found.settings.samples.prompts == ("a cat --w 768--h 640 --s 35", "a dog")
    assert "a dog --g 3.5" in said(found)
    assert "a cow --s 5000" in said(found)


@pytest.mark.parametrize("key", OURS)
def test_every_word_of_kohyas_means_one_that_the_setting_may_have(key):
    field = by_key()[key]
    for theirs, ours in OURS[key].items():
        assert ours in field.choices
        assert converted(field, key, {"true": True, "false": False}.get(theirs, theirs)) == ours


def test_captions_that_would_not_be_found_are_said(of_form):
    assert ".txt2" in said(of_form(caption_extension=".txt2"))
    assert "caption" not in said(of_form(caption_extension=".txt"))


def test_what_a_silent_file_comes_to_is_said(of_form):
    found = of_form(network_dim=16)
    assert found.settings.lora.alpha == 1  # kohya's form; loranb's own would be the rank
    assert "network_alpha = 1" in said(found)
    assert "network_dim" not in said(found)


def test_sd_scripts_arguments_are_read_whatever_their_sections(of_scripts):
    found = of_scripts(
        """
        [model]
        pretrained_model_name_or_path = "stabilityai/stable-diffusion-xl-base-1.0"
        [anything]
        network_module = "networks.lora"
        network_dim = 16
        network_alpha = 8
        network_train_unet_only = true
        optimizer_type = "Adafactor"
        optimizer_args = ["scale_parameter=False", "relative_step=False", "warmup_init=False"]
        learning_rate = 4e-7
        resolution = "1024,1024"
        max_train_epochs = 6
        lr_scheduler = "constant_with_warmup"
        no_half_vae = true
        sdpa = true
        """
    )
    assert found.unknown == []
    assert values(found, "lora.rank", "lora.alpha", "lora.text_encoder") == (16, 8, False)
    assert values(found, "optimizer.name", "optimizer.learning_rate") == ("Adafactor", 4e-7)
    assert found.settings.optimizer.args == ("scale_parameter=False", "relative_step=False", "warmup_init=False")
    assert values(found, "dataset.resolution", "length.epochs", "length.steps") == (1024, 6, None)
    assert values(found, "saving.precision", "memory.precision") == ("fp32", "fp32")  # sd-scripts' own


def test_sd_scripts_without_a_length_trains_1600_steps(of_scripts):
    found = of_scripts("network_dim = 4")
    assert found.settings.length.steps == 1600
    assert "1600" in said(found)


def test_a_file_of_data_sets_gives_what_it_says_of_pictures_and_captions(of_scripts):
    found = of_scripts(
        """
        [general]
        shuffle_caption = true
        keep_tokens = 2
        caption_extension = ".txt"
        [[datasets]]
        resolution = 768
        batch_size = 4
        enable_bucket = true
        bucket_no_upscale = true
          [[datasets.subsets]]
          image_dir = "pictures/cat"
          class_tokens = "mokuba cat"
          num_repeats = 10
          flip_aug = true
          [[datasets.subsets]]
          image_dir = "pictures/cats"
          class_tokens = "cat"
          is_reg = true
          flip_aug = false
        """
    )
    assert found.unknown == []
    assert values(found, "captions.shuffle", "captions.keep", "dataset.flip") == (True, 2, True)
    assert values(found, "dataset.resolution", "length.batch_size", "dataset.no_upscale") == (768, 4, True)
    assert "--subject 'mokuba cat' --repeats 10 pictures/cat" in said(found)
    assert "--reg" in said(found)
    assert "flip_aug differs" in said(found)


def test_of_data_sets_the_narrower_table_wins_as_in_kohyas_trainer(of_scripts):
    found = of_scripts(
        """
        [general]
        resolution = 512
        keep_tokens = 1
        [[datasets]]
        resolution = 768
          [[datasets.subsets]]
          image_dir = "pictures/cat"
          keep_tokens = 3
        """
    )
    assert values(found, "dataset.resolution", "captions.keep") == (768, 3)
    assert "differs" not in said(found)


@pytest.mark.parametrize(("text", "masked"), [("alpha_mask = true", True), ("alpha_mask = false", False), ("", False)])
def test_a_mask_in_the_pictures_transparency_counts_as_a_mask(of_scripts, text, masked):
    assert of_scripts(text).settings.dataset.masked_loss == masked
    assert of_scripts(f"{text}\nmasked_loss = true").settings.dataset.masked_loss


def test_the_files_of_a_colab_notebook_are_read(of_scripts):
    found = of_scripts(
        """
        [additional_network_arguments]
        unet_lr = 3e-4
        text_encoder_lr = 6e-5
        network_dim = 8
        network_alpha = 4
        network_module = "networks.lora"
        network_train_unet_only = false
        [optimizer_arguments]
        learning_rate = 3e-4
        optimizer_type = "LoraEasyCustomOptimizer.came.CAME"
        optimizer_args = ["weight_decay=0.04"]
        lr_scheduler_type = "LoraEasyCustomOptimizer.RexAnnealingWarmRestarts.RexAnnealingWarmRestarts"
        lr_warmup_steps = 0.05
        [training_arguments]
        max_train_epochs = 10
        save_last_n_epochs = 10
        train_batch_size = 4
        full_fp16 = true
        mixed_precision = "fp16"
        min_snr_gamma = 8.0
        max_token_length = 225
        lowram = true
        [dataset_arguments]
        cache_latents = true
        """
    )
    assert found.unknown == []
    assert values(found, "optimizer.name", "optimizer.schedule", "optimizer.warmup") == ("CAME", "rex", 0.05)
    assert values(found, "optimizer.learning_rate", "optimizer.text_encoder_learning_rate") == (3e-4, 6e-5)
    assert values(found, "captions.tokens", "memory.lora_precision", "length.epochs") == (225, "fp16", 10)


@pytest.mark.parametrize("text", ["datasets = 3", "datasets = ['a']", "general = 3\n[[datasets]]\nsubsets = 'b'"])
def test_data_sets_that_are_none_say_nothing(of_scripts, text):
    assert of_scripts(text).settings.dataset == of_scripts("").settings.dataset


def test_the_data_sets_that_a_file_of_arguments_names_are_read_too(tmp_path):
    (tmp_path / "sets.toml").write_text("[[datasets]]\nresolution = 640\n[[datasets.subsets]]\nimage_dir = 'a'\n")
    (tmp_path / "run.toml").write_text('dataset_config = "sets.toml"\nmax_train_steps = 20\n')
    found = read(tmp_path / "run.toml")
    assert (found.settings.dataset.resolution, found.settings.length.steps) == (640, 20)
    (tmp_path / "sets.toml").unlink()
    assert "sets.toml is not there" in said(read(tmp_path / "run.toml"))


def test_sample_prompts_are_read_from_the_file_that_sd_scripts_names(tmp_path):
    (tmp_path / "prompts.txt").write_text("# a comment\na cat --s 20\n\na dog\n")
    (tmp_path / "run.toml").write_text('sample_prompts = "prompts.txt"\n')
    assert read(tmp_path / "run.toml").settings.samples.prompts == ("a cat --s 20", "a dog")


@pytest.mark.parametrize(
    "content", [b"", b"not a preset", b"[1, 2]", b'{"network_dim": ', b"\xff\xfe\x00", b"a = = 3", b"[" * 100_000]
)
def test_what_is_no_preset_is_told(tmp_path, content):
    file = tmp_path / "preset.json"
    file.write_bytes(content)
    if content == b"":
        assert read(file).settings  # an empty TOML says nothing, and that is allowed
        return
    with pytest.raises(SettingsError, match="preset.json"):
        read(file)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1e-4", "0"])
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
KNOWN = st.sampled_from([key for section in ("form", "old", "arguments", "network_arguments") for key in keys(section)])


@pytest.fixture(scope="module")
def anything(tmp_path_factory):
    return tmp_path_factory.mktemp("anything") / "preset.json"


@given(st.dictionaries(KNOWN, ANYTHING, max_size=6))
@trying(deadline=None, max_examples=60)
def test_whatever_stands_under_a_key_gives_settings_or_a_message(anything, told):
    anything.write_text(json.dumps(told))
    try:
        found = read(anything)
    except SettingsError:  # networks and models that are refused
        return
    assert found.unknown == []
    assert not found.mapped.keys() & found.ignored.keys()


def test_only_a_base_model_that_should_lie_on_this_machine_is_looked_for(of_form):
    for on_hub in ("owner/name/model.safetensors", "owner/name"):
        assert "is not on this machine" not in said(of_form(pretrained_model_name_or_path=on_hub))
    for local in ("model.ckpt", "C:\\models\\a.safetensors", "models/a.safetensors", "/a/b"):
        assert "is not on this machine" in said(of_form(pretrained_model_name_or_path=local)), local


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read(tmp_path / "nothing.json")


def test_backslashes_of_windows_paths_stay_in_arguments(of_form):
    found = of_form(additional_parameters='--training_comment "C:\\loras\\x" --sparkle')
    assert found.settings.metadata.comment == "C:\\loras\\x"
    assert found.unknown == ["sparkle"]
