"""Every option trains: alone on each family, and each pair of the important ones together.

A run takes three steps on a tiny model of its family and writes a file. What is read from the file draws the
same as the weights that were trained: the denoiser's answer with the file put on for generation equals its answer
with the file's weights on the layers of training. Options are taken from their declarations; where a value out of
these makes no sense, or an option needs another one, it is said here.
"""

import copy
import functools
import itertools
from pathlib import Path
from random import Random

import pytest
import torch
from PIL import Image

from loranb import families
from loranb.events import Ended, Step
from loranb.generate.loras import LoraRack
from loranb.lora.adapter import attach
from loranb.lora.file import load_lora
from loranb.project import Project
from loranb.settings import Settings, fields
from loranb.settings.conflicts import conflicts
from loranb.settings.declaration import SettingField
from loranb.training.recipe import train
from loranb.training.run import Run
from tests.conftest import draw_subjects

FAMILIES = ("sd1", "sd2", "sdxl")
# Nothing to try: which model and pictures there are, what fp16 needs a GPU for, and texts that are only written down.
LEFT_OUT = {
    "model.base",
    "model.family",
    "model.vae",
    "optimizer.args",
    "length.steps",
    "saving.name",
    "lora.start_from",
    "lora.rank_from_start",
    "validation.folder",
}
NEEDS_A_GPU = {("memory.precision", "fp16"), ("memory.lora_precision", "fp16")}
BUILDS_CODE = ("memory.compile", "inductor")
BLOCKS = {"sd1": 25, "sd2": 25, "sdxl": 23}
VALUES = {
    "model.clip_skip": (2,),
    "dataset.resolution": (96,),
    "dataset.bucket_step": (32,),
    "dataset.bucket_min": (48,),
    "dataset.bucket_max": (80,),
    "dataset.background": ("black",),
    "captions.keep_separator": ("|||",),
    "captions.group_separator": (";;;",),
    "captions.separator": (";",),
    "captions.prefix": ("a photograph of",),
    "captions.suffix": ("by day",),
    "captions.warmup": (2.0, 0.5),
    "captions.dropout_every_epochs": (1,),
    "captions.tokens": (150, 225),
    "lora.rank": (1, 8),
    "lora.alpha": (1.0,),
    "lora.conv_rank": (2,),
    "lora.conv_alpha": (1.0,),
    "lora.dropout": (0.3,),
    "lora.rank_dropout": (0.3,),
    "lora.module_dropout": (0.3,),
    "lora.max_norm": (0.01,),
    "lora.factor": (4,),
    "optimizer.name": ("Lion", "Adafactor", "Prodigy", "AdamWScheduleFree", "CAME", "SGDNesterov"),
    "optimizer.learning_rate": (1e-5,),
    "optimizer.text_encoder_stop": (40,),
    "optimizer.schedule_floor": (0.2,),
    "optimizer.ema": (0.9,),
    "objective.min_snr_gamma": (1.0,),
    "objective.v_pred_like": (0.5,),
    "objective.timestep_min": (500,),
    "objective.timestep_max": (500,),
    "noise.offset": (0.1,),
    "noise.offset_adaptive": (0.2,),
    "noise.multires_iterations": (6,),
    "noise.perturbation": (0.1,),
    "length.batch_size": (3,),
    "length.gradient_accumulation": (2,),
    "saving.every_steps": (1,),
    "saving.keep_last": (1,),
    "samples.prompts": (("mokuba --w 64 --h 64 --s 1",),),
    "samples.every_steps": (2,),
    "validation.share": (0.4,),
    "validation.every_steps": (1,),
    "validation.timesteps": (2,),
}
NEEDS = {
    "captions.keep": {"captions.shuffle": True},
    "captions.keep_separator": {"captions.shuffle": True},
    "captions.warmup_min": {"captions.warmup": 2},
    "lora.conv_alpha": {"lora.conv_rank": 2},
    "lora.conv_block_ranks": {"lora.conv_rank": 2},
    "lora.conv_block_alphas": {"lora.conv_rank": 2},
    "lora.factor": {"lora.type": "lokr"},
    "lora.decompose_both": {"lora.type": "lokr"},
    "objective.scale_v_pred": {"objective.predicts": "v_prediction"},
    "objective.v_pred_like": {"objective.predicts": "epsilon"},
    "objective.zero_terminal_snr": {"objective.predicts": "v_prediction"},
    "noise.offset_random": {"noise.offset": 0.1},
    "noise.offset_adaptive": {"noise.offset": 0.1},
    "noise.multires_discount": {"noise.multires_iterations": 6},
    "noise.perturbation_random": {"noise.perturbation": 0.1},
    "samples.at_start": {"samples.prompts": ("mokuba --w 64 --h 64 --s 1",)},
    "samples.every_epochs": {"samples.prompts": ("mokuba --w 64 --h 64 --s 1",)},
    "samples.every_steps": {"samples.prompts": ("mokuba --w 64 --h 64 --s 1",)},
    "validation.timesteps": {"validation.share": 0.4},
    "validation.seed": {"validation.share": 0.4},
}


