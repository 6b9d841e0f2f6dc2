"""How much GPU memory a run needs, by part. Computed from shapes, and not measured on a GPU."""

from dataclasses import dataclass
from functools import lru_cache

from loranb.estimate.activations import LATENT, Pass, kept_of_text, kept_of_unet, largest
from loranb.estimate.bases import VAE_WEIGHTS, Base
from loranb.estimate.gpus import Gpu
from loranb.estimate.size import BYTES, parameters
from loranb.plan import Plan
from loranb.settings import LoraSettings, Settings

COMPUTED = "computed from the shapes of the layers, not measured on a GPU"
# CUDA's context and the libraries' work space, in bytes; 0.6 to 1 GiB as published for other trainers.
CONTEXT = int(0.8 * 2**30)
# The backward pass holds gradients of a block's activations beside what was kept; a share of that (assumed).
BACKWARD = 0.04
# Bytes that an optimizer keeps of each parameter; others keep two numbers, as AdamW does.
STATE = {
    "AdamW8bit": 2,
    "PagedAdamW8bit": 2,
    "Lion": 4,
    "Lion8bit": 1,
    "PagedLion8bit": 1,
    "SGDNesterov": 4,
    "SGDNesterov8bit": 1,
    "Adafactor": 0,
    "CAME": 4,
    "Prodigy": 16,
    "DAdaptation": 12,
    "DAdaptAdamPreprint": 12,
    "DAdaptAdam": 12,
    "DAdaptAdaGrad": 12,
    "DAdaptAdan": 20,
    "DAdaptAdanIP": 20,
    "DAdaptLion": 8,
    "DAdaptSGD": 12,
    "SGDScheduleFree": 4,
}
USUAL_STATE = 8
STORED = {"8bit": 1.0, "fp8": 1.0, "4bit": 0.5 + 4 / 64}  # bytes of a weight; in 4 bits a scale for every 64
# Bytes that the autoencoder in fp32 has for each pixel at the height of its work: five layers of 128 channels while
# it encodes, three of 256 while it decodes (counted; see tests/estimate).
ENCODING, DECODING = 5 * 128 * 4, 3 * 256 * 4


@dataclass(frozen=True)
class Memory:
    """GPU memory of a run, in bytes.

    Args:
        weights: of the base model's parts that stay on the GPU.
        lora: the LoRA's own weights, with what autocast and a running average copy of them.
        gradients: of the LoRA.
        optimizer: what it remembers of each parameter.
        activations: what the forward pass keeps of the batch that is largest to compute.
        caches: what is encoded on the way: the VAE at work, where pictures are not encoded beforehand.
        context: CUDA itself, and its libraries' work space.
        samples: the most while a sample picture is drawn, when the activations are gone.
        pictures: the most while pictures are encoded beforehand, when only the VAE is on the GPU.
    """

    weights: int
    lora: int
    gradients: int
    optimizer: int
    activations: int
    caches: int
    context: int
    samples: int
    pictures: int = 0

    @property
    def parts(self) -> dict[str, int]:
        """By name, in the order of the plan."""
        names = ("weights", "lora", "gradients", "optimizer", "activations", "caches", "context")
        return {name: getattr(self, name) for name in names}

    @property
    def training(self) -> int:
        """The most in a step."""
        return sum(self.parts.values())

    @property
    def peak(self) -> int:
        """The most there is at any time."""
        return max(self.training, self.samples, self.pictures)

    def verdict(self, gpu: Gpu) -> str:
        """Say "fits", "tight" (within what such a computation errs by) or "does not fit"."""
        if self.peak * 1.15 <= gpu.bytes:
            return "fits"
        return "tight" if self.peak <= gpu.bytes else "does not fit"


def memory(settings: Settings, plan: Plan, base: Base) -> Memory:
    """Compute a run's GPU memory; "auto" is taken as half precision, as it is on every GPU.

    Args:
        settings: of the run.
        plan: of the run, for its buckets.
        base: what the base model is made of.
    """
    half = settings.memory.precision != "fp32"
    size = largest([bucket.size for bucket in plan.buckets])
    again, stored = settings.memory.gradient_checkpointing, settings.memory.base != "as is"
    how = Pass(base, settings.lora, half, again, settings.captions.tokens + 2, stored)
    count = _parameters(base, settings.lora)
    own = BYTES[settings.memory.lora_precision]
    copies = 2 * count if half and own == 4 else 0
    average = 4 * count if settings.optimizer.ema else 0
    weights, lora = _weights(settings, base, half), own * count + copies + average
    optimizer = STATE.get(settings.optimizer.name, USUAL_STATE) * count
    encoding = size[0] * size[1] * ENCODING * settings.dataset.vae_batch_size
    once = encoded_once(settings)
    still = weights + lora + optimizer + own * count + CONTEXT
    samples = still + 4 * VAE_WEIGHTS + DECODING * _drawn(settings) if settings.samples.every_epochs else 0
    return Memory(
        weights=weights,
        lora=lora,
        gradients=own * count,
        optimizer=optimizer,
        activations=int(_most_kept(how, plan) * (1 + BACKWARD)),
        caches=0 if once else encoding,
        context=CONTEXT,
        samples=samples,
        pictures=4 * VAE_WEIGHTS + encoding + CONTEXT if once else 0,
    )


def encoded_once(settings: Settings) -> bool:
    """Whether pictures are encoded before training, as `loranb.training.latents.cacheable` decides."""
    dataset = settings.dataset
    return dataset.cache_latents and not dataset.random_crop and not dataset.colour


def _encodes_text(settings: Settings) -> bool:
    """Whether the text encoders stay on the GPU: they are trained, or nearly every caption that is shown is new."""
    captions = settings.captions
    return bool(settings.lora.text_encoder or captions.shuffle or captions.tag_dropout or captions.warmup)


def _drawn(settings: Settings) -> int:
    """Pixels of a sample picture."""
    return settings.dataset.resolution**2


def _weights(settings: Settings, base: Base, half: bool) -> int:
    unit, stored = (2 if half else 4), settings.memory.base
    text = sum(base.text_weights) * unit if _encodes_text(settings) else 0
    vae = 0 if encoded_once(settings) else 4 * VAE_WEIGHTS
    if stored == "as is":
        return base.weights * unit + text + vae
    rest = base.weights - base.inner_weights
    return int(base.inner_weights * STORED[stored]) + rest * unit + text + vae


@lru_cache(maxsize=256)
def _parameters(base: Base, lora: LoraSettings) -> int:
    return parameters(base, lora)


def _most_kept(how: Pass, plan: Plan) -> int:
    """Return the most that a batch keeps: the largest bucket may be too small to fill a batch."""
    by_batch: dict[int, list[tuple[int, int]]] = {}
    for bucket in plan.buckets:
        by_batch.setdefault(min(plan.batch_size, bucket.items), []).append(bucket.size)
    return max(_activations(how, largest(sizes), batch) for batch, sizes in by_batch.items())


@lru_cache(maxsize=512)
def _activations(how: Pass, size: tuple[int, int], batch: int) -> int:
    latents = (size[0] // LATENT) * (size[1] // LATENT) * 4 * batch
    return kept_of_unet(how, size).at(batch) + kept_of_text(how) * batch + 16 * latents
