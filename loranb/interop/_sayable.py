"""Settings as kohya's tools can say them: what they have nothing for goes back to its default, and is named."""

import math
from collections.abc import Mapping
from typing import Any

from loranb.interop._family import family_of
from loranb.interop._learning import as_kohya_writes, of_percent, plain_name, to_percent
from loranb.interop._network import BLOCKS
from loranb.interop._reading import as_number, by_key
from loranb.interop._rest import can_be_drawn
from loranb.interop._source import FORM
from loranb.interop._words import THEIRS
from loranb.settings import Settings, fields
from loranb.settings.learning import SHARE_OR_STEPS
from loranb.settings.optimizers import parse_arguments
from loranb.training.blanks import fill_blanks

_MOST = 4096.0  # the highest alpha that the settings allow
_SAID_OTHERWISE = {  # have no key of their own, and are said by others
    *("lora.type", "lora.text_encoder", "lora.unet", "memory.lora_precision", "memory.base", "optimizer.weight_decay"),
}
_NEAREST = {
    "memory.precision": {"auto": "fp16"},
    "memory.gradient_checkpointing": {"selective": "full"},
    "memory.base": {"8bit": "as is", "4bit": "as is"},
    "objective.predicts": {"epsilon": "auto"},
    "metadata.detail": {"usual": "full"},
    "optimizer.schedule": {"rex": "cosine"},
}


def sayable(settings: Settings, kind: str) -> Settings:
    """Return the settings that come back when what kohya's tools can say of `settings` is read again.

    Blanks are filled in, since these tools have none.

    Args:
        settings: usable together.
        kind: `FORM` or `ARGUMENTS`: the two can say different things.
    """
    said = fill_blanks(settings, "", ())
    defaults = Settings()
    keyless = {f.path: f.of(defaults) for f in fields() if not f.kohya and f.path not in _SAID_OTHERWISE}
    said = said.assign_all(keyless | {"saving.name": settings.saving.name, "samples.prompts": settings.samples.prompts})
    for nearest in (_words, _network, _parts, _optimizer, _noise, _other):
        said = said.assign_all(nearest(said))
    if family_of(settings) == "sdxl":  # they pass over it there
        said = said.assign("model.clip_skip", defaults.model.clip_skip)
    return said.assign_all(_of_kind(said, kind))


def _words(settings: Settings) -> dict[str, Any]:
    found = {}
    for field in fields():
        value = field.of(settings)
        if value in _NEAREST.get(field.path, {}):
            found[field.path] = _NEAREST[field.path][value]
        elif field.optional and value in (0, "") and field.info.default is None:
            found[field.path] = None  # these tools write "off" as nought, or as nothing
    return found


def _network(settings: Settings) -> dict[str, Any]:
    lora, changes = settings.lora, _folded(settings) if settings.lora.rank_stabilised else {}
    if lora.conv_rank is None:
        changes["lora.conv_alpha"] = None
    if lora.type != "lora":
        changes |= {field.path: field.info.default for key, field in by_key().items() if key in BLOCKS}
    if lora.type != "lokr":
        changes |= {"lora.factor": -1, "lora.decompose_both": False}
    return changes


def _folded(settings: Settings) -> dict[str, Any]:
    """Write rank stabilisation as a higher alpha, as it stands in the LoRA file: alpha / sqrt(r) = alpha' / r."""
    lora = settings.lora
    changes: dict[str, Any] = {
        "lora.rank_stabilised": False,
        "lora.alpha": min((lora.alpha or lora.rank) * math.sqrt(lora.rank), _MOST),
    }
    if lora.conv_rank:
        changes["lora.conv_alpha"] = min((lora.conv_alpha or lora.conv_rank) * math.sqrt(lora.conv_rank), _MOST)
    for part in ("block", "conv_block"):
        ranks, alphas = getattr(lora, f"{part}_ranks"), getattr(lora, f"{part}_alphas")
        if ranks and alphas:
            both = zip(ranks.split(","), alphas.split(","), strict=True)
            changes[f"lora.{part}_alphas"] = ",".join(f"{float(a) * math.sqrt(float(r)):g}" for r, a in both)
    return changes


