"""Model families: one file each, found by file name.

A family says how its models are loaded, how captions become what the denoiser is conditioned on,
and what its modules are called in a LoRA file. The recipe knows this protocol and no family.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from loranb.base_models import at_hand, here, is_on_hub
from loranb.errors import ModelError

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderKL, DDPMScheduler, DiffusionPipeline, UNet2DConditionModel
    from torch import Tensor

    from loranb.families._recognise import Recognised

DEMO = "demo"
AUTO = "auto"  # of the settings: the family is recognised
Size = tuple[int, int]


class View(NamedTuple):
    """What is shown of a picture, in pixels: of one scaled down from `original`, `target` is cut out at `crop`."""

    original: Size  # width, height
    crop: tuple[int, int]  # left, top, in the scaled picture
    target: Size  # width, height


@dataclass
class BaseModel:
    """A loaded base model: the parts that training and generation share.

    `text_encoders` and `tokenizers` are keyed by the prefix of their modules in a LoRA file
    (``lora_te`` for SD 1.x and 2.x, ``lora_te1`` and ``lora_te2`` for SDXL).
    """

    family: "Family"
    source: str
    unet: "UNet2DConditionModel"
    vae: "AutoencoderKL"
    text_encoders: dict[str, Any]
    tokenizers: dict[str, Any]
    noise_schedule: "DDPMScheduler"
    notices: list[str] = field(default_factory=list)  # what the user should know of how it was loaded

    @property
    def name(self) -> str:
        """The base model's name, as it stands in a LoRA file's metadata."""
        return Path(self.source).name

    @property
    def predicts(self) -> str:
        """What its denoiser gives back: ``epsilon`` or ``v_prediction``."""
        return self.noise_schedule.config.prediction_type

    def parts(self) -> list[Any]:
        """List the torch modules."""
        return [self.unet, self.vae, *self.text_encoders.values()]


class Reading(NamedTuple):
    """How captions are read by the text encoders."""

    tokens: int = 75  # one of `loranb.clip.LIMITS`; what a caption has beyond is not read
    weighted: bool = False  # whether (tag:1.2) and [tag] are weights


PLAIN = Reading()


class Family(Protocol):
    """What the recipe, the LoRA file and the generator need to know of a family of models."""

    title: str  # for people
    base_model_version: str  # ss_base_model_version in a LoRA file
    reads_clip_skip: bool  # whether `encode` heeds its clip_skip

    def load(self, source: str, dtype: "torch.dtype") -> BaseModel:
        """Load a base model from a diffusers folder or a single file."""
        ...

    def encode(
        self, model: BaseModel, captions: list[str], clip_skip: int, reading: Reading = PLAIN
    ) -> dict[str, "Tensor"]:
        """Turn captions into what `denoise` is conditioned on; each tensor's first axis is the batch."""
        ...

    def placement(self, views: Sequence[View]) -> dict[str, "Tensor"]:
        """Return what `denoise` is told of how pictures were cut, besides captions; empty for most families."""
        ...

    def denoise(self, unet: Any, noisy: "Tensor", t: "Tensor", conditioning: dict[str, "Tensor"]) -> "Tensor":
        """Predict from noisy latents (B, C, H, W) at timesteps (B,); same shape."""
        ...

    def pipeline(self, model: BaseModel) -> "DiffusionPipeline":
        """Return a diffusers pipeline over the same parts."""
        ...

    def guidance(self, wanted: dict[str, "Tensor"], unwanted: dict[str, "Tensor"]) -> dict[str, "Tensor"]:
        """Name two encoded prompts as the pipeline's call does."""
        ...

    def unet_key(self, path: str) -> str:
        """Name a module of the U-Net as it is called in a LoRA file."""
        ...

    def architecture(self, predicts: str) -> str:
        """Return ``modelspec.architecture`` of its models, by what they predict; without "/lora"."""
        ...


