"""Train the demo base model: a Stable Diffusion 1.x pipeline scaled down, on drawn scenes.

Three stages, each seeded and resumable; two CPU cores need some hours for all of them::

    python -m loranb.demo.train_base autoencoder --steps 3000   # pictures <-> latents
    python -m loranb.demo.train_base unet --steps 6000          # words -> latents, with the text encoder
    python -m loranb.demo.train_base decoder --steps 3000       # sharper pictures from the same latents
    python -m loranb.demo.train_base pack                       # fp16, diffusers layout, into loranb/demo/base

A stage that is interrupted goes on from its last checkpoint in ``--work``. Where ``--work`` holds
none, it starts from the weights in ``loranb/demo/base``, or from random ones with ``--fresh``: so
the shipped model can be trained on. The decoder may be trained at any time after the
autoencoder: the encoder is frozen from then on, so the latents that the U-Net learnt stay true.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from loranb.demo import BASE
from loranb.demo.scenes import Scene, doodle, draw, every_scene, held_out
from loranb.demo.tokenizer import build_tokenizer
from loranb.training.latents import tensors_hash

SIDE = 128
DOODLES = 0.15  # share of meaningless shapes in the autoencoder's pictures (assumed)
EMPTY = 0.10  # share of empty captions, for classifier-free guidance (as Stable Diffusion 1.x)
KL_WEIGHT = 1e-8  # measured: 1e-5 silenced three of the four channels within 2500 steps
CROP = SIDE // 2  # most steps see a quarter of each picture: four times as many steps in the same time
WHOLE = 0.1  # share of the steps, the last, that see whole pictures
LATENT_NOISE = 0.05  # of the latents' own spread; the decoder learns to forgive the U-Net
AREAS = 2.0  # weight of the loss on averages of 8 x 8 pixels: keeps colours true
EDGES = 0.5  # weight of the loss on differences of neighbours: sharpens masts and windows
MIN_SNR_GAMMA = 5.0  # Hang et al., arXiv:2303.09556
NOISIER = 0.5  # share of the timesteps that is drawn from the noisier half (assumed)
LATENT_SCENES = 7_000  # pictures drawn and encoded for the U-Net; seventeen of each scene


def make_autoencoder() -> AutoencoderKL:
    """Build the AutoencoderKL: f = 8, four latent channels, 1.7 M parameters."""
    channels = (16, 32, 64, 96)
    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        sample_size=SIDE,
    )


def make_unet(text_width: int) -> UNet2DConditionModel:
    """Build the U-Net: SD 1.x blocks, cross-attention at 16 x 16 and 8 x 8."""
    return UNet2DConditionModel(
        sample_size=SIDE // 8,
        block_out_channels=(64, 96, 128),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        norm_num_groups=16,
        attention_head_dim=4,
        cross_attention_dim=text_width,
    )


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Build the CLIP text model: three layers of width 128."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=128,
            intermediate_size=384,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=77,
            projection_dim=128,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def make_noise_schedule() -> DDPMScheduler:
    """Return the noise schedule of Stable Diffusion 1.x."""
    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        prediction_type="epsilon",
    )


def training_scenes() -> list[Scene]:
    """List the scenes the base model may see."""
    hidden = set(held_out())
    return [scene for scene in every_scene() if scene not in hidden]


def pixels(picture) -> Tensor:  # noqa: ANN001
    """Turn a PIL picture into a tensor of shape (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1).float() / 127.5 - 1


