"""What a LoRA file says about itself: kohya's ``ss_*`` keys and Stability's ``modelspec.*``.

Web UIs read these to sort LoRAs by base model, to suggest a name, and to show which tags were
trained how often. Settings that carry an ``ss`` key in their declaration are written under it.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from loranb.dataset.captions import tag_frequency
from loranb.errors import SettingsError
from loranb.lora.file import as_text, read_metadata
from loranb.lora.network import network
from loranb.plan import Plan, PlannedImage, whole_steps
from loranb.settings import ObjectiveSettings, Settings, fields

MODELSPEC = "1.0.1"
_IMPLEMENTATIONS = {"sdxl_base_v1-0": "https://github.com/Stability-AI/generative-models"}  # as kohya's says it
SETTINGS = "loranb_settings"  # every setting, as JSON
LEAST = (  # what programs need to use the file; the same that kohya's trainer writes with no_metadata
    "ss_network_module",
    "ss_network_dim",
    "ss_network_alpha",
    "ss_network_args",
    "ss_v2",
    "ss_base_model_version",
)


@dataclass(frozen=True)
class Moment:
    """When in a run a file was saved."""

    epoch: int
    step: int
    started: float  # Unix seconds
    saved: float
    session: int  # a number of the run's own


def metadata(
    settings: Settings, plan: Plan, base: Mapping[str, str], moment: Moment, optimizer: str = ""
) -> dict[str, str]:
    """Make a LoRA file's metadata, all values as strings.

    Args:
        settings: with blanks filled in.
        plan: the run's.
        base: "name", "version" (ss_base_model_version), "architecture" and "prediction" of the base model.
        moment: when the file is saved.
        optimizer: its class with its arguments, as kohya's trainer writes it.
    """
    declared = {field.ss: field.of(settings) for field in fields() if field.ss}
    told = {**_modelspec(settings, base, moment), **_said(declared), **_kohya(settings, plan, base, moment)}
    told["ss_optimizer"] = optimizer
    detail = settings.metadata.detail
    if detail == "least":
        told = {key: value for key, value in told.items() if key in LEAST}
    if detail == "full":
        told[SETTINGS] = settings.model_dump(mode="json")
    return as_text(told)


def settings_of(told: Mapping[str, str]) -> Settings:
    """Return the settings that a LoRA file was made with.

    Args:
        told: its metadata.

    Raises:
        SettingsError: it doesn't hold them, or they are damaged.
    """
    if SETTINGS not in told:
        raise SettingsError(
            [
                "the file holds no settings of loranb; they are kept in LoRAs that it makes with metadata.detail = "
                "'full'. `loranb lora info FILE` shows what else it says."
            ]
        )
    try:
        values = json.loads(told[SETTINGS])
    except json.JSONDecodeError as error:
        raise SettingsError([f"the settings in the file are damaged: {error}."]) from error
    return Settings.from_values(values)


def trained_objective(file: Path) -> ObjectiveSettings:
    """Return what a LoRA file's training overruled of its base model's prediction and noise; the defaults if nothing.

    loranb's own files hold the settings; of others it is known where they say that they predict v.
    """
    told = read_metadata(file)
    with contextlib.suppress(SettingsError):
        return settings_of(told).objective
    says_v = told.get("modelspec.prediction_type", "").lower().startswith("v")
    return ObjectiveSettings(
        predicts="v_prediction" if says_v else "auto", zero_terminal_snr=told.get("ss_zero_terminal_snr") == "True"
    )


def _said(declared: Mapping[str, object]) -> dict[str, object]:
    """Leave out what modelspec should say and nobody has written."""
    return {key: value for key, value in declared.items() if value or not key.startswith("modelspec.")}


def _kohya(settings: Settings, plan: Plan, base: Mapping[str, str], moment: Moment) -> dict[str, object]:
    side, optimizer = settings.dataset.resolution, settings.optimizer
    return {
        "ss_session_id": moment.session,
        "ss_training_started_at": moment.started,
        "ss_training_finished_at": moment.saved,
        "ss_epoch": moment.epoch,
        "ss_steps": moment.step,
        **network(settings),
        "ss_base_model_version": base["version"] + ("_v" if _is_v_of_sd(base) else ""),
        "ss_sd_model_name": base["name"],
        "ss_v2": base["version"] == "sd_v2",
        **({"ss_vae_name": Path(settings.model.vae).name} if settings.model.vae else {}),
        "ss_mixed_precision": settings.memory.precision.replace("fp32", "no"),
        "ss_resolution": f"({side}, {side})",
        "ss_learning_rate": optimizer.learning_rate,
        "ss_lr_warmup_steps": 0 if optimizer.schedule == "constant" else whole_steps(optimizer.warmup, plan.steps),
        "ss_num_train_images": plan.items,
        "ss_num_reg_images": plan.regularisation_items,
        "ss_gradient_checkpointing": settings.memory.gradient_checkpointing != "none",
        "ss_num_validation_images": len(plan.held_out),
        "ss_num_batches_per_epoch": plan.batches_per_epoch,
        "ss_num_epochs": plan.epochs,
        "ss_max_train_steps": plan.steps,
        "ss_batch_size_per_device": plan.batch_size,
        "ss_total_batch_size": plan.batch_size * plan.gradient_accumulation,
        "ss_dataset_dirs": _folders(plan.images),
        "ss_reg_dataset_dirs": _folders(plan.regularisation),
        "ss_tag_frequency": {
            folder: tag_frequency(p.image.caption for p in plan.images if p.image.folder == folder)
            for folder in _folders(plan.images)
        },
        "ss_bucket_info": {
            "buckets": {
                str(i): {"resolution": list(bucket.size), "count": bucket.items}
                for i, bucket in enumerate(plan.buckets)
            }
        },
    }


def _is_v_of_sd(base: Mapping[str, str]) -> bool:
    """Whether kohya's trainer marks the version: SD 1.x and 2.x that predict v; SDXL has no mark."""
    return base["prediction"] == "v_prediction" and base["version"] in ("sd_v1", "sd_v2")


def _modelspec(settings: Settings, base: Mapping[str, str], moment: Moment) -> dict[str, object]:
    side, objective = settings.dataset.resolution, settings.objective
    low, high = objective.timestep_min, objective.timestep_max
    timesteps = {} if (low, high) == (0, 1000) else {"modelspec.timestep_range": f"{low},{high}"}
    return timesteps | {
        "modelspec.sai_model_spec": MODELSPEC,
        "modelspec.architecture": f"{base['architecture']}/lora",
        "modelspec.implementation": _IMPLEMENTATIONS.get(base["version"], "diffusers"),
        "modelspec.title": settings.saving.name,
        "modelspec.resolution": f"{side}x{side}",
        "modelspec.date": datetime.fromtimestamp(moment.saved, UTC).isoformat(timespec="seconds"),
        "modelspec.prediction_type": "v" if base["prediction"] == "v_prediction" else "epsilon",
    }


def _folders(images: Sequence[PlannedImage]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for planned in images:
        entry = found.setdefault(planned.image.folder, {"n_repeats": planned.image.repeats, "img_count": 0})
        entry["img_count"] += 1
    return found
