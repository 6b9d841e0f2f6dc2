"""Write settings for kohya's tools: a preset of its form (JSON), or sd-scripts' arguments (TOML).

What is read again by `loranb.interop.kohya` are the same settings, as far as these tools can say them; what they cannot
is named. The form has no field for some arguments of its own trainer; they are passed on as further arguments.
"""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from loranb.errors import SettingsError
from loranb.files import free_name, write_text
from loranb.interop._absent import NOUGHT
from loranb.interop._family import family_of
from loranb.interop._form_keys import AS_IT_BEGINS, FORM_KEYS, NETWORK_ARGUMENTS
from loranb.interop._learning import to_percent
from loranb.interop._reading import by_key
from loranb.interop._sayable import left_out, sayable, share_or_steps, written
from loranb.interop._source import ARGUMENTS, FORM, SAME
from loranb.settings import Settings
from loranb.settings.conflicts import conflicts
from loranb.settings.optimizers import KNOWN
from loranb.training.blanks import fill_blanks

_ARGUMENT = {  # what sd-scripts calls otherwise than the form
    theirs: name
    for name, theirs in SAME.items()
    if name in ("optimizer_type", "resolution", "cache_text_encoder_outputs", "no_half_vae")
}
_BY_CLASS = ("CAME",)  # optimizers that sd-scripts has no name for
_FORM_TYPES = {"lora": "Standard", "dora": "LyCORIS/LoCon", "loha": "LyCORIS/LoHa", "lokr": "LyCORIS/LoKr"}
_ALGORITHMS = {"dora": "locon", "loha": "loha", "lokr": "lokr"}


@dataclass(frozen=True)
class Exported:
    """What is written for another tool.

    Args:
        path: the file.
        said: the settings as the file says them.
        left_out: what the tool cannot be told.
        more: other files that were written for it.
        script: sd-scripts' trainer that it is for.
    """

    path: Path
    said: Settings
    left_out: list[str]
    more: list[Path]
    script: str


def export(settings: Settings, path: Path, folders: Mapping[str, Path] | None = None) -> Exported:
    """Write settings for kohya's tools; a name that ends in .json is for its form, one in .toml for sd-scripts.

    Args:
        settings: to be written.
        path: the file; sample prompts for sd-scripts go to a text file beside it.
        folders: kohya's keys of folders, such as ``train_data_dir``, and where these are.

    Raises:
        SettingsError: the settings exclude each other, or the file's name ends otherwise.
    """
    kinds = {".json": FORM, ".toml": ARGUMENTS}
    if path.suffix.lower() not in kinds:
        raise SettingsError([f"{path.name}: its name must end in .json, for kohya_ss, or .toml, for sd-scripts."])
    if problems := dict.fromkeys([*conflicts(settings), *conflicts(fill_blanks(settings, "", ()))]):
        raise SettingsError(list(problems))
    kind = kinds[path.suffix.lower()]
    said, family = sayable(settings, kind), family_of(settings)
    values = {key: str(folder) for key, folder in (folders or {}).items()}
    more = []
    if kind == FORM:
        preset = dict(sorted((form(said, family) | values).items()))
        write_text(path, json.dumps(preset, indent=2, ensure_ascii=False) + "\n")
    else:
        prompts = free_name(path.with_name(f"{path.stem}_prompts.txt"))
        given = scripts(said, family) | values
        if said.samples.prompts:
            write_text(prompts, "\n".join(said.samples.prompts) + "\n")
            given["sample_prompts"] = str(prompts)
            more.append(prompts)
        write_text(path, tomlkit.dumps(given))
    script = "sdxl_train_network.py" if family == "sdxl" else "train_network.py"
    return Exported(path, said, left_out(settings, said), more, script)


def form(said: Settings, family: str) -> dict[str, Any]:
    """Return a preset of kohya's form.

    Args:
        said: settings as they can be said there; see `sayable`.
        family: the base model's: sd1, sd2 or sdxl.
    """
    values = _in_its_fields(said) | _common(said, family) | _network_of_form(said)
    warmup, noise = said.optimizer.warmup, said.noise
    passed_on = {key: values.pop(key) for key in list(values) if key not in FORM_KEYS}
    passed_on |= {key: 0 for key in NOUGHT if values.get(key) == 0}  # the form leaves these out
    if noise.offset is not None and noise.multires_iterations is not None:
        passed_on |= {key: values[key] for key in ("multires_noise_iterations", "multires_noise_discount")}
    default = _in_its_fields(Settings())
    return (
        AS_IT_BEGINS
        | values
        | {
            "lr_warmup": to_percent(warmup) if warmup < 1 else 0,
            "lr_warmup_steps": int(warmup) if warmup >= 1 else 0,
            "max_train_epochs": 0 if said.length.steps else said.length.epochs,
            "max_train_steps": said.length.steps or 0,
            "noise_offset_type": "Multires" if noise.offset is None and noise.multires_iterations else "Original",
            "optimizer_args": " ".join(_optimizer_args(said)),
            "sample_prompts": "\n".join(said.samples.prompts),
            "sdxl": family == "sdxl",
            "additional_parameters": _passed(
                {k: v for k, v in passed_on.items() if k in NOUGHT or v != default.get(k)}
            ),
        }
    )


