"""Stable Diffusion 1.x: a CLIP-L text encoder, trained at 512, predicts the noise."""

from loranb.families._stable_diffusion import StableDiffusion

FAMILY = StableDiffusion(
    name="sd1",
    title="Stable Diffusion 1.x",
    base_model_version="sd_v1",
    architectures={"epsilon": "stable-diffusion-v1", "v_prediction": "stable-diffusion-v1"},
)
