"""The plan of a run from the command line."""

import argparse
from typing import Any

from loranb.base_models.known import known_base
from loranb.dataset.materials import Materials
from loranb.errors import SettingsError
from loranb.estimate.gpus import GPUS, Gpu, here, named
from loranb.estimate.speed import speeds_here
from loranb.estimate.whole import estimate
from loranb.estimate.words import in_lines
from loranb.plan import Plan
from loranb.plan import plan as plan_of
from loranb.project import Project
from loranb.settings.advice import advice
from loranb.training.problems import problems


def plan(asked: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Say what a training run will be, and what would stop it; the report, and the same in words.

    Raises:
        SettingsError: settings that cannot be used, or a GPU that is not known.
        DatasetError: there are no pictures to train on.
    """
    project = Project.open(asked.project)
    settings = project.settings().assign_text(asked.set)
    gpu = _gpu(asked.gpu)
    materials = Materials(project)
    materials.found.check()
    horizon = plan_of(settings, materials.images(settings))
    known = estimate(settings, horizon, gpu, speeds_here(project))
    base = known_base(settings.model.base, settings.model.family)
    said = [str(one) for one in advice(settings, horizon, gpu, base)]
    wrong = [*problems(settings), *materials.problems(settings)]
    report = {**_counts(horizon), **known.to_json(), "problems": wrong, "advice": said, "exit_code": int(bool(wrong))}
    stops = [f"It cannot be trained like this: {words}" for words in wrong]
    return report, "\n".join([*in_lines(horizon, known), *stops, *(f"! {words}" for words in said)])


def _gpu(name: str) -> Gpu | None:
    if not name:
        return here()
    if gpu := named(name):
        return gpu
    raise SettingsError([f"--gpu {name!r} is not known; there are {', '.join(gpu.name for gpu in GPUS)}."])


def _counts(horizon: Plan) -> dict[str, Any]:
    cropped = horizon.cropped()
    return {
        "images": len(horizon.images),
        "regularisation_images": len(horizon.regularisation),
        "held_out_images": len(horizon.held_out),
        "items": horizon.items,
        "batch_size": horizon.batch_size,
        "gradient_accumulation": horizon.gradient_accumulation,
        "batches_per_epoch": horizon.batches_per_epoch,
        "steps_per_epoch": horizon.steps_per_epoch,
        "epochs": horizon.epochs,
        "steps": horizon.steps,
        "subjects": [
            {"folder": s.folder, "images": s.images, "repeats": s.repeats, "items": s.items, "share": round(s.share, 4)}
            for s in horizon.subjects
        ],
        "buckets": [
            {
                "size": bucket.size,
                "images": bucket.images,
                "items": bucket.items,
                "batches": bucket.batches,
                "cropped": round(cropped.get(bucket.size, 0.0), 4),
            }
            for bucket in horizon.buckets
        ],
    }
