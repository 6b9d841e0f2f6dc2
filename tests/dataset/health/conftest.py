"""Pictures with the statistics of photographs: leaves of all sizes that lie over each other, with sharp edges."""

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from loranb.dataset import health
from loranb.project import Project


def leaves(seed: int = 0, size: tuple[int, int] = (640, 640), count: int = 400) -> Image.Image:
    """Draw a dead-leaves picture, as used to test the sharpness of cameras; light falls off to the right."""
    chance = random.Random(seed)
    picture = Image.new("RGB", size, "#808080")
    draw = ImageDraw.Draw(picture)
    for _ in range(count):
        x, y = chance.uniform(-0.1, 1) * size[0], chance.uniform(-0.1, 1) * size[1]
        width, height = (min(size) * min(0.3, 0.02 / chance.uniform(0.05, 1)) for _ in "xy")
        colour = tuple(chance.randrange(10, 245) for _ in "rgb")
        (draw.ellipse if chance.random() < 0.6 else draw.rectangle)((x, y, x + width, y + height), fill=colour)
    grain = np.random.default_rng(seed).normal(0, 2, (*size[::-1], 1))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


@pytest.fixture(name="leaves")
def leaves_fixture():
    return leaves


@pytest.fixture
def project(tmp_path) -> Project:
    """A project that has an img folder with one subject, and nothing else."""
    (tmp_path / "city/img/10_old town").mkdir(parents=True)
    return Project(tmp_path / "city")


@pytest.fixture
def town(project):
    """The folder of the project's one subject."""
    return project.img / "10_old town"


@pytest.fixture
def found(project):
    """Check the project, and return the codes found of each picture by its name."""

    def codes(**asked) -> dict[str, set[str]]:
        report = health.check(project, **asked)
        return {picture.path.name: {finding.code for finding in picture.findings} for picture in report.pictures}

    return codes


@pytest.fixture
def finding(project):
    """Check the project, and return the one finding of a code."""

    def of(code: str, **asked) -> health.Finding:
        report = health.check(project, **asked)
        parts = (*report.pictures, *report.subjects, report)
        every = [finding for part in parts for finding in part.findings if finding.code == code]
        assert len(every) == 1, f"{len(every)} findings of {code}"
        return every[0]

    return of
