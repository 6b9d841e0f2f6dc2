"""Train the demo's tagger: it says which object, colour, ground and time a picture shows.

It serves two ends: captions for the demo, through the captioner that runs the published WD
taggers; and a reading of what the demo base model and its LoRAs draw (``evaluate``). So it
learns from drawn scenes only, never from generated pictures, all combinations alike, and with
pictures blurred, warped and spoilt in several ways: it must read what is there, however softly.

One command, seeded; eight minutes on one core of a CPU that was busy with another training::

    python -m loranb.demo.train_tagger

It leaves ``model.onnx`` and ``selected_tags.csv`` in the layout of SmilingWolf's WD taggers.
"""

import argparse
import csv
import json
import math
import time
import warnings
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor, nn
from torch.nn import functional as F

from loranb.captioners.wd14 import GENERAL, MODEL, RATING, TAGS, Options, load, square
from loranb.demo import TAGGER
from loranb.demo.evaluate import read, scores
from loranb.demo.scenes import COLOURS, GROUNDS, OBJECTS, SUBJECTS, TIMES, Scene, draw, every_scene

SIDE = 128
THINGS = OBJECTS + SUBJECTS
WORDS: dict[str, tuple[str, ...]] = {
    "object": THINGS,
    "colour": tuple(COLOURS),
    "ground": GROUNDS,
    "time": TIMES,
}
RATINGS = ("general", "sensitive", "questionable", "explicit")
STEPS, BATCH = 1000, 32
PEAK = 4e-3  # learning rate; assumed
OBLONG = 0.2  # share of pictures that are not square, so padded with white (assumed)
FRESH = 10**8  # seeds from here on are never trained on


class Tagger(nn.Module):
    """A small convolutional network with one linear head an attribute; 0.3 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        widths = (24, 40, 72, 112)
        layers, before = [], 3
        for width in widths:
            layers += _convolution(before, width, stride=2)
            layers += _convolution(width, width, stride=1) if before > 3 else []
            before = width
        self.features = nn.Sequential(*layers)
        self.heads = nn.ModuleDict({name: nn.Linear(2 * before, len(words)) for name, words in WORDS.items()})

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Score each word of each attribute; (B, 3, H, W) in [-1, 1] -> (B, words) each."""
        features = self.features(pictures)
        # how much of a feature there is, and whether it is anywhere
        seen = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        return {name: head(seen) for name, head in self.heads.items()}


