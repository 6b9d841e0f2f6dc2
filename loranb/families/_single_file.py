"""Load a base model from a single file: its parts are made without weights, and each tensor is put in as it is read.

So no second copy is made, and nothing is asked of the network: shapes tell the models' sizes, and the tokenizer's
vocabulary comes with loranb.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from loranb.clip import END
from loranb.errors import ModelError
from loranb.families._checkpoint import Checkpoint, open_checkpoint
from loranb.families._geometry import UNET, VAE, config, text_config, unet_config, vae_config
from loranb.families._names import Place, clip_place, open_clip_place, unet_place, vae_place
from loranb.families._parts import Parts
from loranb.families._recognise import recognise_checkpoint
from loranb.families._tokenizer import clip_tokenizer

CLIP, OPEN_CLIP = "transformer.", "model."  # what follows a text encoder's prefix in a file
PREFIXES = {  # of the text encoders
    "sd1": (f"cond_stage_model.{CLIP}",),
    "sd2": (f"cond_stage_model.{OPEN_CLIP}",),
    "sdxl": (f"conditioner.embedders.0.{CLIP}", f"conditioner.embedders.1.{OPEN_CLIP}"),
}
SECOND_PAD = "!"  # of open_clip's text encoders: number 0
# Files of SD 2.x often do not say what they predict. ComfyUI goes by how much this tensor varies: above 0.09 it is v.
_TELLTALE, _SPREAD_OF_V = f"{UNET}output_blocks.11.1.transformer_blocks.0.norm1.bias", 0.09


def load_single_file(path: Path, dtype: torch.dtype, family: str) -> Parts:
    """Load the parts of a base model.

    Args:
        path: a .safetensors or .ckpt file.
        dtype: number format of the weights, but for the VAE's.
        family: as which it is loaded.

    Raises:
        ModelError: it cannot be read, or lacks a part.
    """
    file = open_checkpoint(path)
    if not all(any(name.startswith(prefix) for name in file.shapes) for prefix in PREFIXES[family]):
        raise ModelError(
            f"model.family = {family!r}, but {path.name} has no text encoder of that family. Leave it on auto."
        )
    try:
        return _load(file, dtype, family)
    except (KeyError, ValueError, IndexError) as error:
        raise ModelError(
            f"{path.name} cannot be loaded: its tensors are put together as in no model that is known here ({error}). "
            "Get another file of the model, or its diffusers folder."
        ) from error


def _load(file: Checkpoint, dtype: torch.dtype, family: str) -> Parts:
    scheduler, notices = _scheduler(file, family)
    unet = _empty(UNet2DConditionModel.from_config, unet_config(family, file.shapes))
    _fill(unet, file, dtype, lambda name: unet_place(name, UNET, file.shapes))
    encoders = [_text_encoder(file, dtype, family, number) for number in range(len(PREFIXES[family]))]
    pads = [END if prefix.endswith(CLIP) else SECOND_PAD for prefix in PREFIXES[family]]
    return Parts(
        unet=unet,
        vae=load_vae_of(file, family, VAE),
        text_encoders=encoders,
        tokenizers=[clip_tokenizer(pad) for pad in pads],
        noise_schedule=scheduler,
        notices=notices,
    )


def load_vae_of(file: Checkpoint, family: str, prefix: str) -> AutoencoderKL:
    """Load the VAE whose tensors' names begin with `prefix`, in fp32."""
    vae = _empty(AutoencoderKL.from_config, vae_config(family, file.shapes, prefix))
    levels = len(vae.config.block_out_channels)
    _fill(vae, file, torch.float32, lambda name: vae_place(name, prefix, levels, file.shapes))
    return vae


def _text_encoder(file: Checkpoint, dtype: torch.dtype, family: str, number: int) -> nn.Module:
    prefix = PREFIXES[family][number]
    told = CLIPTextConfig(**text_config(family, number, file.shapes, prefix))
    encoder = _empty(CLIPTextModelWithProjection if number else CLIPTextModel, told)
    if prefix.endswith(CLIP):
        _fill(encoder, file, dtype, lambda name: clip_place(name, prefix, file.shapes))
    else:
        _fill(encoder, file, dtype, lambda name: open_clip_place(name, prefix))
    return encoder


def _scheduler(file: Checkpoint, family: str) -> tuple[DDPMScheduler, list[str]]:
    known = recognise_checkpoint(file)
    predicts, notices = known.predicts, []
    if not predicts:
        predicts = "epsilon"
        if family == "sd2" and _TELLTALE in file.shapes:
            spread = file.tensor(_TELLTALE).float().std(correction=0).item()
            predicts = "v_prediction" if spread > _SPREAD_OF_V else "epsilon"
            notices.append(
                f"{file.path.name} does not say what it predicts; by its weights it is {predicts}. If samples come out "
                "as noise or brown, choose the other in objective.predicts."
            )
    options: dict[str, Any] = {"prediction_type": predicts, "clip_sample": False}
    if known.zero_terminal_snr:
        options |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return DDPMScheduler(**config(family)["scheduler"], **options), notices


def _empty(make: Callable[[Any], Any], told: Any) -> Any:
    with torch.device("meta"):
        return make(told)


def _fill(module: nn.Module, file: Checkpoint, dtype: torch.dtype, find: Callable[[str], Place]) -> None:
    """Put a file's tensors into a module made without weights.

    Raises:
        ModelError: one is missing, or has another shape.
    """
    wanted = {name: (find(name), parameter.shape) for name, parameter in module.state_dict().items()}
    missing = [place.name for place, _ in wanted.values() if place.name not in file.shapes]
    if missing:
        raise ModelError(
            f"{file.path.name} lacks {len(missing)} of the {len(wanted)} tensors of its {type(module).__name__}, the "
            f"first is {missing[0]}. It is cut down, or of a make that is not known here. Get the whole model."
        )
    tensors = {name: _read(file, place, shape, dtype) for name, (place, shape) in wanted.items()}
    module.load_state_dict(tensors, assign=True)
    for name, buffer in module.named_buffers():
        if buffer.is_meta:  # the only ones that are in no file: the numbers of CLIP's positions
            owner = module.get_submodule(name.rpartition(".")[0])
            owner.register_buffer("position_ids", torch.arange(buffer.shape[-1])[None], persistent=False)


def _read(file: Checkpoint, place: Place, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    tensor = file.tensor(place.name)
    if place.third is not None:
        tensor = tensor.chunk(3)[place.third]
    if place.turned:
        tensor = tensor.T
    if tensor.numel() != shape.numel():
        raise ModelError(
            f"{file.path.name}: {place.name} has the shape {tuple(tensor.shape)} where {tuple(shape)} belongs. "
            "Its parts are of different models; get another file."
        )
    return tensor.reshape(shape).to(dtype).contiguous()  # linear layers and 1 x 1 convolutions are written as either
