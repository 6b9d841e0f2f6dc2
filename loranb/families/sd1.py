"""Stable Diffusion 1.x: one CLIP text encoder, noise prediction, latents at an eighth of the size."""

from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from loranb.errors import ModelError
from loranb.families import PLAIN, BaseModel, Reading
from loranb.families._clip import encode_clip
from loranb.families._unet import load_pipeline, training_schedule

TEXT = "lora_te"


class SD1:
    """The family of `loranb.families.Family` for Stable Diffusion 1.x."""

    base_model_version = "sd_v1"
    architecture = "stable-diffusion-v1"

    def load(self, source: str, dtype: torch.dtype) -> BaseModel:
        """Load from a diffusers folder, a single file or a hub id.

        Raises:
            ModelError: it cannot be loaded, or is of another family.
        """
        pipeline = load_pipeline(source, dtype)
        _refuse_others(source, pipeline.unet.config)
        return BaseModel(
            family=self,
            source=source,
            unet=pipeline.unet,
            vae=pipeline.vae,
            text_encoders={TEXT: pipeline.text_encoder},
            tokenizers={TEXT: pipeline.tokenizer},
            noise_schedule=training_schedule(pipeline.scheduler),
        )

    def encode(
        self, model: BaseModel, captions: list[str], clip_skip: int, reading: Reading = PLAIN
    ) -> dict[str, Tensor]:
        """Encode captions: ``{"hidden": (B, 77, 768)}`` for a full-size model."""
        encoder, tokenizer = model.text_encoders[TEXT], model.tokenizers[TEXT]
        return {"hidden": encode_clip(encoder, tokenizer, captions, clip_skip, reading=reading).hidden}

    def denoise(self, unet: Any, noisy: Tensor, t: Tensor, conditioning: dict[str, Tensor]) -> Tensor:
        """Predict the noise in latents (B, 4, H, W)."""
        return unet(noisy, t, encoder_hidden_states=conditioning["hidden"]).sample

    def pipeline(self, model: BaseModel) -> StableDiffusionPipeline:
        """Return a StableDiffusionPipeline over the same parts."""
        return StableDiffusionPipeline(
            vae=model.vae,
            text_encoder=model.text_encoders[TEXT],
            tokenizer=model.tokenizers[TEXT],
            unet=model.unet,
            scheduler=model.noise_schedule,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )

    def unet_key(self, path: str) -> str:
        """``down_blocks.0.x`` becomes ``lora_unet_down_blocks_0_x``: diffusers' names, as kohya writes SD 1.x."""
        return "lora_unet_" + path.replace(".", "_")


def _refuse_others(source: str, unet: Any) -> None:
    """Tell other families by their U-Net: SDXL has added embeddings, SD 2.x a text encoder of width 1024."""
    other = "SDXL" if unet.addition_embed_type else "Stable Diffusion 2.x" if unet.cross_attention_dim == 1024 else ""
    if other:
        raise ModelError(f"{source} is a {other} model; this version of loranb trains Stable Diffusion 1.x only.")


FAMILY = SD1()
