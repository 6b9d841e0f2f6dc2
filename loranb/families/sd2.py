"""Stable Diffusion 2.x: an OpenCLIP-H text encoder, trained at 512 to predict noise, or at 768 to predict v.

Its text encoder has 24 layers, of which the last but one is read; diffusers' files hold 23. Short texts
are filled up with token 0, which its tokenizer knows as ``!``.
"""

from loranb.families._stable_diffusion import StableDiffusion

FAMILY = StableDiffusion(
    name="sd2",
    title="Stable Diffusion 2.x",
    base_model_version="sd_v2",
    architectures={"epsilon": "stable-diffusion-v2-512", "v_prediction": "stable-diffusion-v2-768-v"},
)
