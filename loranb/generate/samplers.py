"""Samplers by the names that web UIs and kohya's tools give them, as diffusers schedulers."""

import difflib
import re
from typing import TYPE_CHECKING, Any

from loranb.errors import GenerationError

if TYPE_CHECKING:
    from diffusers import SchedulerMixin

DEFAULT = "DPM++ 2M Karras"  # settles in 20 to 30 steps, and draws the same picture with more
_KARRAS = {"use_karras_sigmas": True}
_SDE = {"algorithm_type": "sde-dpmsolver++"}
# Web UIs take k-diffusion's steps, evenly spaced from the first timestep to the last; DDIM and PLMS are
# CompVis's, every so many timesteps and one later.
_EVEN = {"timestep_spacing": "linspace"}
_COMPVIS = {"timestep_spacing": "leading", "steps_offset": 1}
_SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "DPM++ 2M Karras": ("DPMSolverMultistepScheduler", _EVEN | _KARRAS),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", _EVEN),
    "DPM++ 2M SDE Karras": ("DPMSolverMultistepScheduler", _EVEN | _KARRAS | _SDE),
    "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", _EVEN | _SDE),
    "DPM++ 2S": ("DPMSolverSinglestepScheduler", {}),
    "Euler a": ("EulerAncestralDiscreteScheduler", _EVEN),
    "Euler": ("EulerDiscreteScheduler", _EVEN),
    "Heun": ("HeunDiscreteScheduler", _EVEN),
    "LMS": ("LMSDiscreteScheduler", _EVEN),
    "LMS Karras": ("LMSDiscreteScheduler", _EVEN | _KARRAS),
    "DPM2": ("KDPM2DiscreteScheduler", _EVEN),
    "DPM2 Karras": ("KDPM2DiscreteScheduler", _EVEN | _KARRAS),
    "DPM2 a": ("KDPM2AncestralDiscreteScheduler", _EVEN),
    "DPM2 a Karras": ("KDPM2AncestralDiscreteScheduler", _EVEN | _KARRAS),
    "UniPC": ("UniPCMultistepScheduler", _EVEN),
    "DDIM": ("DDIMScheduler", _COMPVIS | {"clip_sample": False, "set_alpha_to_one": False}),
    "PLMS": ("PNDMScheduler", _COMPVIS | {"skip_prk_steps": True, "set_alpha_to_one": False}),
}
NAMES = tuple(_SCHEDULERS)
# kohya's names that are not a web UI's name written otherwise; its dpmsolver is the older form of dpmsolver++
_KOHYA = {"pndm": "PLMS", "dpmsolver": "DPM++ 2M", "dpmsolver++": "DPM++ 2M", "dpmsingle": "DPM++ 2S"}


def _plain(name: str) -> str:
    """Reduce to what all spellings share: ``k_euler_a``, ``Euler A`` and ``euler-a`` are one."""
    return re.sub(r"[^a-z0-9+]", "", name.lower().removeprefix("k_"))


_BY_SPELLING = {_plain(name): name for name in NAMES} | _KOHYA


def resolve(name: str | None) -> str:
    """Return a sampler's name as web UIs write it; None is the default.

    Args:
        name: a web UI's name or kohya's, in any case: ``Euler a``, ``euler_a``, ``k_euler_a``.

    Raises:
        GenerationError: there is no such sampler; it names the nearest.
    """
    if name is None:
        return DEFAULT
    found = _BY_SPELLING.get(_plain(name))
    if found:
        return found
    close = difflib.get_close_matches(_plain(name), _BY_SPELLING, n=1, cutoff=0)
    raise GenerationError(
        f"sampler = {name!r} is not a sampler; did you mean {_BY_SPELLING[close[0]]}? There are {', '.join(NAMES)}."
    )


def scheduler(name: str | None, noise_schedule: Any) -> "SchedulerMixin":
    """Build a sampler over the noise schedule that the base model was trained with.

    Args:
        name: as for `resolve`.
        noise_schedule: any diffusers scheduler of the base model; it is only read.

    Returns:
        A fresh scheduler; they keep state, so one is made for each picture.

    Raises:
        GenerationError: there is no such sampler.
    """
    import diffusers

    kind, options = _SCHEDULERS[resolve(name)]
    if noise_schedule.config.get("rescale_betas_zero_snr"):
        if noise_schedule.config.prediction_type == "epsilon":  # without a signal, noise says nothing of a picture
            options = {"timestep_spacing": "leading"} | options | {"rescale_betas_zero_snr": False}
        else:
            options = options | {"timestep_spacing": "trailing"}  # such a model must start from the last timestep
    return getattr(diffusers, kind).from_config(noise_schedule.config, **options)
