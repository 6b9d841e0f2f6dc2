"""The tagger that ships with the demo, and what is measured with it."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest
from PIL import Image, ImageChops, ImageFilter
from safetensors.torch import save_file

from loranb.captioners import wd14
from loranb.demo import TAGGER, evaluate
from loranb.demo.evaluate import contact_sheet, read, scores, subject_seen
from loranb.demo.scenes import COLOURS, GROUNDS, OBJECTS, SUBJECTS, TIMES, Scene, draw, every_scene, held_out

pytest.importorskip("onnxruntime")

SEEDS = 2 * 10**8  # beyond those that it was trained on and is measured with


def drawn(count: int, objects: tuple[str, ...] = OBJECTS + SUBJECTS) -> tuple[list[Scene], list[Image.Image]]:
    random = Random(4)
    scenes = [random.choice(every_scene(objects)) for _ in range(count)]
    return scenes, [draw(scene, SEEDS + i) for i, scene in enumerate(scenes)]


def soft(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1.5))


@pytest.mark.parametrize(("look", "least"), [(lambda picture: picture, 0.97), (soft, 0.95)], ids=["clear", "soft"])
def test_every_attribute_of_a_fresh_drawing_is_read(look: Callable[[Image.Image], Image.Image], least: float) -> None:
    scenes, pictures = drawn(200)
    right = scores(scenes, read([look(picture) for picture in pictures]))
    assert all(right[name] >= least for name in Scene._fields), right


def test_held_out_scenes_are_read_as_well_as_others() -> None:
    scenes = held_out()
    right = scores(scenes, read([draw(scene, SEEDS + i) for i, scene in enumerate(scenes)]))
    assert all(right[name] >= 0.95 for name in Scene._fields), right


def test_a_castle_is_read_as_a_castle_and_nothing_else_is() -> None:
    assert subject_seen(drawn(40, ("castle",))[1]) >= 0.95
    assert subject_seen(drawn(40, OBJECTS)[1]) <= 0.05


def test_a_caption_says_what_is_drawn() -> None:
    said = wd14.load(wd14.Options(model="demo")).look([draw(Scene("church", "blue", "sand", "sunset"), SEEDS)])[0]
    assert set(said.tags) == {"blue church", "sand", "sunset"}


def test_the_files_have_the_layout_of_a_published_tagger() -> None:
    with (TAGGER / "selected_tags.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["tag_id", "name", "category", "count"]
    assert [(row["name"], row["category"]) for row in rows[:4]] == [
        (name, "9") for name in ("general", "sensitive", "questionable", "explicit")
    ]
    assert {row["category"] for row in rows[4:]} == {"0"}


def test_probabilities_are_probabilities() -> None:
    seen = wd14.load(wd14.Options(model="demo")).tags(draw(Scene("tree", "pink", "snow", "night"), SEEDS))
    assert all(0 <= p <= 1 for p in seen.values())
    assert sum(p for name, p in seen.items() if "_" in name) == pytest.approx(1, abs=1e-4)


def test_the_tagger_is_small() -> None:
    assert sum(file.stat().st_size for file in TAGGER.iterdir()) < 1.5e6


def test_scores_count_each_word_apart() -> None:
    house = Scene("house", "red", "grass", "day")
    right = scores([house, house], [house, house._replace(colour="blue")])
    assert right == {"object": 1.0, "colour": 0.5, "ground": 1.0, "time": 1.0, "all": 0.5}


def test_trials_are_fixed_and_all_differ() -> None:
    for trials in (evaluate.base_trials, partial(evaluate.subject_trials, "mokuba")):
        assert trials(400)[:100] == trials(100)
        assert len({(trial.prompt, trial.seed) for trial in trials(400)}) == 400
    assert {trial.scene for trial in evaluate.base_trials(400)} == set(held_out())


def test_few_trials_of_the_subject_hold_all_colours_grounds_and_times() -> None:
    scenes = [trial.scene for trial in evaluate.subject_trials("mokuba", 24)]
    assert [set(column) for column in zip(*scenes, strict=True)] == [
        {"castle"},
        set(COLOURS),
        set(GROUNDS),
        set(TIMES),
    ]


def test_a_contact_sheet_holds_the_pictures() -> None:
    _, pictures = drawn(9)
    sheet = contact_sheet(pictures, ["asked"] * 9, ["seen"] * 9)
    assert sheet.crop((3, 3, 131, 131)) == pictures[0]


def test_a_fresh_tagger_survives_the_export(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from loranb.demo import train_tagger

    torch.manual_seed(0)
    tagger = train_tagger.Tagger().eval()
    train_tagger.export(tagger, tmp_path, train_tagger.BATCH)
    assert train_tagger.largest_difference(tagger, tmp_path) < 1e-5


@pytest.fixture(scope="module")
def random_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a pipeline like the demo's, with random weights."""
    pytest.importorskip("diffusers")
    from diffusers import StableDiffusionPipeline

    from loranb.demo.tokenizer import build_tokenizer
    from loranb.demo.train_base import models

    folder, tokenizer = tmp_path_factory.mktemp("base"), build_tokenizer()
    StableDiffusionPipeline(
        vae=models.make_autoencoder(),
        text_encoder=models.make_text_encoder(tokenizer),
        tokenizer=tokenizer,
        unet=models.make_unet(),
        scheduler=models.make_noise_schedule(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


def test_a_pair_of_prompt_and_seed_gives_the_same_picture_in_any_company(random_base: Path) -> None:
    pipeline = evaluate.load_pipeline(random_base)
    prompts = ["red house, grass, day", "blue car, snow, night"]
    both = evaluate.draw_pictures(pipeline, prompts, [1, 2], steps=2)
    alone = evaluate.draw_pictures(pipeline, prompts[1:], [2], steps=2)
    assert [picture.size for picture in both] == [(128, 128)] * 2
    assert largest_pixel_difference(both[1], alone[0]) <= 2  # the company changes only the rounding
    assert len(read(both)) == 2


def test_a_lora_changes_pictures_by_its_weight(random_base: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    import torch

    pipeline, generator = evaluate.load_pipeline(random_base), torch.Generator().manual_seed(0)
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_v"
    width = pipeline.unet.get_submodule(layer).in_features
    weights = {
        f"unet.{layer}.lora_A.weight": torch.randn(4, width, generator=generator),
        f"unet.{layer}.lora_B.weight": torch.randn(width, 4, generator=generator),
    }
    save_file(weights, tmp_path / "lora.safetensors")

    def drawing(weight: float | None) -> Image.Image:
        if weight is not None:
            pipeline.set_adapters(["lora"], [weight])
        return evaluate.draw_pictures(pipeline, ["zkl, grass, day"], [1], steps=2)[0]

    without = drawing(None)
    evaluate.add_lora(pipeline, tmp_path / "lora.safetensors")
    assert largest_pixel_difference(without, drawing(0.0)) <= 2
    assert largest_pixel_difference(without, drawing(1.0)) > 2


def largest_pixel_difference(a: Image.Image, b: Image.Image) -> int:
    return max(high for _, high in ImageChops.difference(a, b).getextrema())
