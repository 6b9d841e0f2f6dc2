"""How near the plan's GPU memory is to what steps really take, and how quick the plan is. See README.md beside this.

Models of full size with random weights stand in for real ones: memory does not depend on what is in them.
"""

import argparse
import gc
import platform
import time
from itertools import product
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel

from loranb.dataset.training_set import TrainingImage
from loranb.estimate import estimate, named
from loranb.estimate.bases import published
from loranb.lora._peft import put_on
from loranb.lora.sizes import sizes_for
from loranb.lora.targets import unet_targets
from loranb.plan import plan
from loranb.settings import Settings
from loranb.training.recompute import recompute
from loranb.training.stored import store_base

SIDES = {"sd1": 512, "sdxl": 1024}
BASES = {
    "sd1": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
}
STEPS = 3  # the optimizer's memory comes with the first; the peak with the second


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=0, help="pixels, instead of each family's own resolution")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--pictures", type=int, default=500, help="for how quick the plan is")
    asked = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"{platform.platform()}, torch {torch.__version__}, {_name(device)}")
    _speed(asked.pictures)
    print("family  base   recompute  batch   computed   allocated    reserved  computed / reserved")
    for family, base, how, batch in product(SIDES, ("as is", "4bit"), ("none", "selective", "full"), asked.batches):
        settings = _settings(family, asked.side or SIDES[family], (base, how, batch))
        computed = _computed(settings)
        if device.type == "cpu":
            print(f"{family:7} {base:6} {how:10} {batch:5} {computed / 2**30:8.2f} GiB  (no GPU: nothing measured)")
            continue
        try:
            allocated, reserved = measure(settings, published(family)[0], device)
        except torch.OutOfMemoryError:
            print(f"{family:7} {base:6} {how:10} {batch:5} {computed / 2**30:8.2f} GiB  does not fit")
            continue
        print(
            f"{family:7} {base:6} {how:10} {batch:5} {computed / 2**30:8.2f} GiB {allocated / 2**30:7.2f} GiB "
            f"{reserved / 2**30:7.2f} GiB  {computed / reserved:.2f}"
        )


def measure(settings: Settings, config: dict[str, Any], device: torch.device) -> tuple[int, int]:
    """Take some steps with random weights; returns the most bytes that were allocated, and reserved of the GPU."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    _steps(settings, config, device)
    if device.type != "cuda":
        return 0, 0
    return torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()


def _steps(settings: Settings, config: dict[str, Any], device: torch.device) -> None:
    unet = _unet(settings, config, device)
    trained = [parameter for parameter in unet.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    batch, side = settings.length.batch_size, settings.dataset.resolution // 8
    text = torch.randn(batch, 77, config["cross_attention_dim"], device=device)
    added = {"text_embeds": torch.randn(batch, 1280, device=device), "time_ids": torch.ones(batch, 6, device=device)}
    options = {"added_cond_kwargs": added} if config.get("addition_embed_type") else {}
    for _ in range(STEPS):
        noisy = torch.randn(batch, 4, side, side, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            t = torch.randint(0, 1000, (batch,), device=device)
            predicted = unet(noisy, t, encoder_hidden_states=text, **options).sample
        (predicted.float() - noisy).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()


def _unet(settings: Settings, config: dict[str, Any], device: torch.device) -> UNet2DConditionModel:
    """Make a U-Net with random weights and a LoRA, as a run prepares it."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(**config).to(torch.bfloat16)
    unet = unet.to_empty(device="cpu").requires_grad_(False)
    for parameter in unet.parameters():
        parameter.data.normal_(std=0.02)
    store_base(unet, settings.memory.base, device)
    paths = {path: path for path in unet_targets(unet)}
    list(put_on(unet, sizes_for(unet, paths, settings.lora), settings.lora))
    unet = unet.to(device)
    recompute(unet, [], settings.memory.gradient_checkpointing)
    return unet.train()


def _settings(family: str, side: int, how: tuple[str, str, int]) -> Settings:
    base, again, batch = how
    changes = {"model.base": BASES[family], "dataset.resolution": side, "length.batch_size": batch}
    changes |= {"memory.base": base, "memory.gradient_checkpointing": again, "memory.precision": "bf16"}
    return Settings().assign_all({**changes, "lora.text_encoder": False, "samples.every_epochs": 0})


def _computed(settings: Settings) -> int:
    """Return what the plan says, without CUDA's own part, which torch does not count."""
    needed = estimate(settings, plan(settings, _pictures(8, settings.dataset.resolution))).memory
    assert needed is not None
    return needed.training - needed.context


def _speed(pictures: int) -> None:
    """Print how long the whole plan takes after a change, with the search for a change that fits."""
    images, card = _pictures(pictures, 1024), named("T4")
    took = []
    for rank in range(8, 28):
        settings = _settings("sdxl", 1024, ("as is", "none", 4)).assign("lora.rank", rank)
        began = time.perf_counter()
        estimate(settings, plan(settings, images), card)
        took.append((time.perf_counter() - began) * 1000)
    print(f"plan of {pictures} pictures after a change: {sorted(took)[len(took) // 2]:.0f} ms, at most {max(took):.0f}")


def _pictures(count: int, side: int) -> list[TrainingImage]:
    return [
        TrainingImage(Path(f"{i}.png"), side + i % 40 * 13, side, 10, "caption", f"10_{i % 4}") for i in range(count)
    ]


def _name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU"


if __name__ == "__main__":
    main()