def scripts(said: Settings, family: str) -> dict[str, Any]:
    """Return sd-scripts' arguments, without the sample prompts, which stand in a file of their own.

    Args:
        said: settings as they can be said there; see `sayable`.
        family: the base model's: sd1, sd2 or sdxl.
    """
    values = dict(written(said)) | _common(said, family)
    values |= {"lr_warmup_steps": share_or_steps(said.optimizer.warmup), "sdpa": True}
    values |= {"optimizer_args": _optimizer_args(said)}
    values |= {"max_train_steps": said.length.steps} if said.length.steps else {"max_train_epochs": said.length.epochs}
    values |= {"torch_compile": said.memory.compile != "no"}
    network = {key: values.pop(key) for key in NETWORK_ARGUMENTS if key in values}
    lycoris = said.lora.type != "lora"
    network |= {"algo": _ALGORITHMS[said.lora.type]} if lycoris else {}
    network |= {"dora_wd": True} if said.lora.type == "dora" else {}
    network |= {"preset": _layers(said)} if lycoris else {}
    values["network_module"] = "lycoris.kohya" if lycoris else "networks.lora"
    off = {key for key, value in written(Settings()).items() if value == 0 == values.get(key) and value is not False}
    unsent = {"lr_warmup", "epoch", "sample_prompts", "rs_lora", *(off - {"validation_seed"})}
    unsent |= {key for key in ("sample_every_n_epochs", "sample_every_n_steps") if not values[key]}
    neutral = {key: value for key, value in written(Settings()).items() if key in NETWORK_ARGUMENTS}
    arguments = [f"{k}={v}" for k, v in network.items() if v is not None and (v != neutral.get(k) or k == "algo")]
    named = {_ARGUMENT.get(key, key): value for key, value in values.items() if key not in unsent and value is not None}
    return {key: value for key, value in named.items() if value not in ("", [], ())} | {"network_args": arguments}


def _common(said: Settings, family: str) -> dict[str, Any]:
    lora, optimizer = said.lora, said.optimizer
    return {
        "pretrained_model_name_or_path": said.model.base,
        "v2": family == "sd2",
        "sdxl_no_half_vae": family == "sdxl",  # in fp16 that VAE gives black pictures, or none
        "optimizer": KNOWN[optimizer.name].path if optimizer.name in _BY_CLASS else optimizer.name,
        "caption_extension": ".txt",
        "save_model_as": "safetensors",
        "max_resolution": f"{said.dataset.resolution},{said.dataset.resolution}",
        "learning_rate": optimizer.learning_rate,
        "unet_lr": optimizer.learning_rate if lora.unet else 0,
        "text_encoder_lr": optimizer.text_encoder_learning_rate if lora.text_encoder else 0,
        "full_bf16": said.memory.lora_precision == "bf16",
        "full_fp16": said.memory.lora_precision == "fp16",
        "fp8_base": said.memory.base == "fp8",
    }


def _network_of_form(said: Settings) -> dict[str, Any]:
    lora = said.lora
    convolutions = lora.conv_rank or lora.conv_block_ranks
    kind = "Kohya LoCon" if lora.type == "lora" and convolutions else _FORM_TYPES[lora.type]
    return {"LoRA_type": kind, "dora_wd": lora.type == "dora", "LyCORIS_preset": _layers(said)}


def _layers(said: Settings) -> str:
    """Name LyCORIS' preset of layers; without it its networks train the convolutions too."""
    return "full" if said.lora.conv_rank or said.lora.type == "lora" else "attn-mlp"


def _optimizer_args(said: Settings) -> list[str]:
    decay = said.optimizer.weight_decay
    return [*said.optimizer.args, *([] if decay is None else [f"weight_decay={decay}"])]


def _in_its_fields(said: Settings) -> dict[str, Any]:
    """Return what the form's fields hold: those of numbers cannot be blank, and take nought for off."""
    kinds = {key: field.kind for key, field in by_key().items()}
    off = {key: 0 if kind in (int, float) else "" for key, kind in kinds.items()}
    return {key: off[key] if value is None else value for key, value in written(said).items()}


def _passed(arguments: Mapping[str, Any]) -> str:
    words = [f"--{key}" if value is True else f"--{key}={value}" for key, value in sorted(arguments.items())]
    return " ".join(shlex.quote(word) for word in words)
