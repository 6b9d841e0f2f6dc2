"""Draw pictures: with a base model and LoRA files, or with a model that is being trained.

A picture depends on its `SamplePrompt`, the model and the LoRAs alone. The noise is drawn on the CPU
by a generator of its own, so that a GPU starts from the same noise, and so that drawing samples does
not change the training around it.
"""

import contextlib
import difflib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor, nn

from loranb import families
from loranb.device import pick_device, pick_dtype, precision_name
from loranb.errors import GenerationError
from loranb.families import BaseModel
from loranb.families._clip import reading_of_prompts
from loranb.files import write_bytes
from loranb.generate import samplers
from loranb.generate.loras import LoraRack, find_loras
from loranb.generate.prompt import LoraMention, SamplePrompt, split_loras
from loranb.lora.metadata import trained_objective
from loranb.settings import ModelSettings, ObjectiveSettings
from loranb.training.objectives import noise_schedule


class Generator:
    """One base model that draws, with any LoRA of its folders that a prompt mentions.

    Args:
        model: the base model, where it is to compute.
        lora_folders: where ``<lora:name>`` is looked up as ``name.safetensors``, in this order.
    """

    def __init__(self, model: BaseModel, lora_folders: Sequence[Path] = ()):
        self.model = model
        self.lora_folders = [Path(folder) for folder in lora_folders]
        self._rack = LoraRack(model)

    @classmethod
    def open(cls, base: str, precision: str = "auto", lora_folders: Sequence[Path] = ()) -> "Generator":
        """Load a base model onto the GPU if there is one.

        Args:
            base: a diffusers folder, a single file, a hub id, or "demo".
            precision: "auto", "fp32", "fp16" or "bf16"; see `loranb.device.pick_dtype`.
            lora_folders: where LoRAs are looked up.

        Raises:
            ModelError: the base model cannot be found or read.
        """
        return cls.of(ModelSettings(base=base), ObjectiveSettings(), precision, lora_folders)

    @classmethod
    def of(
        cls,
        model: ModelSettings,
        objective: ObjectiveSettings,
        precision: str = "auto",
        lora_folders: Sequence[Path] = (),
    ) -> "Generator":
        """Load a base model as the settings of a training say: its family, its VAE, and what it predicts.

        Raises:
            ModelError: the base model cannot be found or read.
        """
        device = pick_device()
        dtype = pick_dtype(precision, device)
        loaded = families.load(model.base, dtype, model.family, model.vae)
        loaded.noise_schedule = noise_schedule(loaded.noise_schedule, objective)
        _in_format(loaded.vae, dtype)
        for part in loaded.parts():
            part.to(device)
        return cls(loaded, lora_folders)

    @property
    def notices(self) -> list[str]:
        """What the user should know of how the base model was loaded, and of what it turned out to need."""
        return self.model.notices

    def draw(self, request: SamplePrompt, loras: Mapping[str, Path] | None = None, clip_skip: int = 1) -> Image.Image:
        """Draw one picture.

        A LoRA that was trained with another prediction than the base model's files say is drawn with it.

        Args:
            request: its prompt may mention LoRAs, as `split_loras` describes.
            loras: more LoRA files by name; they go before those in the folders.
            clip_skip: the text encoder's layer that is read: 1 is the last.

        Raises:
            GenerationError: the prompt cannot be read, or mentions a LoRA that is not there.
            LoraFileError: a LoRA file cannot be read, or does not fit the base model.
        """
        prompt, mentions = split_loras(request.prompt)
        weights = self._weights(mentions, loras or {})
        self._rack.use(weights)
        own = self.model.noise_schedule
        try:
            for file in weights:
                self.model.noise_schedule = noise_schedule(self.model.noise_schedule, trained_objective(file))
            return draw_with(self.model, replace(request, prompt=prompt), clip_skip)
        finally:
            self.model.noise_schedule = own

    def _weights(self, mentions: Sequence[LoraMention], given: Mapping[str, Path]) -> dict[Path, tuple[float, float]]:
        there = find_loras(self.lora_folders) | dict(given) if mentions else {}
        weights: dict[Path, tuple[float, float]] = {}
        for mention in mentions:
            file = there.get(mention.name) or there.get(mention.name.removesuffix(".safetensors"))
            if file is None:
                raise GenerationError(self._missing(mention.name, there))
            unet, text = weights.get(file, (0.0, 0.0))  # mentioned twice, it counts twice
            weights[file] = (unet + mention.unet_weight, text + mention.text_weight)
        return weights

    def _missing(self, name: str, there: Mapping[str, Path]) -> str:
        if not there:
            folders = ", ".join(str(folder) for folder in self.lora_folders) or "no folder"
            return f"<lora:{name}>: there is no LoRA of this name, nor any other (looked in {folders})."
        close = difflib.get_close_matches(name, there, n=1)
        advice = f" Did you mean {close[0]}?" if close else ""
        return f"<lora:{name}>: there is no LoRA of this name.{advice} There are {', '.join(sorted(there))}."


