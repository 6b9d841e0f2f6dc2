"""Kohya's keys of length, pictures, noise, saving and samples that mean something else than one setting of the name."""

import math
import re

from loranb.errors import GenerationError
from loranb.generate.prompt import parse_lines
from loranb.interop._absent import NOUGHT
from loranb.interop._reading import Reading, as_number
from loranb.interop._source import is_there

EPOCHS, STEPS = "length.epochs", "length.steps"
_OF_OTHER_MODELS = re.compile(r" --(cn|ctr|rcfg|fs|g)\s+\S+", re.IGNORECASE)
NEVER = 10000  # epochs; the most that the setting allows
USUAL_STEPS = 1600  # what both of kohya's tools begin with


def length(reading: Reading) -> None:
    """Read how long is trained: epochs win over steps, as in sd-scripts; the form's ``epoch`` counts without steps."""
    epochs, steps = _whole(reading, "max_train_epochs"), _whole(reading, "max_train_steps")
    of_form = _whole(reading, "epoch")
    if epochs:
        reading.assign("max_train_epochs", EPOCHS, epochs)
        reading.ignore("max_train_steps", "max_train_epochs wins over it, as in kohya's trainer.")
        reading.ignore("epoch", "max_train_epochs wins over it, as in kohya's trainer.")
        return
    if steps:
        reading.assign("max_train_steps", STEPS, steps)
        _steps_win(reading, steps, of_form)
    elif of_form:
        _open(reading, of_form)
    else:
        reading.assign("max_train_steps", STEPS, USUAL_STEPS)
        reading.advise(f"The file says nothing of the length; sd-scripts then trains {USUAL_STEPS} steps, and so here.")
    if of_form:
        reading.assign("epoch", EPOCHS, of_form)
    reading.ignore("epoch", "blank, or 0.")
    reading.ignore("max_train_epochs", "blank, or 0: the length is said otherwise.")
    reading.ignore("max_train_steps", "blank, or 0: the length comes from the epochs.")


def _whole(reading: Reading, key: str) -> int:
    number = reading.number(key)
    return int(number) if number is not None and number > 0 else 0


def _steps_win(reading: Reading, steps: int, epochs: int) -> None:
    if not reading.says("epoch") or not epochs:
        return
    meant = " That is what kohya's form begins with, so it may not be meant." if steps == USUAL_STEPS else ""
    reading.advise(
        f"max_train_steps = {steps} ends the run, whatever epoch = {epochs} says, as in kohya's trainer.{meant} Leave "
        "length.steps blank for the epochs.",
        {STEPS: None},
    )


def _open(reading: Reading, epochs: int) -> None:
    said = "is blank or 0" if "max_train_steps" in reading.source.values else "is absent"
    if said == "is absent":
        kohya = f"kohya's form would keep what was on its screen, {USUAL_STEPS} steps at first"
    else:
        kohya = "kohya's form computes it too, without looking at the buckets"
    reading.advise(
        f"The file leaves the number of steps open (max_train_steps {said}; {kohya}): it is computed from "
        f"{EPOCHS} = {epochs} and your pictures. The plan shows what that comes to."
    )


def noughts(reading: Reading) -> None:
    """Put in what the trainer takes where the form leaves a nought out."""
    if not reading.of_form:
        return
    for key, instead in NOUGHT.items():
        passed_on = key in reading.source.passed_on
        if reading.says(key) and as_number(reading.source.values[key]) == 0 and not passed_on:
            reading.source.values[key] = instead
            reading.left[key] = instead
            if key == "max_grad_norm":
                reading.advise(
                    "max_grad_norm = 0 is left out by kohya's form, and its trainer then shortens gradients to 1: so "
                    "it is taken as 1. Set optimizer.max_grad_norm to 0 to switch it off.",
                    {"optimizer.max_grad_norm": 0.0},
                )
            if key == "prior_loss_weight":
                reading.advise(
                    "prior_loss_weight = 0 is left out by kohya's form, and its trainer then takes 1: so it is taken "
                    "as 1 here."
                )


def resolution(reading: Reading) -> None:
    """Read the resolution, ``512``, ``512,512`` or ``[512, 512]``; what is not square becomes a square as large."""
    given = reading.value("max_resolution")
    parts = given if isinstance(given, list) else str(given).replace("x", ",").split(",")
    sides = [side for side in map(as_number, parts) if side and side > 0]
    if not sides:
        reading.ignore("max_resolution", f"{given!r} is no size; the default is kept.")
        return
    wide, high = sides[0], sides[-1]
    side = round(math.sqrt(wide * high) / 8) * 8
    reading.assign("max_resolution", "dataset.resolution", side)
    if wide != high:
        reading.advise(
            f"max_resolution = {given} is not square. loranb trains at an area: {side} x {side} pixels, the same "
            "size. With dataset.buckets on, each picture keeps its own shape.",
            {"dataset.buckets": True},
        )