def values_of(field: SettingField, family: str) -> tuple:
    """List the values of a setting that are tried, besides its default."""
    if field.path in VALUES:
        return VALUES[field.path]
    default = field.of(Settings())
    if field.kind is bool:
        return (not default,)
    if field.choices:
        tried = [value for value in field.choices if value != default]
        return tuple(v for v in tried if (field.path, v) not in NEEDS_A_GPU and (field.path, v) != BUILDS_CODE)
    if "block_" in field.path:
        return block_values(field.name, family)
    if field.kind in (int, float):
        return (number(field, default),)
    return ("something",)


def block_values(name: str, family: str) -> tuple:
    """List what may be said of blocks: a number for each, or a course of rates."""
    if name.endswith("threshold"):
        return (0.1,)
    if name.startswith("block_rates"):
        return ("0.5",) if name.endswith("mid") else ("sine",)
    return (",".join(str(1 + i % 3) for i in range(BLOCKS[family])),)


def number(field: SettingField, default: float | None) -> float:
    """Choose a number within a setting's bounds that is not its default."""
    low, high = field.bound("ge"), field.bound("le")
    if low is None:
        low = field.bound("gt") + (1 if field.kind is int else 0.5)
    other = low if low != default else min(high if high is not None else low + 1, low + 1)
    return field.kind(other)


def alone() -> list:
    """List every option that is tried alone: family, setting, value."""
    return [
        pytest.param(family, field.path, value, id=f"{family} {field.path}={value}")
        for family in FAMILIES
        for field in fields()
        if field.path not in LEFT_OUT and field.group != "metadata"
        for value in values_of(field, family)
    ]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A project whose pictures are drawn, and encoded, once for all runs."""
    project = Project.create(tmp_path_factory.mktemp("matrix") / "matrix", Settings.preset("demo"))
    draw_subjects(project)
    Image.linear_gradient("L").save(project.img / "2_red castle" / "castle_0.mask.png")
    return project


def settings_for(base: Path) -> Settings:
    return Settings.preset("demo").assign_all(
        {
            "model.base": str(base),
            "dataset.resolution": 64,
            "dataset.bucket_step": 16,
            "dataset.bucket_min": 32,
            "lora.rank": 2,
            "length.epochs": 1,
            "length.steps": 3,
            "length.batch_size": 2,
            "saving.precision": "fp32",
            "samples.every_epochs": 0,
        }
    )


def trains_and_loads_back(project: Project, settings: Settings) -> None:
    """Take three steps, and compare what is read from the file with what was trained."""
    run = Run.create(project, settings)
    events = list(train(run))
    steps = [event.loss for event in events if isinstance(event, Step)]
    assert (events[-1].why, len(steps)) == ("finished", 3)
    assert isinstance(events[-1], Ended)
    assert all(0 < loss < 1e4 for loss in steps)
    drawn, trained = answers(run)
    torch.testing.assert_close(drawn, trained, rtol=1e-3, atol=1e-4)


def answers(run: Run) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the denoiser says with the run's file put on for generation, and with its weights in training."""
    settings, file = run.settings(), run.lora_file()
    said = []
    for put_on in (by_rack, by_adapter):
        model = a_base(settings.model.base)
        put_on(model, settings, file)
        x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        view = families.View((64, 64), (0, 0), (64, 64))
        with torch.no_grad():
            told = model.family.encode(model, ["mokuba, castle"], settings.model.clip_skip)
            told |= model.family.placement([view])
            said.append(model.family.denoise(model.unet, x, torch.tensor([500]), told))
    return said[0], said[1]


def a_base(source: str) -> families.BaseModel:
    """Return a base model of its own that is loaded once for all runs; only tokenizers are shared."""
    model = loaded(source)
    return copy.deepcopy(model, {id(model.tokenizers): model.tokenizers})


@functools.cache
def loaded(source: str) -> families.BaseModel:
    return families.load(source, torch.float32)


def by_rack(model, settings, file) -> None:
    LoraRack(model).use({file: (1.0, 1.0)})