def _convolution(before: int, after: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


class AsPublished(nn.Module):
    """The tagger with the inputs and outputs of a WD tagger; see `tag_names` for the order."""

    def __init__(self, tagger: Tagger) -> None:
        super().__init__()
        self.tagger = tagger

    def forward(self, pictures: Tensor) -> Tensor:
        """Return probabilities; (B, H, W, 3), blue-green-red, 0 to 255 -> (B, tags)."""
        blue, green, red = pictures.unbind(3)
        logits = self.tagger(torch.stack([red, green, blue], 1) / 127.5 - 1)
        p = {name: values.softmax(1) for name, values in logits.items()}
        joint = (p["object"][:, :, None] * p["colour"][:, None, :]).flatten(1)
        general = torch.ones_like(joint[:, :1])  # every scene is fit for all ages
        return torch.cat([general, *[torch.zeros_like(general)] * 3, joint, p["ground"], p["time"]], 1)


def tag_names() -> list[str]:
    """List the tags in the order of the output: ratings, "red_house" and the like, grounds, times."""
    return [*RATINGS, *(f"{colour}_{thing}" for thing in THINGS for colour in COLOURS), *GROUNDS, *TIMES]


def drawing(scene: Scene, seed: int) -> Image.Image:
    """Draw a scene as the tagger is shown it: most are square, some are padded with white."""
    random = Random(f"tagger {seed}")
    long, short = SIDE, SIDE - random.randrange(1, SIDE // 3)
    if random.random() >= OBLONG:
        return draw(scene, seed, (SIDE, SIDE))
    return square(draw(scene, seed, random.choice(((long, short), (short, long)))), SIDE)


def drawn_batch(step: int, size: int = BATCH) -> tuple[Tensor, list[Scene]]:
    """Draw the pictures of one step, from the step's number alone; (B, 3, H, W) in [-1, 1]."""
    random, scenes = Random(f"tagger {step}"), every_scene(THINGS)
    chosen = [random.choice(scenes) for _ in range(size)]
    return as_tensor([drawing(scene, step * size + i) for i, scene in enumerate(chosen)]), chosen


def as_tensor(pictures: list[Image.Image]) -> Tensor:
    """Stack pictures; (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def spoil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Warp, tint, blur, coarsen and add noise, each picture by an amount of its own.

    The amounts are assumed; a person can still read the worst of them.
    """
    pictures = _warped(pictures, generator)
    pictures = _tinted(pictures, generator)
    parts = []
    for part in pictures.split(4):  # blur, scale and JPEG are drawn once for four pictures
        chance = torch.rand(4, generator=generator).tolist()
        if chance[0] < 0.5:
            part = _blurred(part, 0.4 + 2.1 * float(torch.rand((), generator=generator)))
        if chance[1] < 0.3:
            part = _coarsened(part, 1 / (2 + 2 * float(torch.rand((), generator=generator))))
        if chance[2] < 0.3:
            part = _noisy(part, generator)
        if chance[3] < 0.2:
            part = _as_jpeg(part, 0.1 + 0.3 * float(torch.rand((), generator=generator)))
        parts.append(part)
    return torch.cat(parts).clamp(-1, 1)


def _uniform(shape: tuple[int, ...], reach: float, generator: torch.Generator) -> Tensor:
    return (2 * torch.rand(shape, generator=generator) - 1) * reach


def _warped(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Turn by up to 6 degrees, scale, shift, mirror half of them, and bend by a few pixels."""
    count = len(pictures)
    turn, scale = _uniform((count,), math.radians(6), generator), 1 + _uniform((count, 2), 0.15, generator)
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = turn.cos() * scale[:, 0] * mirror, -turn.sin() * scale[:, 0]
    theta[:, 1, 0], theta[:, 1, 1] = turn.sin() * scale[:, 1] * mirror, turn.cos() * scale[:, 1]
    theta[:, :, 2] = _uniform((count, 2), 0.12, generator)
    bends = F.interpolate(_uniform((count, 2, 6, 6), 0.05, generator), size=SIDE, mode="bicubic")
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False) + bends.permute(0, 2, 3, 1)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _tinted(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Shift contrast by up to 12 % and each channel's brightness by up to 12 of 255."""
    gain = 1 + _uniform((len(pictures), 1, 1, 1), 0.12, generator)
    return pictures * gain + _uniform((len(pictures), 3, 1, 1), 0.09, generator)


def _blurred(pictures: Tensor, sigma: float) -> Tensor:
    """Blur as by a lens out of focus; sigma in pixels."""
    reach = math.ceil(2.5 * sigma)
    bell = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    across = (bell / bell.sum()).expand(3, 1, 1, -1)
    padded = F.pad(pictures, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, across, groups=3), across.transpose(2, 3), groups=3)


def _coarsened(pictures: Tensor, scale: float) -> Tensor:
    small = F.interpolate(pictures, scale_factor=scale, mode="area")
    return F.interpolate(small, size=pictures.shape[2:], mode="bilinear")


def _noisy(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Add grain and, as an autoencoder's mistakes are, blotches some eight pixels wide."""
    grain = 0.15 * float(torch.rand((), generator=generator)) * torch.randn(pictures.shape, generator=generator)
    strength = 0.1 * float(torch.rand((), generator=generator))
    blotches = strength * torch.randn((*pictures.shape[:2], SIDE // 8, SIDE // 8), generator=generator)
    return pictures + grain + F.interpolate(blotches, size=SIDE, mode="bicubic")


def _as_jpeg(pictures: Tensor, step: float) -> Tensor:
    """Round the frequencies of 8 x 8 blocks, the higher the coarser, as JPEG does."""
    k = torch.arange(8.0)
    cosines = torch.cos(math.pi / 8 * (k[None] + 0.5) * k[:, None]) / 2  # (frequency, place), orthonormal
    cosines[0] /= math.sqrt(2)
    steps = step * (0.5 + (k[None] + k[:, None]) / 2)
    blocks = pictures.unfold(2, 8, 8).unfold(3, 8, 8)  # (B, 3, H/8, W/8, 8, 8)
    rounded = ((cosines @ blocks @ cosines.T) / steps).round() * steps
    return (cosines.T @ rounded @ cosines).transpose(3, 4).reshape(pictures.shape)


def train(steps: int = STEPS) -> Tagger:
    """Train a tagger from random weights, the same ones every time."""
    torch.manual_seed(0)
    tagger = Tagger().to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=PEAK, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, total_steps=steps, pct_start=0.15)
    began, mean = time.monotonic(), None
    for step in range(steps):
        pictures, scenes = drawn_batch(step)
        pictures = spoil(pictures, torch.Generator().manual_seed(step)).to(memory_format=torch.channels_last)
        logits = tagger(pictures)
        loss = sum(F.cross_entropy(logits[name], _answers(scenes, name)) for name in WORDS)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if (step + 1) % 50 == 0:
            print(f"{step + 1}/{steps} loss {mean:.4f} {time.monotonic() - began:.0f} s", flush=True)
    return tagger.eval()


def _answers(scenes: list[Scene], name: str) -> Tensor:
    return torch.tensor([WORDS[name].index(getattr(scene, name)) for scene in scenes])


def export(tagger: Tagger, folder: Path, pictures: int) -> None:
    """Write ``model.onnx`` and ``selected_tags.csv``, as a WD tagger has them."""
    folder.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(2, SIDE, SIDE, 3)
    with warnings.catch_warnings():  # the exporter that replaces this one needs a further package, onnxscript
        warnings.simplefilter("ignore")
        torch.onnx.export(
            AsPublished(tagger).eval(),
            (example,),
            str(folder / MODEL),
            dynamo=False,
            opset_version=17,
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
        )
    with (folder / TAGS).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("tag_id", "name", "category", "count"))
        counts = _counts(pictures)
        for i, name in enumerate(tag_names()):
            table.writerow((i, name, RATING if name in RATINGS else GENERAL, counts.get(name, 0)))


def _counts(pictures: int) -> dict[str, int]:
    """Count how many of the training pictures showed each tag."""
    counts = {"general": pictures}
    for step in range(pictures // BATCH):
        random, scenes = Random(f"tagger {step}"), every_scene(THINGS)
        for scene in (random.choice(scenes) for _ in range(BATCH)):
            for tag in (f"{scene.colour}_{scene.object}", scene.ground, scene.time):
                counts[tag] = counts.get(tag, 0) + 1
    return counts


def right(folder: Path, sigma: float = 0.0, pictures: int = 1000) -> dict[str, float]:
    """Measure the exported tagger on drawings it was not trained on, blurred by `sigma` pixels."""
    tagger, random = load(Options(model=str(folder), batch=BATCH)), Random("fresh")
    scenes = [random.choice(every_scene(THINGS)) for _ in range(pictures)]
    drawn = (draw(scene, FRESH + i) for i, scene in enumerate(scenes))
    return scores(scenes, read([soft(picture, sigma) for picture in drawn], tagger))


def soft(picture: Image.Image, sigma: float) -> Image.Image:
    """Return a picture blurred by `sigma` pixels."""
    return picture.filter(ImageFilter.GaussianBlur(sigma)) if sigma else picture


def largest_difference(tagger: Tagger, folder: Path) -> float:
    """Return by how much the exported model's probabilities differ from torch's."""
    shown = [draw(scene, FRESH + i) for i, scene in enumerate(every_scene(THINGS)[::30])]
    with torch.inference_mode():
        wanted = AsPublished(tagger)(torch.from_numpy(np.stack(shown)[..., ::-1].copy()).float())
    return float(np.abs(load(Options(model=str(folder))).probabilities(shown) - wanted.numpy()).max())


def main() -> None:
    """Train, export and measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=TAGGER)
    parser.add_argument("--measure", action="store_true", help="only measure the tagger in --out")
    asked = parser.parse_args()
    report = {}
    if not asked.measure:
        began = time.monotonic()
        tagger = train(asked.steps)
        export(tagger, asked.out, asked.steps * BATCH)
        report = {
            "seconds": round(time.monotonic() - began),
            "torch - onnx": largest_difference(tagger, asked.out),
        }
    report |= {f"blurred by {sigma:g}": right(asked.out, sigma) for sigma in (0, 1, 2, 4)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
