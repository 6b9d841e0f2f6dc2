"""Run the stages that are not over yet, then pack the base model; see the package."""

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel

import loranb.demo.train_base
from loranb.demo import BASE
from loranb.demo.tokenizer import build_tokenizer
from loranb.demo.train_base.autoencoder import train_autoencoder, train_decoder
from loranb.demo.train_base.models import NOISE_SCHEDULE
from loranb.demo.train_base.unet import train_unet

STAGES = {"autoencoder": train_autoencoder, "unet": train_unet, "decoder": train_decoder}


def pack(work: Path, target: Path) -> None:
    """Put the trained parts together as a diffusers folder in fp16."""
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(work / "decoder"),
        text_encoder=CLIPTextModel.from_pretrained(work / "text_encoder"),
        tokenizer=build_tokenizer(),
        unet=UNet2DConditionModel.from_pretrained(work / "unet"),
        scheduler=PNDMScheduler(**NOISE_SCHEDULE, skip_prk_steps=True, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).to(torch.float16)
    for part in (pipeline.vae, pipeline.unet):
        part.register_to_config(_name_or_path="")  # else the folder on the machine that trained it
    aside = target.with_name(target.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    pipeline.save_pretrained(aside, safe_serialization=True)
    shutil.rmtree(target, ignore_errors=True)
    aside.replace(target)
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    print(json.dumps({"base": str(target), "megabytes": round(size / 1e6, 2)}))


def main() -> None:
    """Train and pack from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loranb.demo.train_base",
        description=loranb.demo.train_base.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--work", type=Path, default=Path("build/base"), help="folder of checkpoints")
    parser.add_argument("--out", type=Path, default=BASE, help="where the finished base model goes")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    for name, train in STAGES.items():
        if not (asked.work / name).exists():
            train(asked.work)
    pack(asked.work, asked.out)


if __name__ == "__main__":
    main()
