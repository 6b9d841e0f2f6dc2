"""Read a file of kohya's tools as a flat table of keys, whichever of them wrote it.

Three kinds are told apart by what is in them: the form's JSON of every age, sd-scripts' TOML of arguments
(``--config_file``, whose sections count for nothing), and its TOML of data sets (``--dataset_config``).
"""

import json
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loranb.errors import SettingsError

FORM, ARGUMENTS = "kohya_ss's form", "sd-scripts"
_MAX_SIZE = 16_000_000  # bytes; a preset has some thousands

# What sd-scripts calls differently from the form, and what the form called differently before 2024.
SAME = {
    "optimizer_type": "optimizer",
    "resolution": "max_resolution",
    "cache_text_encoder_outputs": "sdxl_cache_text_encoder_outputs",
    "no_half_vae": "sdxl_no_half_vae",
    "max_train_epoch": "max_train_epochs",
    "cache_latent": "cache_latents",
    "caption_extention": "caption_extension",
    "lora_network_weights": "network_weights",
    "stop_text_encoder_training_pct": "stop_text_encoder_training",
    "conv_dims": "conv_block_dims",
    "conv_alphas": "conv_block_alphas",
    "save_as": "save_as_bool",
    "batch_size": "train_batch_size",
    "sdxl_checkbox": "sdxl",
    "preset": "LyCORIS_preset",
}


@dataclass
class Source:
    """What a file says.

    Args:
        kind: `FORM` or `ARGUMENTS`.
        folder: where the file lies; paths in it may be relative to that.
        values: by key, as the form calls it; renamed keys under their present name.
        names: by the same key, how the file calls it.
        remarks: what is worth knowing and belongs to no key.
        passed_on: keys that the form passes on to its trainer as they stand.
    """

    kind: str
    folder: Path
    values: dict[str, Any] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    passed_on: set[str] = field(default_factory=set)

    def add(self, values: Mapping[str, Any], over: bool = True) -> None:
        """Take in keys; one that says something wins over one that is blank, else the later wins if `over`."""
        for name, value in values.items():
            key = SAME.get(name, name)
            if key in self.values and not is_blank(self.values[key]) and (is_blank(value) or not over):
                continue
            self.values[key], self.names[key] = value, name


def is_blank(value: Any) -> bool:
    """Whether a value says nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


def read_source(path: Path) -> Source:
    """Read a file of kohya's tools.

    Raises:
        SettingsError: it cannot be read, or is neither a table in JSON nor TOML.
    """
    text = _text(path)
    if path.suffix.lower() == ".toml" or not text.lstrip().startswith(("{", "[")):
        return _of_toml(_parsed(path, text, tomllib.loads), path)
    try:
        values = _parsed(path, text, json.loads)
    except SettingsError:
        try:  # a TOML file may begin with a section
            return _of_toml(tomllib.loads(text), path)
        except tomllib.TOMLDecodeError:
            pass
        raise
    if not isinstance(values, dict):
        raise SettingsError([f"{path} holds no settings: expected a table of keys and values in JSON, or TOML."])
    source = Source(FORM, path.parent)
    source.add(values)
    return _spread(source)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_SIZE:
            raise SettingsError([f"{path} is {path.stat().st_size:,} bytes; no preset is as large. Choose another."])
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            [f"{path} cannot be read: {error}. Give a preset of kohya_ss (JSON) or sd-scripts (TOML)."]
        ) from error


def _parsed(path: Path, text: str, parse: Any) -> Any:
    try:
        return parse(text)
    except (ValueError, RecursionError) as error:  # both decoders' errors are ValueErrors
        raise SettingsError(
            [f"{path} cannot be read: {error}. Give a preset of kohya_ss (JSON) or sd-scripts (TOML)."]
        ) from error


def _of_toml(values: Mapping[str, Any], path: Path) -> Source:
    source = Source(ARGUMENTS, path.parent)
    if "datasets" in values:
        _add_datasets(source, values)
    else:
        flat = {name: value for name, value in values.items() if not isinstance(value, dict)}
        for section in (value for value in values.values() if isinstance(value, dict)):
            flat |= section
        source.add(flat)
        _beside(source)
    return _spread(source)


def _spread(source: Source) -> Source:
    """Take in the arguments that stand within one key."""
    _additional(source)
    given = source.values.pop("network_args", None)
    source.names.pop("network_args", None)
    source.add(dict(pairs(given)))
    return source


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; a name that no system would take is none."""
    try:
        return path.expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _beside(source: Source) -> None:
    """Read the data sets' file that an arguments' file names, where it is there."""
    name = source.values.get("dataset_config")
    if is_blank(name):
        return
    file = source.folder / str(name)
    if is_there(file) and file.is_file():
        _add_datasets(source, _parsed(file, _text(file), tomllib.loads))
        source.remarks.append(f"dataset_config: {file.name} was read too.")
    else:
        source.remarks.append(
            f"dataset_config: {name} is not there, so what it says of the data sets is missing. Import it by itself, "
            "or put it beside this file."
        )


