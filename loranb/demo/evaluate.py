"""Measure the demo: how well the base model draws what is asked, and how well a LoRA keeps to its trigger.

Prompts of scenes that the base model never saw (``held_out``) are drawn with fixed seeds, the
demo's tagger reads the pictures, and what it reads is compared with what was asked::

    python -m loranb.demo.evaluate                                             # the base model
    python -m loranb.demo.evaluate --lora castle.safetensors --trigger mokuba  # and a LoRA

A LoRA is measured on the same pairs of prompt and seed as the base model alone: how often prompts
with the trigger word show the subject, and whether prompts without it are still drawn as before
("leakage").

The tagger was trained on drawn scenes only; it is a measure, not a judge: look at the sheet too.
"""

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from loranb.captioners import wd14
from loranb.demo import BASE
from loranb.demo.scenes import COLOURS, GROUNDS, TIMES, Scene, every_scene, held_out

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

SIDE = 128
STEPS, CFG = 12, 5.0  # DPM++ 2M; 12 and 20 steps are read alike (100 pictures: one colour apart)
BATCH = 20  # pictures drawn at a time; their noise depends on their seeds alone
SUBJECT_TRIALS = 192  # every colour, ground and time twice
LEAK_WEIGHT = 0.8  # the weight at which people use a LoRA, about
SHEET = 48  # pictures on a contact sheet


class Trial(NamedTuple):
    """A prompt, the seed to draw it with, and what should be seen."""

    scene: Scene
    prompt: str
    seed: int


def read(pictures: Sequence[Image.Image], tagger: wd14.WD14 | None = None) -> list[Scene]:
    """Say what each picture shows: the likeliest object with its colour, ground and time.

    The tagger's probability of "red house" is that of red times that of house, so the likeliest
    pair holds the likeliest object and the likeliest colour.
    """
    tagger = tagger or _tagger()
    pairs = [name for name in tagger.names if name.split("_")[0] in COLOURS]
    scenes = []
    for row in tagger.probabilities(pictures):
        seen = dict(zip(tagger.names, row, strict=True))
        colour, thing = max(pairs, key=seen.get).split("_")
        scenes.append(Scene(thing, colour, max(GROUNDS, key=seen.get), max(TIMES, key=seen.get)))
    return scenes


@functools.cache
def _tagger() -> wd14.WD14:
    return wd14.load(wd14.Options(model="demo", batch=32))


def scores(wanted: Sequence[Scene], seen: Sequence[Scene]) -> dict[str, float]:
    """Return the share of pictures with the right object, colour, ground, time, and with all four right."""
    pairs = list(zip(wanted, seen, strict=True))
    shares = {name: sum(getattr(a, name) == getattr(b, name) for a, b in pairs) / len(pairs) for name in Scene._fields}
    return shares | {"all": sum(a == b for a, b in pairs) / len(pairs)}


def subject_seen(pictures: Sequence[Image.Image], word: str = "castle") -> float:
    """Return the share of pictures whose object is `word`."""
    return sum(scene.object == word for scene in read(pictures)) / len(pictures)


def base_trials(count: int) -> list[Trial]:
    """List fixed trials of held-out scenes; a longer list begins with the shorter ones."""
    scenes = held_out()
    return [Trial(scene := scenes[i % len(scenes)], scene.caption, i) for i in range(count)]


def subject_trials(trigger: str, count: int = SUBJECT_TRIALS, word: str = "castle") -> list[Trial]:
    """List fixed trials of the subject, as it is captioned: "mokuba, red castle, grass, day".

    Colours, grounds and times are mixed from the first few on.
    """
    scenes = every_scene((word,))
    mixed = (scenes[35 * i % len(scenes)] for i in range(count))  # 35 and the 96 scenes share no divisor
    return [Trial(scene, f"{trigger}, {scene.caption}", 10**6 + i) for i, scene in enumerate(mixed)]


def load_pipeline(folder: Path = BASE) -> "StableDiffusionPipeline":
    """Load the demo base model for drawing on the CPU, with the sampler that is measured with."""
    import torch
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    from loranb.families import _unet

    pipeline = _unet.load_pipeline(str(folder), torch.float32, StableDiffusionPipeline)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def draw_pictures(
    pipeline: "StableDiffusionPipeline",
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int = STEPS,
    cfg: float = CFG,
) -> list[Image.Image]:
    """Draw a picture for each pair of prompt and seed; 128 x 128.

    Args:
        pipeline: see `load_pipeline`.
        prompts: what to draw.
        seeds: one a prompt; the same pair gives the same picture in any company.
        steps: of the sampler.
        cfg: CFG scale.
    """
    import torch

    pictures, pairs = [], list(zip(prompts, seeds, strict=True))
    for start in range(0, len(pairs), BATCH):
        part = pairs[start : start + BATCH]
        pictures += pipeline(
            prompt=[prompt for prompt, _ in part],
            generator=[torch.Generator().manual_seed(seed) for _, seed in part],
            num_inference_steps=steps,
            guidance_scale=cfg,
            height=SIDE,
            width=SIDE,
        ).images
    return pictures


