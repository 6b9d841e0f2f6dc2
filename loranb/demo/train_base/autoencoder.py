"""The autoencoder of the demo base model, and its decoder once more: drawn pictures to latents and back."""

from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from loranb.demo.scenes import doodle, draw, training_scenes
from loranb.demo.train_base.models import SIDE, make_autoencoder
from loranb.demo.train_base.stage import Stage, keep

STEPS, DECODER_STEPS = 4500, 4000
PEAK, DECODER_PEAK = 1.5e-3, 1e-3  # learning rates (assumed)
BATCH = 4
DECODER_SEEDS = 500_000  # step numbers of the decoder's pictures, so that they are new ones
LEVEL_SEEDS = 1_000_000  # and of the pictures that the latents are levelled by
DOODLES = 0.15  # share of meaningless shapes among the pictures (assumed)
KL_WEIGHT = 1e-8  # measured: 1e-5 silenced three of the four channels within 2500 steps
CROP = SIDE // 2  # most steps see a quarter of each picture: four times as many steps in the same time
WHOLE = 0.1  # share of the steps, the last, that see whole pictures
LATENT_NOISE = 0.05  # of the latents' own spread; the decoder learns to forgive the U-Net
AREAS = 2.0  # weight of the loss on averages of 8 x 8 pixels: keeps colours true
COLOURS = 1.0  # weight of the latents' own colours; without it all four channels carried brightness for 4500 steps
EDGES = 0.5  # weight of the loss on differences of neighbours: sharpens masts and windows


def train_autoencoder(work: Path) -> None:
    """Train encoder and decoder together; leaves ``work/autoencoder``."""
    torch.manual_seed(0)
    vae = make_autoencoder().to(memory_format=torch.channels_last)
    colours = nn.Conv2d(vae.config.latent_channels, 3, 1)  # reads colours off the latents; only for training

    def loss_of(step: int) -> Tensor:
        wanted = pictures_of(step, BATCH, SIDE if step >= (1 - WHOLE) * STEPS else CROP)
        posterior, generator = vae.encode(wanted).latent_dist, torch.Generator().manual_seed(step)
        latents = posterior.sample(generator)
        noisy = latents + latent_noise(latents.detach(), generator)
        told = F.l1_loss(colours(latents), F.avg_pool2d(wanted, 8))
        return picture_loss(vae.decode(noisy).sample, wanted) + KL_WEIGHT * posterior.kl().mean() + COLOURS * told

    Stage("autoencoder", work, STEPS, PEAK, {"vae": vae, "colours": colours}).run(loss_of)
    with torch.no_grad():
        parts = [vae.encode(pictures_of(LEVEL_SEEDS + i, 8)).latent_dist.mean for i in range(16)]
    level(vae, torch.cat(parts))
    keep(vae, work / "autoencoder")


def train_decoder(work: Path) -> None:
    """Train the decoder alone, the encoder frozen; leaves the whole autoencoder in ``work/decoder``."""
    vae = AutoencoderKL.from_pretrained(work / "autoencoder").to(memory_format=torch.channels_last)
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)

    def loss_of(step: int) -> Tensor:
        side = SIDE if step >= (1 - WHOLE) * DECODER_STEPS else CROP
        wanted, generator = pictures_of(DECODER_SEEDS + step, BATCH, side), torch.Generator().manual_seed(step)
        with torch.no_grad():
            latents = vae.encode(wanted).latent_dist.sample(generator)
            latents += latent_noise(latents, generator)
        return picture_loss(vae.decode(latents).sample, wanted)

    parts = {"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv}
    Stage("decoder", work, DECODER_STEPS, DECODER_PEAK, parts).run(loss_of)
    keep(vae, work / "decoder")


def pictures_of(step: int, size: int, side: int = SIDE) -> Tensor:
    """Draw the pictures of one step, from the step's number alone; (size, 3, side, side) in [-1, 1]."""
    random, scenes = Random(f"autoencoder {step}"), training_scenes()
    pictures = []
    for seed in range(step * size, (step + 1) * size):
        picture = doodle(seed) if random.random() < DOODLES else draw(random.choice(scenes), seed)
        left, top = random.randint(0, SIDE - side), random.randint(0, SIDE - side)
        pictures.append(pixels(picture.crop((left, top, left + side, top + side))))
    return torch.stack(pictures).contiguous(memory_format=torch.channels_last)


def pixels(picture: Image.Image) -> Tensor:
    """Turn a picture into a tensor of shape (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 127.5 - 1


def picture_loss(got: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error of the pixels, of their differences to their neighbours, and of 8 x 8 averages.

    Without the last, red was drawn as orange: the edges outweighed the colour of the areas between.
    """
    across = F.l1_loss(got.diff(dim=3), wanted.diff(dim=3))
    down = F.l1_loss(got.diff(dim=2), wanted.diff(dim=2))
    areas = F.l1_loss(F.avg_pool2d(got, 8), F.avg_pool2d(wanted, 8))
    return F.l1_loss(got, wanted) + EDGES * (across + down) + AREAS * areas


def latent_noise(latents: Tensor, generator: torch.Generator) -> Tensor:
    """Draw noise in proportion to each channel's own spread; (B, 4, H, W)."""
    spread = latents.std((0, 2, 3), keepdim=True)
    return LATENT_NOISE * spread * torch.randn(latents.shape, generator=generator)


@torch.no_grad()
def level(vae: AutoencoderKL, sample: Tensor) -> None:
    """Shift and scale the latents to mean 0 and spread 1 in every channel, for the U-Net's sake.

    The 1 x 1 convolutions on both sides of the latents take it up, so pictures stay the same.

    Args:
        vae: changed in place.
        sample: its latents of many pictures; (N, 4, H, W).
    """
    mean, spread = sample.mean((0, 2, 3)), sample.std((0, 2, 3))
    print(f"latents' spread per channel, before it is levelled: {[round(v, 3) for v in spread.tolist()]}", flush=True)
    before, after = vae.quant_conv, vae.post_quant_conv
    channels = len(mean)
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= spread.view(1, -1, 1, 1)
    before.bias[:channels] = (before.bias[:channels] - mean) / spread
    before.weight[:channels] /= spread.view(-1, 1, 1, 1)
    before.bias[channels:] -= 2 * spread.log()
