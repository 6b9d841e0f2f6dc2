"""Train the demo base model: a Stable Diffusion 1.x pipeline scaled down, on drawn scenes.

One command, seeded; some two hours on one CPU core. It goes on where it was interrupted::

    python -m loranb.demo.train_base

The stages, in order:

1. ``autoencoder``: pictures to latents and back, on crops, at the end on whole pictures;
2. ``unet``: words to latents, with the text encoder, on latents encoded once;
3. ``decoder``: the autoencoder's second half alone. The encoder is frozen, so the latents that the
   U-Net learnt stay true, and the pictures become sharper;
4. pack: fp16, diffusers layout, into ``loranb/demo/base``.

What it learnt is measured by ``python -m loranb.demo.evaluate``.
"""