def names() -> list[str]:
    """List the families there are, without importing any."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def family(name: str) -> Family:
    """Import one family by name.

    Raises:
        LookupError: there is no such family.
    """
    if name not in names():
        raise LookupError(f"There is no model family {name!r}; there are {', '.join(names())}.")
    return importlib.import_module(f"{__name__}.{name}").FAMILY


def locate(source: str) -> str:
    """Turn what a user writes for a base model into a path or hub id that can be loaded.

    Raises:
        ModelError: nothing is there, or it is not a model.
    """
    if source == DEMO:
        from loranb.demo import BASE

        return str(BASE)
    path = Path(source).expanduser()
    if path.is_dir() and source.strip():  # no name is the present folder to Path
        if not (path / "model_index.json").exists():
            raise ModelError(
                f"{path} is a folder without a model_index.json, so it is no diffusers model. "
                "Give the folder that holds unet/, vae/ and text_encoder/, or a .safetensors file."
            )
        return str(path)
    if path.is_file():
        return str(path)
    if not is_on_hub(source):
        raise ModelError(
            f"model.base = {source!r}: there is no such file or folder. Give a diffusers folder, a .safetensors "
            'file, the id of a model on the Hugging Face hub ("owner/name"), or "demo".'
        )
    return str(here(source) or source)


def examine(source: str, kind: str = AUTO) -> "Recognised | None":
    """Say what is known of a base model before it is loaded; None of one that is not yet fetched from the hub.

    Args:
        source: as for `load`.
        kind: as for `load`.

    Raises:
        ModelError: it cannot be found or read, or is of no family that there is, or of another than is asked for.
    """
    found = locate(source)
    return _as_asked(source, recognised(found), kind) if Path(found).exists() else None


def recognised(found: str) -> "Recognised":
    """Say which family a base model is of, and what it predicts; a file is read once, as long as it stays the same."""
    from loranb.families._recognise import recognise

    stat = Path(found).stat()
    return _remembered(recognise, found, stat.st_mtime_ns, stat.st_size) if Path(found).is_file() else recognise(found)


@functools.lru_cache(maxsize=8)
def _remembered(recognise: Callable[[str], "Recognised"], found: str, *_: int) -> "Recognised":
    return recognise(found)


def _as_asked(source: str, known: "Recognised", kind: str) -> "Recognised":
    """Let the settings overrule the family, where that can be."""
    if kind == AUTO:
        return known
    if (kind == "sdxl") != (known.family == "sdxl"):  # these differ in their parts
        raise ModelError(
            f"model.family = {kind!r}, but {source} is of the family {known.family}. Leave it on auto, or choose "
            "another base model."
        )
    return known._replace(family=kind)


def check_vae(source: str) -> None:
    """See that there is a VAE where `model.vae` says.

    Raises:
        ModelError: there is none.
    """
    if source and not Path(source).expanduser().exists() and not is_on_hub(source):
        raise ModelError(
            f"model.vae = {source!r}: there is no such file or folder. Give a .safetensors file, the folder of a VAE, "
            "the id of one on the Hugging Face hub, or leave it blank for the base model's own."
        )


def load(source: str, dtype: "torch.dtype", kind: str = AUTO, vae: str = "") -> BaseModel:
    """Load a base model, frozen, in evaluation mode, on the CPU.

    Args:
        source: a diffusers folder, a single file, a hub id, or "demo".
        dtype: number format of its weights, but for the VAE's, which are in fp32.
        kind: its family's name; "auto" recognises it.
        vae: a VAE instead of the model's own, as `model.vae` of the settings; blank for its own.

    Raises:
        ModelError: it cannot be found or read, or is of no family that there is.
    """
    found = at_hand(locate(source))
    known = _as_asked(source, recognised(found), kind)
    model = family(known.family).load(found, dtype)
    model.source = source
    if vae:
        from loranb.families._vae import load_vae

        model.vae = load_vae(vae, known.family, model.vae.config.scaling_factor)
    for part in model.parts():
        part.requires_grad_(False).eval()
    return model