def _add_datasets(source: Source, values: Mapping[str, Any]) -> None:
    """Flatten ``[general]``, ``[[datasets]]`` and their subsets: the narrower wins, the first subset counts for all."""
    general = {key: value for table in _tables([values.get("general")]) for key, value in table.items()}
    datasets = _tables(values.get("datasets"))
    subsets = [subset for dataset in datasets for subset in _tables(dataset.get("subsets"))]
    effective = [general | dict(one) | dict(sub) for one in datasets for sub in _tables(one.get("subsets")) or [{}]]
    found: dict[str, Any] = {}
    differing: set[str] = set()
    for table in effective or [general]:
        for key, value in table.items():
            if key == "subsets" or key in _OF_SUBSET:
                continue
            if key in found and found[key] != value:
                differing.add(key)
            found.setdefault(key, value)
    source.add(found)
    for key in sorted(differing):
        source.remarks.append(f"{key} differs between the data sets; loranb has one for all and takes {found[key]}.")
    source.remarks += [_folder_words(subset) for subset in subsets]


def _tables(given: Any) -> list[Mapping[str, Any]]:
    return [table for table in given if isinstance(table, Mapping)] if isinstance(given, list) else []


_OF_SUBSET = ("image_dir", "num_repeats", "class_tokens", "is_reg", "metadata_file")


def _folder_words(subset: Mapping[str, Any]) -> str:
    reg = " --reg" if subset.get("is_reg") else ""
    words = subset.get("class_tokens") or "WORDS"
    return (
        f"Pictures of {subset.get('image_dir', '?')} are added with: loranb add PROJECT{reg} --subject '{words}' "
        f"--repeats {subset.get('num_repeats', 1)} {subset.get('image_dir', '?')}"
    )


def _additional(source: Source) -> None:
    """Read what the form passes on as it stands: further arguments of the trainer, which win over the form's."""
    text = source.values.pop("additional_parameters", None)
    source.names.pop("additional_parameters", None)
    if is_blank(text):
        return
    try:
        words = _words(str(text))
    except ValueError as error:
        source.remarks.append(f"additional_parameters = {text!r} cannot be read: {error}. It was left out.")
        return
    given = dict(arguments(words))
    network = given.pop("network_args", None)
    given |= dict(pairs(network))
    source.add(given)
    source.passed_on |= {SAME.get(name, name) for name in given}


def _words(text: str) -> list[str]:
    """Split as a shell does, but for backslashes: they stand in the paths of Windows."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split, lexer.commenters, lexer.escape = True, "", ""
    return list(lexer)


def arguments(words: Iterable[str]) -> list[tuple[str, Any]]:
    """Read a command line's tail: ``--flag``, ``--name value``, ``--name=value``, ``--name value value``."""
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            found.append((name.replace("-", "_"), [value] if equals else []))
        elif found:
            found[-1][1].append(word)
    return [(name, True if not values else values[0] if len(values) == 1 else values) for name, values in found]


def pairs(given: Any) -> list[tuple[str, str]]:
    """Read ``name=value`` from a list of texts, or from one text with spaces."""
    if is_blank(given) or given is True:
        return []
    texts = given if isinstance(given, list | tuple) else str(given).split()
    split = [str(text).strip().strip('"').partition("=") for text in texts]
    return [(name.strip(), value.strip()) for name, equals, value in split if equals]