def autoencoder_batch(step: int, size: int, side: int = SIDE) -> Tensor:
    """Draw the pictures of one step, from the step's number alone; (B, 3, side, side)."""
    random = Random(f"autoencoder {step}")
    scenes = training_scenes()
    pictures = []
    for i in range(size):
        seed = step * size + i
        picture = doodle(seed) if random.random() < DOODLES else draw(random.choice(scenes), seed)
        left, top = random.randint(0, SIDE - side), random.randint(0, SIDE - side)
        pictures.append(pixels(picture.crop((left, top, left + side, top + side))))
    return torch.stack(pictures).contiguous(memory_format=torch.channels_last)


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


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Rise over the first 100 steps, stay, fall to nought over the last two fifths."""
    rise, fall = min(1.0, (step + 1) / 100), min(1.0, (steps - step) / (0.4 * steps))
    return peak * rise * fall


class Stage:
    """The part that all stages share: optimizer, learning rate, checkpoints, a line now and then."""

    def __init__(self, name: str, work: Path, steps: int, peak: float, modules: dict[str, nn.Module]):
        self.file, self.steps, self.peak, self.modules = work / f"{name}.pt", steps, peak, modules
        self.parameters = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=peak, betas=(0.9, 0.99), weight_decay=1e-3)
        self.averages = {
            name: EMAModel(m.parameters(), decay=0.998, use_ema_warmup=True) for name, m in modules.items()
        }
        self.step = 0
        if self.file.exists():
            self._load(torch.load(self.file, weights_only=True))

    def run(self, loss_of: Callable[[int], Tensor]) -> None:
        """Take the remaining steps; `loss_of(step)` gives the loss of one."""
        began, mean = time.monotonic(), None
        for step in range(self.step, self.steps):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(step, self.steps, self.peak)
            loss = loss_of(step)
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            for name, average in self.averages.items():
                average.step(self.modules[name].parameters())
            mean = loss.item() if mean is None else 0.98 * mean + 0.02 * loss.item()
            if (step + 1) % 50 == 0:
                print(
                    f"{self.file.stem} {step + 1}/{self.steps} loss {mean:.4f} {time.monotonic() - began:.0f} s",
                    flush=True,
                )
            self.step = step + 1
            if self.step % 200 == 0:
                self._save()
        self._save()

    def average(self) -> None:
        """Put the averaged weights into the modules."""
        for name, average in self.averages.items():
            average.copy_to(self.modules[name].parameters())

    def _save(self) -> None:
        state = {
            "step": self.step,
            "modules": {name: module.state_dict() for name, module in self.modules.items()},
            "averages": {name: average.state_dict() for name, average in self.averages.items()},
            "optimizer": self.optimizer.state_dict(),
        }
        aside = self.file.with_suffix(".tmp")
        torch.save(state, aside)
        aside.replace(self.file)

    def _load(self, state: dict) -> None:
        self.step = state["step"]
        self.optimizer.load_state_dict(state["optimizer"])
        for name, module in self.modules.items():
            module.load_state_dict(state["modules"][name])
            self.averages[name].load_state_dict(state["averages"][name])


def load_autoencoder(work: Path, fresh: bool) -> AutoencoderKL:
    """Load the newest autoencoder: from `work`, else the shipped one, else random."""
    torch.manual_seed(0)
    vae = make_autoencoder()
    if (work / "vae").exists():
        vae = AutoencoderKL.from_pretrained(work / "vae")
    elif (BASE / "vae").exists() and not fresh:
        vae = AutoencoderKL.from_pretrained(BASE / "vae", torch_dtype=torch.float32)
    return vae.to(memory_format=torch.channels_last)


def train_autoencoder(work: Path, steps: int, fresh: bool) -> None:
    """Train encoder and decoder together; leaves ``work/vae``."""
    vae = load_autoencoder(work, fresh)
    stage = Stage("autoencoder", work, steps, 1.5e-3, {"vae": vae})

    def loss_of(step: int) -> Tensor:
        wanted = autoencoder_batch(step, 4, SIDE if step >= (1 - WHOLE) * steps else CROP)
        posterior = vae.encode(wanted).latent_dist
        generator = torch.Generator().manual_seed(step)
        latents = posterior.sample(generator)
        noisy = latents + latent_noise(latents.detach(), generator)
        return picture_loss(vae.decode(noisy).sample, wanted) + KL_WEIGHT * posterior.kl().mean()

    stage.run(loss_of)
    stage.average()
    with torch.no_grad():
        sample = torch.cat(
            [vae.encode(autoencoder_batch(step, 8)).latent_dist.mean for step in range(10**6, 10**6 + 16)]
        )
    level(vae, sample)
    vae.register_to_config(scaling_factor=1.0)
    vae.save_pretrained(work / "vae")
    print(f"latents' spread {sample.std():.3f}, per channel {[round(v, 3) for v in sample.std((0, 2, 3)).tolist()]}")


@torch.no_grad()
def level(vae: AutoencoderKL, sample: Tensor) -> None:
    """Shift and scale the latents to mean 0 and spread 1 in every channel, for the U-Net's sake.

    The 1 x 1 convolutions on both sides of the latents take it up, so pictures stay the same.

    Args:
        vae: changed in place.
        sample: its latents of many pictures; (N, 4, H, W).
    """
    mean, spread = sample.mean((0, 2, 3)), sample.std((0, 2, 3))
    before, after = vae.quant_conv, vae.post_quant_conv
    channels = len(mean)
    after.bias += after.weight[:, :, 0, 0] @ mean
    after.weight *= spread.view(1, -1, 1, 1)
    before.bias[:channels] = (before.bias[:channels] - mean) / spread
    before.weight[:channels] /= spread.view(-1, 1, 1, 1)
    before.bias[channels:] -= 2 * spread.log()


def train_decoder(work: Path, steps: int, fresh: bool) -> None:
    """Train the decoder alone, the encoder frozen; updates ``work/vae``."""
    vae = load_autoencoder(work, fresh)
    vae.encoder.requires_grad_(False)
    vae.quant_conv.requires_grad_(False)
    stage = Stage("decoder", work, steps, 1e-3, {"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv})

    def loss_of(step: int) -> Tensor:
        wanted = autoencoder_batch(step + 500_000, 4, SIDE if step >= (1 - WHOLE) * steps else CROP)
        generator = torch.Generator().manual_seed(step)
        with torch.no_grad():
            latents = vae.encode(wanted).latent_dist.sample(generator)
            latents += latent_noise(latents, generator)
        return picture_loss(vae.decode(latents).sample, wanted)

    stage.run(loss_of)
    stage.average()
    vae.save_pretrained(work / "vae")


def caption(scene: Scene, random: Random) -> str:
    """Put a scene into words: mostly as it is shown to users, at times shuffled or with words that say nothing."""
    if random.random() < EMPTY:
        return ""
    tags = scene.caption.split(", ")
    if random.random() < 0.3:
        random.shuffle(tags)
    if random.random() < 0.25:
        tags.insert(
            0, random.choice(("a picture of", "drawing", "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=5))))
        )
    return ", ".join(tags)


def encode_scenes(work: Path, vae: AutoencoderKL) -> tuple[list[Scene], Tensor]:
    """Draw and encode the U-Net's pictures once; returns their scenes and scaled latents (N, 4, 16, 16)."""
    random, scenes = Random("unet"), training_scenes()
    chosen = [random.choice(scenes) for _ in range(LATENT_SCENES)]
    file = work / f"latents-{tensors_hash(vae.encoder)[:8]}.pt"
    if not file.exists():
        parts = []
        with torch.inference_mode():
            for start in range(0, LATENT_SCENES, 32):
                pictures = [pixels(draw(chosen[i], 10**7 + i)) for i in range(start, min(start + 32, LATENT_SCENES))]
                batch = torch.stack(pictures).contiguous(memory_format=torch.channels_last)
                parts.append((vae.encode(batch).latent_dist.mean * vae.config.scaling_factor).contiguous())
        torch.save(torch.cat(parts), file)
        print(f"{LATENT_SCENES} pictures encoded", flush=True)
    return chosen, torch.load(file, weights_only=True)