def noise(reading: Reading) -> None:
    """Leave out the kind of extra noise that the form doesn't send."""
    kind = str(reading.value("noise_offset_type") or "").strip()
    groups = {
        "Multires": ("noise_offset", "noise_offset_random_strength", "adaptive_noise_scale"),
        "Original": ("multires_noise_iterations", "multires_noise_discount"),
    }
    unsent = groups.get(kind, ()) if reading.of_form else ()
    for key in (key for key in unsent if key not in reading.source.passed_on):
        reading.ignore(key, f"noise_offset_type = {kind}: kohya's form does not send it.")
    reading.ignore("noise_offset_type", "it chooses which of the other keys count.")
    if (
        not reading.number("noise_offset")
        or "noise_offset" in reading.source.values
        and "noise_offset" not in reading.left
    ):
        for key in ("adaptive_noise_scale", "noise_offset_random_strength"):
            reading.ignore(key, "it changes noise_offset, which is off.")
    if not reading.number("multires_noise_iterations"):
        reading.ignore("multires_noise_discount", "it is used with multires_noise_iterations, which is off.")


def seed(reading: Reading) -> None:
    """Read the seed; kohya's tools draw one where there is none, loranb keeps its own so that runs can be repeated."""
    if not reading.number("seed"):
        reading.ignore("seed", "blank or 0: kohya draws one for each run; loranb's default keeps runs comparable.")


def saving(reading: Reading) -> None:
    """Read how often is saved; 0 is only at the end."""
    every = reading.number("save_every_n_epochs")
    if every == 0 or (every is None and not reading.of_form):
        epochs = None if reading.changes.get(STEPS) else reading.changes.get(EPOCHS)  # steps may be more than these
        reading.assign("save_every_n_epochs", "saving.every_epochs", epochs or NEVER)
        if not reading.says("save_every_n_epochs"):
            reading.ignore("save_every_n_epochs", "left blank: saved at the end only.")
    name = reading.value("output_name")
    if name == "last":
        reading.ignore("output_name", "the form's default; loranb proposes a name with the next version.")


def captions(reading: Reading) -> None:
    """Say it where captions are looked for in files that loranb doesn't read."""
    extension = str(reading.value("caption_extension") or "").strip().lower()
    if extension not in ("", ".txt", ".caption", "txt", "caption"):
        reading.advise(
            f"caption_extension = {extension!r}: loranb reads captions from .txt and .caption files beside the "
            "pictures; rename yours, or the words of the folder are used."
        )


def masks(reading: Reading) -> None:
    """Read that pictures' own transparency is a mask; loranb's masked loss takes it where no mask lies beside them."""
    if reading.flag("alpha_mask"):
        reading.assign("alpha_mask", "dataset.masked_loss", True)
    reading.ignore("alpha_mask", "it is off.")


def samples(reading: Reading) -> None:
    """Read the sample prompts, of which sd-scripts names a file; what cannot be drawn is left out and said."""
    given = reading.value("sample_prompts")
    if isinstance(given, str) and given.strip() and not reading.of_form:
        file = reading.source.folder / given.strip()
        if not (is_there(file) and file.is_file()):
            reading.ignore("sample_prompts", f"the file {given} is not there; write the prompts into samples.prompts.")
            return
        given = file.read_text(encoding="utf-8-sig", errors="replace")
    if isinstance(given, str):
        given = [line.strip() for line in given.splitlines()]
    if given:
        lines = [str(line) for line in given if line and not str(line).startswith("#")]
        drawn = [prompt for line in lines if (prompt := _drawable(reading, line))]
        reading.assign("sample_prompts", "samples.prompts", tuple(drawn))


def _drawable(reading: Reading, line: str) -> str:
    """Return a prompt without the options that belong to other models; "" where it cannot be drawn all the same."""
    prompt = _OF_OTHER_MODELS.sub("", line).strip()
    try:
        parse_lines((prompt,), (512, 512), 0)
    except GenerationError as error:
        reading.advise(f"The sample prompt {line!r} is left out: {str(error).partition(': ')[2]}")
        return ""
    if prompt != line.strip():
        reading.advise(f"The sample prompt {line!r} is drawn without the options that belong to other models.")
    return prompt


def can_be_drawn(line: str) -> bool:
    """Whether a prompt comes back from a file of these tools as it is."""
    if line.startswith("#") or _OF_OTHER_MODELS.search(line):
        return False
    try:
        return bool(parse_lines((line,), (512, 512), 0))
    except GenerationError:
        return False
