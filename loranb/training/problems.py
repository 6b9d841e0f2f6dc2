"""What a run would fail of, found before anything is made, all at once."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from loranb import families
from loranb.device import pick_device, pick_dtype
from loranb.errors import LoranbError, ModelError, SettingsError
from loranb.generate.prompt import parse_lines
from loranb.lora.origin import family_of
from loranb.settings import Settings, blocks
from loranb.settings.conflicts import conflicts, misfits
from loranb.settings.optimizers import parse_arguments

if TYPE_CHECKING:
    from loranb.families._recognise import Recognised


def problems(settings: Settings) -> list[str]:
    """Say what would fail later, naming the settings in full; as much of it as can be known without loading torch."""
    name, side = settings.saving.name, settings.dataset.resolution
    found = [*parse_arguments(settings.optimizer.args)[1], *conflicts(settings)]
    if name.strip() and not re.fullmatch(r"[^\\/:*?\"<>|,\s.][^\\/:*?\"<>|,]*(?<!\s)", name):
        found.append(
            f'saving.name = {name!r}; it becomes a file and stands in prompts: no \\ / : * ? " < > | or commas.'
        )
    base = _known(settings)
    checks = {
        "samples.prompts": lambda: parse_lines(settings.samples.prompts, (side, side), 0),
        "model.base": lambda: families.examine(settings.model.base, settings.model.family),
        "objective.": lambda: _misfits(settings, base),
        "lora.start_from": lambda: _start_fits(settings, base),
        "": lambda: _blocks_fit(settings, base),
        "model.vae": lambda: families.check_vae(settings.model.vae),
    }
    for path, check in checks.items():
        found += [said if said.startswith(path) else f"{path}: {said}" for said in _raised(check)]
    return found


def all_problems(settings: Settings) -> list[str]:
    """Say all that would fail later: what `problems` says, and what only torch can tell."""
    from loranb.lora.start import check_start  # here, since these need torch
    from loranb.training.optimizers import choose
    from loranb.training.stored import check_stored

    found = problems(settings)
    found += _raised(lambda: choose(settings.optimizer, pick_device()))
    found += _raised(lambda: check_stored(settings.memory.base))
    found += _raised(lambda: check_start(settings.lora))
    found += _raised(lambda: settings.memory.precision != "fp16" or pick_dtype("fp16", pick_device()))
    return list(dict.fromkeys(found))


def _known(settings: Settings) -> "Recognised | None":
    """Say what is known of the base model; nothing where it is not here yet, or cannot be used, which is said of it."""
    with contextlib.suppress(ModelError):
        return families.examine(settings.model.base, settings.model.family)
    return None


def _misfits(settings: Settings, base: "Recognised | None") -> None:
    """See that the objective goes with what the base model predicts, where its files say that."""
    objective = settings.objective
    if base and objective.predicts == "auto" and (found := misfits(objective, base.predicts)):
        raise SettingsError(found)


def _blocks_fit(settings: Settings, base: "Recognised | None") -> None:
    """See that lists for the U-Net's blocks have as many numbers as the base model has blocks."""
    if any(blocks.complaint(getattr(settings.lora, name) or "", whole=False) for name in blocks.LISTS):
        return  # said by `conflicts`: they fit no model
    if base and (found := blocks.miscounted(settings.lora, blocks.SDXL if base.family == "sdxl" else blocks.SD)):
        raise SettingsError(found)


def _start_fits(settings: Settings, base: "Recognised | None") -> None:
    """See that the LoRA to begin with is of the base model's family, where both say of which they are."""
    file = Path(settings.lora.start_from or "").expanduser()
    made_for = family_of(file) if base and file.is_file() else ""
    if base and made_for and made_for != base.family:
        raise SettingsError(
            [
                f"lora.start_from: {file.name} was made for the family {made_for}, and the base model is of the "
                f"family {base.family}. Choose a LoRA of this family, or leave it blank."
            ]
        )


def _raised(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except SettingsError as error:
        return error.problems
    except LoranbError as error:
        return [str(error)]
    return []