def _parts(settings: Settings) -> dict[str, Any]:
    """A part that is not trained has the rate 0, so its own rate is lost."""
    rate, of_text = settings.optimizer.learning_rate, settings.optimizer.text_encoder_learning_rate
    if not settings.lora.text_encoder or not of_text:
        return {"lora.text_encoder": False, "optimizer.text_encoder_learning_rate": None}
    return {} if settings.lora.unet else {"optimizer.learning_rate": of_text or rate}


def _optimizer(settings: Settings) -> dict[str, Any]:
    values, _ = parse_arguments(settings.optimizer.args)
    decay = as_number(values.get("weight_decay"))
    changes: dict[str, Any] = {"optimizer.name": plain_name(settings.optimizer.name)}
    if decay is not None and 0 <= decay <= 1:
        del values["weight_decay"]
        changes["optimizer.weight_decay"] = decay
    elif decay is not None:
        changes["optimizer.weight_decay"] = None
    if settings.optimizer.schedule == "constant":  # has no warm-up, and sd-scripts ends the run if one is named
        changes["optimizer.warmup"] = 0.0
    lines = [as_kohya_writes(name, value) for name, value in values.items()]
    changes["optimizer.args"] = tuple(line for line in lines if line)
    return changes


def _noise(settings: Settings) -> dict[str, Any]:
    noise, defaults, changes = settings.noise, Settings().noise, {}
    if noise.multires_iterations is None:
        changes["noise.multires_discount"] = defaults.multires_discount
    if noise.offset is None:
        changes["noise.offset_adaptive"] = None
        changes["noise.offset_random"] = defaults.offset_random
    return changes


def _other(settings: Settings) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "samples.prompts": tuple(line for line in settings.samples.prompts if can_be_drawn(line)),
        "model.base": settings.model.base or Settings().model.base,
        "saving.name": "" if settings.saving.name == "last" else settings.saving.name,
    }
    if settings.validation.every_epochs == 0:  # they divide by it
        changes["validation.every_epochs"] = Settings().validation.every_epochs
    if settings.length.seed == 0:  # they draw one then
        changes["length.seed"] = Settings().length.seed
    return changes


def _of_kind(settings: Settings, kind: str) -> dict[str, Any]:
    if kind == FORM:
        warmup = settings.optimizer.warmup
        share = min(of_percent(to_percent(warmup)), 0.99) if warmup < 1 else warmup
        return {"optimizer.warmup": share}
    return {"length.epochs": Settings().length.epochs} if settings.length.steps else {}


def left_out(asked: Settings, said: Settings) -> list[str]:
    """Name what kohya's tools cannot be told, with what they get instead."""
    filled = fill_blanks(asked, asked.saving.name, ())
    if filled.optimizer.schedule == "constant":
        filled = filled.assign("optimizer.warmup", said.optimizer.warmup)  # it does nothing
    changed = [field for field in fields() if field.of(filled) != field.of(said) and field.of(asked) is not None]
    return [f"{f.path} = {_shown(f.of(asked))}; there it is {_shown(f.of(said))}." for f in changed]


def _shown(value: Any) -> str:
    return "blank" if value in (None, "", ()) else str(value)


def written(settings: Settings) -> Mapping[str, Any]:
    """Return what each of kohya's keys holds, in kohya's words, for the settings that declare one."""
    found = {}
    for key, field in by_key().items():
        value = field.of(settings)
        word = THEIRS.get(key, {}).get(str(value))
        value = None if value == "auto" else value  # said by saying nothing
        if field.unit == SHARE_OR_STEPS:
            value = share_or_steps(value)
        found[key] = value if word is None else word == "true" if word in ("true", "false") else word
    return found


def share_or_steps(value: float) -> float | int:
    """Write steps as a whole number: sd-scripts takes every other one for a share, 100.0 too."""
    return int(value) if value >= 1 else value