def draw_with(model: BaseModel, request: SamplePrompt, clip_skip: int = 1) -> Image.Image:
    """Draw one picture with a base model as it is, peft adapters that are active on its parts included.

    Training may go on afterwards as if nothing had happened: torch's random state, gradients, modes of
    training and the model's noise schedule are left as they were. Mentions of LoRAs are not looked at.

    Args:
        model: its parts are on one device.
        request: what to draw; its prompts are read as in the web UIs: ``(tag:1.2)`` is a weight, and long ones are
            read to their end, up to 225 tokens.
        clip_skip: the text encoder's layer that is read: 1 is the last, as kohya and the web UIs count.

    Raises:
        GenerationError: the model gave something other than numbers.
    """
    pipeline: Any = model.family.pipeline(model)
    pipeline.scheduler = samplers.scheduler(request.sampler, model.noise_schedule)
    pipeline.set_progress_bar_config(disable=True)
    with torch.no_grad(), _evaluating(model):
        latents = pipeline(
            **_guidance(model, request, clip_skip),
            width=request.width,
            height=request.height,
            num_inference_steps=request.steps,
            guidance_scale=request.cfg_scale,
            generator=torch.Generator("cpu").manual_seed(request.seed),
            output_type="latent",
        ).images
        if not torch.isfinite(latents).all():
            raise GenerationError(
                "The picture came out as no numbers (NaN): the LoRA has burnt out or its weight is too high, or the "
                "model cannot compute in this precision. Try an earlier epoch, a lower weight, or fp32."
            )
        return pipeline.image_processor.postprocess(_decode(model, latents), do_denormalize=[True])[0]


def _guidance(model: BaseModel, request: SamplePrompt, clip_skip: int) -> dict[str, Tensor]:
    """Encode what is wanted and what is not, by the same functions as in training and not by the pipeline's own.

    Its clip_skip counts from nought, and diffusers 0.42 looks for a text_model that transformers 5 no longer has.
    """
    prompts = [request.prompt, request.negative]
    reading = reading_of_prompts(model.tokenizers.values(), prompts)
    encoded = model.family.encode(model, prompts, clip_skip, reading)
    wanted, unwanted = ({name: both[i : i + 1] for name, both in encoded.items()} for i in (0, 1))
    return model.family.guidance(wanted, unwanted)


def _decode(model: BaseModel, latents: Tensor) -> Tensor:
    """Turn latents (1, 4, h, w) into a picture (1, 3, 8 h, 8 w) in [-1, 1].

    SDXL's VAE overflows in fp16. Where one does, it is put into fp32 once and for all, and that is noted.
    """
    vae: Any = model.vae
    latents = latents / vae.config.scaling_factor
    picture = vae.decode(latents.to(vae.dtype)).sample
    if torch.isfinite(picture).all() or vae.dtype == torch.float32:
        return picture
    model.notices.append(
        f"The VAE of {model.name} gives no picture in {precision_name(vae.dtype)}; it is used in fp32 from now on, "
        "which takes more memory. A VAE that was mended for it can be given as model.vae."
    )
    return _in_format(vae, torch.float32).decode(latents.float()).sample


def _in_format(vae: Any, dtype: torch.dtype) -> Any:
    """Put a VAE into a number format; diffusers' own `to` warns of what is to stay in fp32 even where nothing is."""
    return nn.Module.to(vae, dtype)


@contextlib.contextmanager
def _evaluating(model: BaseModel) -> Iterator[None]:
    training = [module for part in model.parts() for module in part.modules() if module.training]
    try:
        for part in model.parts():
            part.eval()
        yield
    finally:
        for module in training:
            module.training = True


def png_info(request: SamplePrompt, model: str = "", clip_skip: int = 1) -> str:
    """Write down how a picture was drawn, as the A1111 web UI does in its PNGs ("parameters")."""
    settings: dict[str, Any] = {
        "Steps": request.steps,
        "Sampler": samplers.resolve(request.sampler),
        "CFG scale": f"{request.cfg_scale:g}",
        "Seed": request.seed,
        "Size": f"{request.width}x{request.height}",
    }
    if model:
        settings["Model"] = json.dumps(model, ensure_ascii=False) if set(model) & set(',:"\n') else model
    if clip_skip != 1:
        settings["Clip skip"] = clip_skip
    negative = [f"Negative prompt: {request.negative}"] if request.negative else []
    return "\n".join([request.prompt, *negative, ", ".join(f"{key}: {value}" for key, value in settings.items())])


def save_picture(image: Image.Image, path: Path, request: SamplePrompt, model: str = "", clip_skip: int = 1) -> None:
    """Write a PNG that carries how it was drawn; web UIs and PNG viewers show it.

    Args:
        image: the picture.
        path: where to; written aside and renamed.
        request: what it was drawn from, with the LoRAs that the prompt mentions.
        model: the base model's name.
        clip_skip: as it was drawn with.
    """
    text = PngInfo()
    text.add_text("parameters", png_info(request, model, clip_skip))
    png = io.BytesIO()
    image.save(png, "PNG", pnginfo=text)
    write_bytes(path, png.getvalue())