def by_adapter(model, settings, file) -> None:
    adapter = attach(model, settings.lora, settings.optimizer)
    adapter.load(load_lora(file)[0])
    for part in model.parts():
        part.eval()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "path", "value"), alone())
def test_every_option_alone_trains_and_its_file_loads_back(project, request, family, path, value):
    base = request.getfixturevalue(f"tiny_{family}")
    settings = settings_for(base).assign_all({**NEEDS.get(path, {}), path: value})
    if found := conflicts(settings):
        pytest.skip(f"not alone: {found[0]}")
    trains_and_loads_back(project, settings)


# Pairs -----------------------------------------------------------------------------------------------------------

FACTORS = {
    "family": FAMILIES,
    "lora.type": ("lora", "dora", "loha", "lokr"),
    "lora.conv_rank": (None, 2),
    "lora.text_encoder": (True, False),
    "lora.dropout": (0.0, 0.3),
    "lora.max_norm": (None, 0.5),
    "lora.rank_stabilised": (False, True),
    "optimizer.name": ("AdamW", "Prodigy", "Adafactor", "AdamWScheduleFree"),
    "optimizer.ema": (None, 0.9),
    "optimizer.loraplus_ratio": (None, 4.0),
    "optimizer.text_encoder_stop": (0, 40),
    "objective.predicts": ("auto", "v_prediction"),
    "objective.loss": ("l2", "huber"),
    "noise.offset": (None, 0.1),
    "captions.shuffle": (False, True),
    "captions.tokens": (75, 150),
    "captions.dropout": (0.0, 0.3),
    "dataset.flip": (False, True),
    "dataset.random_crop": (False, True),
    "dataset.masked_loss": (False, True),
    "memory.base": ("as is", "8bit", "fp8"),
    "memory.lora_precision": ("fp32", "bf16"),
    "memory.gradient_checkpointing": ("none", "selective", "full"),
    "memory.precision": ("fp32", "bf16"),
    "length.gradient_accumulation": (1, 2),
    "validation.share": (0.0, 0.4),
}


def allowed(row: dict) -> bool:
    """Whether a row's options go together."""
    return not conflicts(Settings().assign_all({path: value for path, value in row.items() if path != "family"}))


@functools.cache
def pairwise(seed: int = 0) -> list[dict]:
    """Make rows in which each two values of two factors meet, as long as they may.

    Greedy: each row begins with a pair that has not met yet, and each further factor takes the value that
    meets most others for the first time.
    """
    factors, random, names = FACTORS, Random(seed), list(FACTORS)
    missing = {
        ((one, a), (two, b))
        for one, two in itertools.combinations(names, 2)
        for a in factors[one]
        for b in factors[two]
    }
    default = {name: values[0] for name, values in factors.items()}
    missing = {pair for pair in missing if allowed(default | dict(pair))}
    rows = []
    while missing:
        row = dict(min(missing, key=repr))
        for name in random.sample([name for name in names if name not in row], len(names) - len(row)):
            fitting = [v for v in factors[name] if allowed(default | row | {name: v})] or [default[name]]
            row[name] = max(fitting, key=lambda value: met(row | {name: value}, name, names, missing))
        done = {pair for pair in missing if all(row[name] == value for name, value in pair)}
        missing -= done
        rows.append({name: row[name] for name in names})
    return rows


def met(row: dict, name: str, names: list[str], missing: set) -> int:
    """Count the pairs of a factor with the others of a row that have not met before."""
    others = [other for other in row if other != name]
    order = {other: names.index(other) for other in row}
    pairs = (sorted((name, other), key=order.__getitem__) for other in others)
    return sum(tuple((one, row[one]) for one in pair) in missing for pair in pairs)


ROWS = 30  # at the most; there are 23


@pytest.mark.slow
def test_the_rows_let_each_two_values_meet():
    default = {name: values[0] for name, values in FACTORS.items()}
    for one, two in itertools.combinations(FACTORS, 2):
        for a, b in itertools.product(FACTORS[one], FACTORS[two]):
            if allowed(default | {one: a, two: b}):
                assert any(row[one] == a and row[two] == b for row in pairwise()), (one, a, two, b)
    assert len(pairwise()) <= ROWS


@pytest.mark.slow
@pytest.mark.parametrize("number", range(ROWS))
def test_options_together_train_and_their_file_loads_back(project, request, number):
    if number >= len(pairwise()):
        pytest.skip("all pairs have met")
    row = pairwise()[number]
    options = {path: value for path, value in row.items() if path != "family"}
    base = request.getfixturevalue(f"tiny_{row['family']}")
    trains_and_loads_back(project, settings_for(base).assign_all(options))