def measure(
    pipeline: "StableDiffusionPipeline", trials: Sequence[Trial], sheet: Path | None = None
) -> dict[str, float]:
    """Draw all trials and return the shares of what was drawn right; see `scores`.

    Args:
        pipeline: see `load_pipeline`; with its LoRA, if one was added.
        trials: what to draw.
        sheet: where to put the first pictures as a contact sheet.
    """
    scenes, prompts, seeds = zip(*trials, strict=True)
    pictures = draw_pictures(pipeline, prompts, seeds)
    seen = read(pictures)
    if sheet:
        contact_sheet(pictures, [s.caption for s in scenes], [s.caption for s in seen]).save(sheet)
    return {name: round(share, 4) for name, share in scores(scenes, seen).items()}


def add_lora(pipeline: "StableDiffusionPipeline", file: Path, weight: float = 1.0) -> None:
    """Load a LoRA file as users do, and set its weight."""
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name="lora")
    pipeline.set_adapters(["lora"], [weight])


def contact_sheet(pictures: Sequence[Image.Image], asked: Sequence[str], seen: Sequence[str]) -> Image.Image:
    """Put the first pictures on a sheet, each over what was asked and, in red, what was read instead."""
    pictures, columns, line = pictures[:SHEET], 8, 11
    width, height = SIDE + 14, SIDE + 2 * line + 8
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(9)
    for i, (picture, wanted, got) in enumerate(zip(pictures, asked, seen, strict=False)):
        x, y = i % columns * width + 3, i // columns * height + 3
        sheet.paste(picture, (x, y))
        pen.text((x, y + SIDE + 1), wanted, "black", font)
        if got != wanted:
            pen.text((x, y + SIDE + 1 + line), got, "red", font)
    return sheet


def _evaluate(asked: argparse.Namespace) -> dict[str, dict[str, float]]:
    pipeline = load_pipeline(asked.base)
    asked.out.mkdir(parents=True, exist_ok=True)
    trials = base_trials(asked.pictures)
    report = {"base": measure(pipeline, trials, asked.out / "base.png")}
    if asked.lora:
        subject = subject_trials(asked.trigger, word=asked.subject)
        report["trigger, without LoRA"] = measure(pipeline, subject, asked.out / "trigger_without_lora.png")
        add_lora(pipeline, asked.lora, asked.weight)
        report["trigger, with LoRA"] = measure(pipeline, subject, asked.out / "trigger_with_lora.png")
        pipeline.set_adapters(["lora"], [LEAK_WEIGHT])
        leaked = measure(pipeline, trials, asked.out / "no_trigger_with_lora.png")
        report["no trigger, with LoRA"] = leaked
        report["change without trigger"] = {name: round(leaked[name] - report["base"][name], 4) for name in leaked}
    return report


def main() -> int:
    """Evaluate from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=400, help="pictures of held-out scenes")
    parser.add_argument("--base", type=Path, default=BASE, help="diffusers folder of the base model")
    parser.add_argument("--lora", type=Path, help="a LoRA file")
    parser.add_argument("--trigger", help="its trigger word")
    parser.add_argument("--subject", default="castle", help="what the LoRA shows, as the tagger calls it")
    parser.add_argument("--weight", type=float, default=1.0, help="of the LoRA, with the trigger")
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="where the contact sheets go")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    asked = parser.parse_args()
    if asked.lora and not asked.trigger:
        parser.error("--lora needs --trigger")
    for path in filter(None, (asked.base / "model_index.json", asked.lora)):
        if not path.exists():
            print(f"{path} does not exist.", file=sys.stderr)
            return 1
    report = _evaluate(asked)
    if asked.json:
        print(json.dumps(report, indent=2))
    else:
        for name, shares in report.items():
            print(f"{name:24}" + "  ".join(f"{word} {share:7.1%}" for word, share in shares.items()))
        print(f"Contact sheets: {asked.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
