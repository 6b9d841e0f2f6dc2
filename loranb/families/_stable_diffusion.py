"""What Stable Diffusion 1.x and 2.x share: one CLIP text encoder, latents at an eighth of the size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from loranb.families import PLAIN, BaseModel, Reading, View
from loranb.families._clip import encode_clip
from loranb.families._unet import load_parts

TEXT = "lora_te"


@dataclass(frozen=True)
class StableDiffusion:
    """The family of `loranb.families.Family` for Stable Diffusion 1.x or 2.x.

    Args:
        name: of its file in this folder.
        title: for people.
        base_model_version: ``ss_base_model_version`` in a LoRA file.
        architectures: ``modelspec.architecture`` by what the model predicts.
        reads_clip_skip: whether `encode` heeds its clip_skip.
    """

    name: str
    title: str
    base_model_version: str
    architectures: dict[str, str]
    reads_clip_skip: bool = True

    def load(self, source: str, dtype: torch.dtype) -> BaseModel:
        """Load from a diffusers folder or a single file.

        Raises:
            ModelError: it cannot be loaded, or its parts do not belong together.
        """
        parts = load_parts(source, dtype, self.name, StableDiffusionPipeline)
        return BaseModel(
            family=self,
            source=source,
            unet=parts.unet,
            vae=parts.vae,
            text_encoders={TEXT: parts.text_encoders[0]},
            tokenizers={TEXT: parts.tokenizers[0]},
            noise_schedule=parts.noise_schedule,
            notices=parts.notices,
        )

    def encode(
        self, model: BaseModel, captions: list[str], clip_skip: int, reading: Reading = PLAIN
    ) -> dict[str, Tensor]:
        """Encode captions: ``{"hidden": (B, 77, 768)}`` for a full-size SD 1.x, 1024 wide for SD 2.x.

        The text encoder of SD 2.x as diffusers keeps it ends with the layer that the model reads, so that
        a clip skip of 1 is right for both.
        """
        encoder, tokenizer = model.text_encoders[TEXT], model.tokenizers[TEXT]
        return {"hidden": encode_clip(encoder, tokenizer, captions, clip_skip, reading=reading).hidden}

    def placement(self, views: Sequence[View]) -> dict[str, Tensor]:  # noqa: ARG002  the protocol's
        """Return nothing: these models are not told how a picture was cut."""
        return {}

    def denoise(self, unet: Any, noisy: Tensor, t: Tensor, conditioning: dict[str, Tensor]) -> Tensor:
        """Predict from latents (B, 4, H, W)."""
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

    def guidance(self, wanted: dict[str, Tensor], unwanted: dict[str, Tensor]) -> dict[str, Tensor]:
        """Name two encoded prompts as StableDiffusionPipeline does."""
        return {"prompt_embeds": wanted["hidden"], "negative_prompt_embeds": unwanted["hidden"]}

    def unet_key(self, path: str) -> str:
        """``down_blocks.0.x`` becomes ``lora_unet_down_blocks_0_x``: diffusers' names, as kohya writes these."""
        return "lora_unet_" + path.replace(".", "_")

    def architecture(self, predicts: str) -> str:
        """Return ``modelspec.architecture``; that of SD 2.x says at which size and with what it was trained."""
        return self.architectures[predicts]
