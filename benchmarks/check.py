"""How fast pictures are checked, how fast again, and in how much memory. See README.md beside this file."""

import argparse
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import simplejpeg
from PIL import Image

from loranb.dataset import health
from loranb.demo.scenes import Scene, draw
from loranb.project import Project

TWELVE_MEGAPIXELS = (4000, 3000)
SMALL = (640, 480)  # for the second look, which does not decode
MEDIUM = (1600, 1200)  # for the memory that many take
CORES = len(os.sched_getaffinity(0))
HAND = CORES  # pictures at a turn
GRAIN = 4  # grey levels of noise; with it the pictures have 4 MB, as those of phones have


def main() -> None:
    """Measure all of it, and print it."""
    asked = _asked()
    if asked.draw:
        folder, count, width, height = asked.draw
        _draw(Path(folder), int(count), (int(width), int(height)))
        return
    if asked.peak:
        _look_and_tell_memory(asked.peak)
        return
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        large = (
            list(asked.pictures.glob("*"))
            if asked.pictures
            else made(Path(folder) / "twelve", asked.count, TWELVE_MEGAPIXELS)
        )
        size = sum(path.stat().st_size for path in large) / len(large) / 1e6
        print(f"{len(large)} pictures of {size:.1f} MB\n", flush=True)
        compare(Project(Path(folder) / "one"), large, asked.rounds)
        second_look(Project(Path(folder) / "second"), asked.many)
        memory(Path(folder) / "memory", asked.memory)


def machine() -> str:
    """Say what this runs on, and how busy it is."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return (
        f"{model}, {CORES} processors, {os.getloadavg()[0]:.1f} busy at the start; "
        f"{platform.system()}, Python {platform.python_version()}, Pillow {PIL.__version__}, "
        f"simplejpeg {simplejpeg.__version__}, numpy {np.__version__}"
    )


def made(folder: Path, count: int, size: tuple[int, int]) -> list[Path]:
    """Have JPEGs drawn by another process, so that the memory of this one is as when a check begins."""
    drawn = [sys.executable, __file__, "--draw", str(folder), str(count), *map(str, size)]
    subprocess.run(drawn, check=True)
    return sorted(folder.iterdir())


def _draw(folder: Path, count: int, size: tuple[int, int]) -> None:
    """Draw JPEGs with edges at every scale, texture and grain: scenes laid over each other, enlarged, and noise."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        _photograph(number, size, folder / f"{number:04}.jpg")


def _photograph(number: int, size: tuple[int, int], file: Path) -> None:
    chance = random.Random(number)
    picture = Image.new("RGB", size)
    for part in (1, 2, 4, 8):  # ever smaller ones
        small = (max(96, size[0] // part // 4), max(72, size[1] // part // 4))
        for _ in range(part):
            word, colour = chance.choice(("house", "tree", "boat", "church", "car")), chance.choice(("red", "blue"))
            scene = draw(Scene(word, colour, "grass", "day"), chance.randrange(10**6), small)
            scene = scene.rotate(chance.uniform(-20, 20)).resize(
                (size[0] // part, size[1] // part), Image.Resampling.BICUBIC
            )
            picture.paste(scene, (chance.randrange(size[0]) - size[0] // part // 2, chance.randrange(size[1]) // 2))
    noise = np.random.default_rng(number)
    grain = noise.normal(0, GRAIN, (*size[::-1], 1)).astype(np.float32)
    cloth = noise.normal(0, 2 * GRAIN, (size[1] // 3 + 1, size[0] // 3 + 1, 1)).repeat(3, 0).repeat(3, 1)
    pixels = np.asarray(picture, np.float32) + grain + cloth[: size[1], : size[0]]
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, quality=92)


def compare(project: Project, pictures: list[Path], rounds: int) -> None:
    """Decode and check pictures by turns, on all processors, and print how many of each a core does in a second."""
    project.img.mkdir(parents=True)
    hands = [pictures[first : first + HAND] for first in range(0, len(pictures) - HAND + 1, HAND)]
    plain, check = [], []
    for number in range(rounds + 1):
        shutil.rmtree(project.cache, ignore_errors=True)
        for hand in hands:
            taken = timed(lambda hand=hand: decoded(hand)), timed(lambda hand=hand: looked_at(project, hand))
            if number:  # the first round only warms up
                plain.append(taken[0])
                check.append(taken[1])
    print("A core, in a second of            plain full decode    check    ratio (least to most of the turns)")
    for name, which, cores in (("the processor", 0, 1), ("the clock, all cores busy", 1, CORES)):
        both = [statistics.median(HAND / time[which] / cores for time in times) for times in (plain, check)]
        ratios = sorted(one[which] / other[which] for one, other in zip(plain, check, strict=True))
        said = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"  {name:32} {both[0]:16.2f} {both[1]:8.2f}    {said}")
    print(flush=True)


def decoded(pictures: list[Path]) -> None:
    """Decode pictures plainly and in full, with Pillow, as many at a time as there are processors."""
    with ThreadPoolExecutor(CORES) as pool:
        list(pool.map(lambda path: Image.open(path).load() and None, pictures))


def looked_at(project: Project, pictures: list[Path]) -> None:
    """Look at pictures as the check does."""
    assert all(looked.facts.usable for looked in health.Surveyor(project).look(pictures))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the processor's and the clock's seconds that some work takes."""
    processor, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - clock


def second_look(project: Project, count: int) -> None:
    """Check many pictures twice."""
    made(_subject(project), count, SMALL)
    processor, clock = timed(lambda: health.check(project))
    print(f"First look at {count} pictures of {SMALL[0]} x {SMALL[1]}: {clock:.2f} s ({processor:.2f} s of processor)")
    processor, clock = timed(lambda: health.check(project))
    print(f"Second look at them, unchanged: {clock:.2f} s ({processor:.2f} s of processor)\n", flush=True)


def memory(folder: Path, counts: list[int]) -> None:
    """Check few and many pictures, each in a process of its own, and print the most memory that each held."""
    for count in counts:
        project = Project(folder / str(count))
        originals = made(_subject(project), min(count, 20), MEDIUM)
        for number in range(len(originals), count):  # the same pixels, but not the same bytes
            content = originals[number % len(originals)].read_bytes() + number.to_bytes(4, "big")
            (originals[0].parent / f"{number:04}.jpg").write_bytes(content)
        command = [sys.executable, __file__, "--peak", str(project.root)]
        peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        print(f"Memory at most, {count} pictures of {MEDIUM[0]} x {MEDIUM[1]}: {peak.strip()} MB", flush=True)
        shutil.rmtree(project.root)


def _look_and_tell_memory(root: Path) -> None:
    health.check(Project(root))
    status = Path("/proc/self/status").read_text()  # what `resource` says includes the process that started this one
    print(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1][:-3])


def _subject(project: Project) -> Path:
    folder = project.img / "10_photograph"
    folder.mkdir(parents=True)
    return folder


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, help="a folder of photographs to use instead of drawn ones")
    parser.add_argument("--count", type=int, default=12, help="12-megapixel pictures to draw")
    parser.add_argument("--rounds", type=int, default=4, help="times that each is decoded and checked")
    parser.add_argument("--many", type=int, default=1000, help="pictures of the second look")
    parser.add_argument("--memory", type=int, nargs="*", default=[100, 2000], help="numbers of pictures to compare")
    parser.add_argument("--draw", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