def load_text_and_unet(work: Path, fresh: bool) -> tuple[CLIPTokenizer, CLIPTextModel, UNet2DConditionModel]:
    """Load the newest text encoder and U-Net: from `work`, else the shipped ones, else random."""
    torch.manual_seed(1)
    tokenizer = build_tokenizer()
    text_encoder, unet = make_text_encoder(tokenizer), make_unet(text_width=128)
    source = work if (work / "unet").exists() else BASE
    if source == work or ((BASE / "unet").exists() and not fresh):
        text_encoder = CLIPTextModel.from_pretrained(source / "text_encoder", dtype=torch.float32)
        unet = UNet2DConditionModel.from_pretrained(source / "unet", torch_dtype=torch.float32)
    return tokenizer, text_encoder, unet


def timesteps(count: int, generator: torch.Generator) -> Tensor:
    """Draw timesteps, more of them from the noisier half: what a picture shows is decided there; (count,)."""
    t = torch.randint(1000, (count,), generator=generator)
    noisier = torch.rand(count, generator=generator) < NOISIER
    return torch.where(noisier, 500 + t // 2, t)


def train_unet(work: Path, steps: int, fresh: bool) -> None:
    """Train U-Net and text encoder on cached latents; leaves ``work/unet`` and ``work/text_encoder``."""
    vae = load_autoencoder(work, fresh=False)
    scenes, latents = encode_scenes(work, vae)
    del vae
    tokenizer, text_encoder, unet = load_text_and_unet(work, fresh)
    text_encoder.train()
    schedule = make_noise_schedule()
    stage = Stage("unet", work, steps, 1e-3, {"unet": unet, "text_encoder": text_encoder})
    size = 16

    def loss_of(step: int) -> Tensor:
        random, generator = Random(f"unet {step}"), torch.Generator().manual_seed(step)
        chosen = [random.randrange(len(scenes)) for _ in range(size)]
        words = tokenizer(
            [caption(scenes[i], random) for i in chosen], padding="max_length", truncation=True, return_tensors="pt"
        )
        x0 = latents[chosen]
        eps, t = torch.randn(x0.shape, generator=generator), timesteps(size, generator)
        hidden = text_encoder(words.input_ids).last_hidden_state
        prediction = unet(schedule.add_noise(x0, eps, t), t, hidden).sample
        a = schedule.alphas_cumprod[t]
        snr = a / (1 - a)
        weight = snr.clamp(max=MIN_SNR_GAMMA) / snr
        return (weight * (prediction - eps).square().mean((1, 2, 3))).mean()

    stage.run(loss_of)
    stage.average()
    unet.save_pretrained(work / "unet")
    text_encoder.save_pretrained(work / "text_encoder")


def pack(work: Path, target: Path = BASE) -> None:
    """Put the trained parts together as a diffusers folder in fp16; parts not in `work` stay as shipped."""
    tokenizer, text_encoder, unet = load_text_and_unet(work, fresh=False)
    vae = load_autoencoder(work, fresh=False).to(memory_format=torch.contiguous_format)
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=PNDMScheduler(
            num_train_timesteps=1000,
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            skip_prk_steps=True,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to(torch.float16)
    aside = target.with_name(target.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    pipeline.save_pretrained(aside, safe_serialization=True)
    shutil.rmtree(target, ignore_errors=True)
    aside.replace(target)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(json.dumps({"base": str(target), "megabytes": round(size / 1e6, 2)}))


def main() -> None:
    """Run one stage from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=("autoencoder", "unet", "decoder", "pack"))
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--work", type=Path, default=Path("build/demo"))
    parser.add_argument("--fresh", action="store_true", help="start from random weights")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    if asked.stage == "pack":
        pack(asked.work)
    else:
        train = {"autoencoder": train_autoencoder, "unet": train_unet, "decoder": train_decoder}[asked.stage]
        train(asked.work, asked.steps, asked.fresh)


if __name__ == "__main__":
    main()
