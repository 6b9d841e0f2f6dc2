"""Every option of pictures and captions trains on every family, alone and all of them together."""

import pytest
from PIL import Image

from loranb.demo.scenes import Scene, draw
from loranb.events import Ended, Step
from loranb.lora.file import load_lora
from loranb.training.recipe import train
from loranb.training.run import Run

FROZEN = {"lora.text_encoder": False}
ALONE = [
    {"dataset.masked_loss": True},
    {"dataset.prior_loss_weight": 0.5},
    {"dataset.regularisation": False},
    {"dataset.random_crop": True, "dataset.buckets": False},
    {"dataset.colour": True},
    {"dataset.cache_latents": False, "dataset.vae_batch_size": 2},
    {"dataset.interpolation": "bicubic"},
    {"captions.weighted": True},
    {"captions.tokens": 150},
    {"captions.tokens": 225, **FROZEN},
    {"captions.wildcards": True},
    {"captions.shuffle": True, "captions.keep_separator": "|||", "captions.group_separator": ";;;"},
    {"captions.prefix": "p,", "captions.suffix": ", s"},
    {"captions.dropout_every_epochs": 2, **FROZEN},
    {"captions.tag_dropout": 0.5, "captions.warmup": 0.5},
]
TOGETHER = {name: value for options in ALONE for name, value in options.items()} | {"dataset.regularisation": True}


@pytest.fixture
def furnished(small_project):
    """A project with regularisation pictures, masks, a transparent picture, and captions that hold all syntax."""
    (small_project.reg / "1_tower").mkdir(parents=True)
    for i in range(3):
        draw(Scene("house", "blue", "sand", "day"), i, (96, 64)).save(small_project.reg / f"1_tower/{i}.png")
    castle = small_project.img / "2_red castle/castle_0.png"
    Image.linear_gradient("L").resize((80, 80)).save(castle.with_name("castle_0.mask.png"))
    windmill = small_project.img / "1_windmill/windmill_0.png"
    clear = Image.open(windmill).convert("RGBA")
    clear.putalpha(128)
    clear.save(windmill)
    castle.with_suffix(".txt").write_text("mokuba ||| (castle:1.3), {red|blue} roof;;;tower ||| day\nmokuba [x]\n")
    return small_project


@pytest.fixture(params=["tiny_sd1", "tiny_sd2", "tiny_sdxl"])
def family(request):
    return request.getfixturevalue(request.param)


def trains(project, base, options):
    changes = {"model.base": str(base), "length.steps": 3, **options}
    run = Run.create(project, project.settings().assign_all(changes))
    events = list(train(run))
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2, 3]
    assert isinstance(events[-1], Ended)
    assert events[-1].why == "finished"
    tensors, _ = load_lora(run.lora_file())
    assert any(tensor.abs().max() > 0 for name, tensor in tensors.items() if name.endswith("lora_up.weight"))


@pytest.mark.slow
@pytest.mark.parametrize("options", ALONE, ids=lambda options: " ".join(options))
def test_each_option_trains_on_each_family(furnished, family, options):
    trains(furnished, family, options)


@pytest.mark.parametrize("text_encoder", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_all_options_together_train_on_each_family(furnished, family, text_encoder):
    trains(furnished, family, TOGETHER | {"lora.text_encoder": text_encoder})
