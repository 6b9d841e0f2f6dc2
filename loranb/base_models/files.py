"""Which files of a model on the hub are wanted: those of one number format, and none that cannot be used."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from loranb.errors import ModelError

INDEX, CONFIG = "model_index.json", "config.json"
WEIGHTS = ("unet", "vae", "text_encoder", "text_encoder_2")
SMALL = ("tokenizer", "tokenizer_2", "scheduler")
_WEIGHTS = re.compile(
    r"(?P<stem>diffusion_pytorch_model|pytorch_model|model)(?:\.(?P<variant>\w+?))?(?P<shard>-\d+-of-\d+)?"
    r"\.(?P<kind>safetensors|bin)(?P<index>\.index\.json)?"
)
# Half precision first: half the bytes, and training does not compute in more. Never pickles where there is a choice.
PREFERRED = (("fp16", "safetensors"), ("", "safetensors"), ("fp16", "bin"), ("", "bin"))


def wanted(repo: str, files: Mapping[str, int], only: str = "") -> dict[str, str]:
    """Choose the files of a model.

    Args:
        repo: the model's name on the hub, for messages.
        files: what there is, with bytes.
        only: a single file that is asked for.

    Returns:
        The name on the hub of each file, and the name it is kept by: without ``.fp16``, so that
        every program finds the weights.

    Raises:
        ModelError: it is not there, or there are no weights to choose.
    """
    if only:
        if only not in files:
            raise ModelError(f"{repo} has no file {only}. {_single_files(repo, files)}")
        return {only: PurePosixPath(only).name}
    if INDEX in files:
        return _of_pipeline(repo, files)
    if CONFIG in files and (part := _weights(name for name in files if "/" not in name)):
        return {CONFIG: CONFIG} | part  # of one part alone, such as a VAE
    single = _checkpoints(files)
    if len(single) != 1:
        raise ModelError(f"{repo} is no diffusers model: it has no {INDEX}. {_single_files(repo, files)}")
    return {single[0]: single[0]}


def _of_pipeline(repo: str, files: Mapping[str, int]) -> dict[str, str]:
    chosen = {INDEX: INDEX}
    for name in files:
        folder, _, file = name.partition("/")
        if folder in SMALL and file and "/" not in file:
            chosen[name] = name
    for folder in WEIGHTS:
        inside = [name for name in files if name.startswith(f"{folder}/")]
        if not inside:
            continue
        if f"{folder}/config.json" in files:
            chosen[f"{folder}/config.json"] = f"{folder}/config.json"
        weights = _weights(inside)
        if not weights:
            raise ModelError(f"{repo} has no weights in {folder}, neither .safetensors nor .bin. Choose another model.")
        chosen |= weights
    if not any(name.startswith("unet/") for name in chosen):
        raise ModelError(
            f"{repo} has no unet folder, so it is no Stable Diffusion 1.x, 2.x or XL model; loranb trains LoRAs for "
            "these. Choose one of them."
        )
    return chosen


def _weights(names: Iterable[str]) -> dict[str, str]:
    """Choose one component's weights: the first of `PREFERRED` that is there; shards keep their names."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        if match := _WEIGHTS.fullmatch(file):
            plain = f"{folder}/{match['stem']}.{match['kind']}".removeprefix("/")
            kept = name if match["shard"] or match["index"] else plain
            found.setdefault((match["variant"] or "", match["kind"]), {})[name] = kept
    for choice in PREFERRED:
        files = found.get(choice, {})
        if files and not (choice[0] and len(files) > 1):  # the index of shards names them with their variant
            return files
    return {}


def _checkpoints(files: Mapping[str, int]) -> list[str]:
    at_top = [name for name in files if "/" not in name]
    return [n for n in at_top if n.endswith(".safetensors")] or [n for n in at_top if n.endswith(".ckpt")]


def _single_files(repo: str, files: Mapping[str, int]) -> str:
    single = _checkpoints(files)
    if not single:
        return "It holds no .safetensors or .ckpt file either. Choose another model."
    return f"Give one of its files, such as {repo}/{single[0]}" + (
        f"; it has {', '.join(single[:8])}." if len(single) > 1 else "."
    )
