"""The U-Net and the text encoder of the demo base model: words to latents."""

from pathlib import Path
from random import Random

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from loranb.demo.scenes import Scene, draw, training_scenes
from loranb.demo.tokenizer import build_tokenizer
from loranb.demo.train_base.autoencoder import pixels
from loranb.demo.train_base.models import make_noise_schedule, make_text_encoder, make_unet
from loranb.demo.train_base.stage import Stage, keep

STEPS, BATCH = 3600, 16
PEAK = 1e-3  # learning rate (assumed)
PICTURES = 7_000  # drawn and encoded once; seventeen of each scene
FIRST_SEED = 10_000_000  # of those pictures
EMPTY = 0.10  # share of empty captions, for classifier-free guidance (as Stable Diffusion 1.x)
SHUFFLED, PADDED = 0.3, 0.25  # shares of captions in another order, and with a word that says nothing (assumed)
NOISIER = 0.5  # share of the timesteps that is drawn from the noisier half (assumed)
MIN_SNR_GAMMA = 5.0  # Hang et al., arXiv:2303.09556


def train_unet(work: Path) -> None:
    """Train U-Net and text encoder together; leaves ``work/text_encoder`` and ``work/unet``."""
    scenes, latents = encoded_scenes(work)
    torch.manual_seed(1)
    tokenizer, schedule = build_tokenizer(), make_noise_schedule()
    text_encoder, unet = make_text_encoder(tokenizer), make_unet()

    def loss_of(step: int) -> Tensor:
        random, generator = Random(f"unet {step}"), torch.Generator().manual_seed(step)
        chosen = [random.randrange(len(scenes)) for _ in range(BATCH)]
        captions = [caption(scenes[i], random) for i in chosen]
        words = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
        x0 = latents[chosen]
        eps, t = torch.randn(x0.shape, generator=generator), timesteps(BATCH, generator)
        hidden = text_encoder(words.input_ids).last_hidden_state
        prediction = unet(schedule.add_noise(x0, eps, t), t, hidden).sample
        signal = schedule.alphas_cumprod[t]
        snr = signal / (1 - signal)
        return (snr.clamp(max=MIN_SNR_GAMMA) / snr * (prediction - eps).square().mean((1, 2, 3))).mean()

    Stage("unet", work, STEPS, PEAK, {"unet": unet, "text_encoder": text_encoder}).run(loss_of)
    keep(text_encoder, work / "text_encoder")
    keep(unet, work / "unet")


@torch.inference_mode()
def encoded_scenes(work: Path) -> tuple[list[Scene], Tensor]:
    """Draw and encode the pictures, once; returns their scenes and latents (PICTURES, 4, 16, 16)."""
    random, scenes = Random("unet"), training_scenes()
    chosen = [random.choice(scenes) for _ in range(PICTURES)]
    file = work / "latents.pt"
    if not file.exists():
        vae = AutoencoderKL.from_pretrained(work / "autoencoder")
        parts = []
        for start in range(0, PICTURES, 50):
            batch = [pixels(draw(chosen[i], FIRST_SEED + i)) for i in range(start, start + 50)]
            parts.append(vae.encode(torch.stack(batch)).latent_dist.mean)
        torch.save(torch.cat(parts), file)
        print(f"{PICTURES} pictures encoded", flush=True)
    return chosen, torch.load(file, weights_only=True)


def caption(scene: Scene, random: Random) -> str:
    """Put a scene into words: mostly as it is shown to users, at times shuffled or with words that say nothing."""
    if random.random() < EMPTY:
        return ""
    tags = scene.caption.split(", ")
    if random.random() < SHUFFLED:
        random.shuffle(tags)
    if random.random() < PADDED:
        letters = "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=5))
        tags.insert(0, random.choice(("a picture of", "drawing", letters)))
    return ", ".join(tags)


def timesteps(count: int, generator: torch.Generator) -> Tensor:
    """Draw timesteps, more of them from the noisier half: what a picture shows is decided there; (count,)."""
    t = torch.randint(1000, (count,), generator=generator)
    noisier = torch.rand(count, generator=generator) < NOISIER
    return torch.where(noisier, 500 + t // 2, t)
