"""Settings as a run will have them, where a blank changes how large the LoRA is."""

import json
from functools import lru_cache
from pathlib import Path

from loranb.settings import Settings

DOWN = (".lora_down.weight", ".lora_A.weight")  # kohya's name, and that of peft and diffusers


def as_run(settings: Settings) -> Settings:
    """Fill in what a run fills in: no text encoder where its rate is nought, the rank of the LoRA that is gone on from.

    Blanks that change no size are left.
    """
    changes: dict[str, object] = {}
    rate, second = settings.optimizer.text_encoder_learning_rate, settings.optimizer.text_encoder_2_learning_rate
    if settings.lora.text_encoder and rate == 0 and not second:
        changes["text_encoder"] = False
    if settings.lora.start_from and settings.lora.rank_from_start and (rank := rank_in(settings.lora.start_from)):
        changes["rank"] = rank
    return settings.model_copy(update={"lora": settings.lora.model_copy(update=changes)}) if changes else settings


def rank_in(source: str) -> int | None:
    """Return the rank that most layers of a LoRA file have; None where it cannot be read."""
    path = Path(source).expanduser()
    try:
        return _rank(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=16)
def _rank(path: Path, _changed: int) -> int | None:
    """Read the shapes in a safetensors file's header, and no tensor."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size:
            return None
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return None
    ranks = [told["shape"][0] for name, told in header.items() if name.endswith(DOWN) and told.get("shape")]
    return max(set(ranks), key=ranks.count) if ranks else None
