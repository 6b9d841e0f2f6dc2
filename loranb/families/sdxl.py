"""Stable Diffusion XL: two text encoders, a pooled embedding, and numbers that say how the picture was cut.

CLIP-L and OpenCLIP-bigG are read at the last layer but one, without the final norm, and laid side by side. The
second's pooled embedding goes to the U-Net beside the timestep, with the picture's size, the place of the cut and
the size of what was cut out (Podell et al., "SDXL", arXiv:2307.01952, sections 2.2 and 2.3).
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline
from torch import Tensor

from loranb.families import PLAIN, BaseModel, Reading, View
from loranb.families._clip import encode_clip
from loranb.families._sgm import sgm_name
from loranb.families._unet import load_parts

FIRST, SECOND = "lora_te1", "lora_te2"
LAYER = 2  # counted from the last; both encoders, whatever clip_skip says, as SDXL was trained


class SDXL:
    """The family of `loranb.families.Family` for Stable Diffusion XL."""

    title = "Stable Diffusion XL"
    base_model_version = "sdxl_base_v1-0"
    reads_clip_skip = False

    def load(self, source: str, dtype: torch.dtype) -> BaseModel:
        """Load from a diffusers folder or a single file.

        Raises:
            ModelError: it cannot be loaded, or its parts do not belong together.
        """
        parts = load_parts(source, dtype, "sdxl", StableDiffusionXLPipeline)
        return BaseModel(
            family=self,
            source=source,
            unet=parts.unet,
            vae=parts.vae,
            text_encoders=dict(zip((FIRST, SECOND), parts.text_encoders, strict=True)),
            tokenizers=dict(zip((FIRST, SECOND), parts.tokenizers, strict=True)),
            noise_schedule=parts.noise_schedule,
            notices=parts.notices,
        )

    def encode(
        self,
        model: BaseModel,
        captions: list[str],
        clip_skip: int,  # noqa: ARG002  see LAYER
        reading: Reading = PLAIN,
    ) -> dict[str, Tensor]:
        """Encode captions: ``{"hidden": (B, 77, 2048), "pooled": (B, 1280)}`` for a full-size model."""
        first, second = (
            encode_clip(
                model.text_encoders[prefix], model.tokenizers[prefix], captions, LAYER, norm=False, reading=reading
            )
            for prefix in (FIRST, SECOND)
        )
        return {"hidden": torch.cat([first.hidden, second.hidden], dim=-1), "pooled": second.pooled}

    def placement(self, views: Sequence[View]) -> dict[str, Tensor]:
        """Return ``{"time_ids": (B, 6)}``: original height and width, top and left of the cut, its height and width."""
        rows = [[*view.original[::-1], *view.crop[::-1], *view.target[::-1]] for view in views]
        return {"time_ids": torch.tensor(rows, dtype=torch.float32)}

    def denoise(self, unet: Any, noisy: Tensor, t: Tensor, conditioning: dict[str, Tensor]) -> Tensor:
        """Predict from latents (B, 4, H, W)."""
        added = {"text_embeds": conditioning["pooled"], "time_ids": conditioning["time_ids"]}
        return unet(noisy, t, encoder_hidden_states=conditioning["hidden"], added_cond_kwargs=added).sample

    def pipeline(self, model: BaseModel) -> StableDiffusionXLPipeline:
        """Return a StableDiffusionXLPipeline over the same parts."""
        return StableDiffusionXLPipeline(
            vae=model.vae,
            text_encoder=model.text_encoders[FIRST],
            text_encoder_2=model.text_encoders[SECOND],
            tokenizer=model.tokenizers[FIRST],
            tokenizer_2=model.tokenizers[SECOND],
            unet=model.unet,
            scheduler=model.noise_schedule,
            add_watermarker=False,
        )

    def guidance(self, wanted: dict[str, Tensor], unwanted: dict[str, Tensor]) -> dict[str, Tensor]:
        """Name two encoded prompts as StableDiffusionXLPipeline does; it draws uncut pictures of the asked size."""
        return {
            "prompt_embeds": wanted["hidden"],
            "pooled_prompt_embeds": wanted["pooled"],
            "negative_prompt_embeds": unwanted["hidden"],
            "negative_pooled_prompt_embeds": unwanted["pooled"],
        }

    def unet_key(self, path: str) -> str:
        """``down_blocks.1.attentions.0.x`` becomes ``lora_unet_input_blocks_4_1_x``: SDXL's own names, as kohya's."""
        return "lora_unet_" + sgm_name(path).replace(".", "_")

    def architecture(self, predicts: str) -> str:  # noqa: ARG002  the same for both
        """Return ``modelspec.architecture``."""
        return "stable-diffusion-xl-v1-base"


FAMILY = SDXL()
