"""What the forward pass keeps for the backward pass, counted from the shapes of the layers.

The counts follow the operations of diffusers' U-Net with peft's LoRA on it: what each saves was
listed once with ``torch.autograd.graph.saved_tensors_hooks``, and ``tests/estimate`` counts it anew.
Two ways of computing differ: under autocast every layer of a LoRA keeps a copy of its input in half
precision and norms work in fp32; in fp32 throughout, layers share what they read.

Notation: T positions of latents, C channels, r rank of the LoRA, S tokens of text.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from loranb.estimate.architecture import Block, Layer
from loranb.estimate.bases import Base
from loranb.estimate.size import adapted_kinds, rank_of
from loranb.lora.sizes import trains_convolutions
from loranb.settings import LoraSettings

TOKENS = 77
LATENT = 8  # pixels of a latent's side
_HALF, _FULL = 2, 4  # bytes of a number


@dataclass(frozen=True)
class Kept:
    """Bytes that are kept.

    Args:
        picture: of one picture.
        moment: of one picture, the most that is there for a moment on top.
        once: of weights that are computed on the way, whatever the batch.
        once_moment: of these, the most that is there for a moment on top.
    """

    picture: int
    moment: int = 0
    once: int = 0
    once_moment: int = 0

    def at(self, batch: int) -> int:
        """Return the bytes of a batch of so many pictures."""
        return (self.picture + self.moment) * batch + self.once + self.once_moment


@dataclass(frozen=True)
class Pass:
    """How a forward pass is done.

    Args:
        base: of which model.
        lora: what is put on it.
        half: whether it is computed in half precision under autocast.
        recompute: "none", "selective" or "full".
        tokens: of a caption.
        stored: whether the base is kept in fewer bits; its convolutions then keep nothing for themselves.
    """

    base: Base
    lora: LoraSettings
    half: bool
    recompute: str = "none"
    tokens: int = TOKENS
    stored: bool = False

    @property
    def unit(self) -> int:
        """Bytes of a number in matrix products."""
        return _HALF if self.half else _FULL


def kept_of_unet(how: Pass, size: tuple[int, int]) -> Kept:
    """Count what one picture of `size` (width and height in pixels) keeps in the U-Net."""
    width, height = size[0] // LATENT, size[1] // LATENT
    total = moment = once = once_moment = 0
    adapts = adapted_kinds(how.lora)
    learning = False  # nothing is kept before the first layer that is trained, nor where the U-Net is not
    for block in how.base.blocks:
        first, learning = not learning, learning or (how.lora.unet and block.kind in adapts)
        if learning:
            level = block.level
            positions = max(1, width >> level) * max(1, height >> level)
            kept = _COUNTS[block.kind](how, block, positions, first)
            extra = _of_type(how, block, positions) if block.kind in adapts else Kept(0)
            total += kept.picture + extra.picture
            moment = max(moment, kept.moment + extra.moment)
            once += extra.once
            once_moment = max(once_moment, extra.once_moment)
    return Kept(total, moment, once, once_moment)


def _of_type(how: Pass, block: Block, positions: int) -> Kept:
    """Count what other types keep beside a plain LoRA.

    DoRA keeps what a layer and its LoRA give, and the weights of linear layers; LoHa and LoKr make the
    whole change of every weight. What is computed again is there for a moment, one transformer block at a time.
    """
    if how.lora.type == "lora":
        return Kept(0)
    layers = [layer for layer in block.layers if layer.kernel <= 1 or trains_convolutions(how.lora)]
    stays = [layer for layer in layers if _stays(how, block, layer)]
    picture, once = _of_layers(how, stays, positions)
    all_pictures, all_once = _of_layers(how, layers, positions)
    parts = max(1, block.depth)
    return Kept(picture, (all_pictures - picture) // parts, once, (all_once - once) // parts)


# Copies of each weight and of each output that are kept, counted with full-size models (SD 1.5 and SDXL).
_WEIGHT_COPIES = {"dora": 1.3, "loha": 0.9, "lokr": 0.9}
_OUTPUT_COPIES = {("dora", True): 2.0, ("dora", False): 2.0, ("loha", True): 0.7, ("lokr", True): 0.7}


def _of_layers(how: Pass, layers: Sequence[Layer], positions: int) -> tuple[int, int]:
    """Count what layers keep of a picture, and of their weights."""
    kind, unit = how.lora.type, how.unit
    outputs = sum(layer.outputs * (positions if _of_image(layer) else how.tokens) for layer in layers)
    weights = sum(layer.weights for layer in layers if kind != "dora" or not layer.kernel)
    copies = _OUTPUT_COPIES.get((kind, how.half), 0.0)
    return int(copies * outputs * unit), int(_WEIGHT_COPIES[kind] * weights * unit)


def _stays(how: Pass, block: Block, layer: Layer) -> bool:
    """Whether a layer's part is kept, and not computed again."""
    if how.recompute == "full":
        return block.kind != "resnet" and ".transformer_blocks." not in layer.path
    return how.recompute == "none" or ".ff." not in layer.path


def _of_image(layer: Layer) -> bool:
    return not layer.path.endswith(("attn2.to_k", "attn2.to_v", "time_emb_proj"))


def kept_of_text(how: Pass) -> int:
    """Count what one caption keeps in the text encoders that are trained."""
    if not how.lora.text_encoder:
        return 0
    total = 0
    for layers, width in zip(how.base.text, how.base.text_widths, strict=True):
        depth = len(layers) // 6
        whole = how.tokens * width * (_TEXT_HALF if how.half else _TEXT_FULL)
        passed = how.tokens * width * how.unit
        total += depth * passed + whole if how.recompute == "full" else depth * whole
    return total


# Bytes per token and channel that a layer of CLIP-L keeps, counted in the same way; those with GELU keep less.
_TEXT_HALF, _TEXT_FULL = 50, 80


def _resnet(how: Pass, block: Block, positions: int, _first: bool) -> Kept:
    before, after = positions * block.inputs, positions * block.channels
    shortcut = block.inputs != block.channels
    if how.half:
        own = 0 if how.stored else before * (_HALF + _HALF * shortcut) + after * _HALF
        whole = (before + after) * (_FULL + _FULL) + own
    else:
        whole = _FULL * (2 if how.stored else 3) * (before + after)
    whole += _lora_of(how, block, positions)
    return Kept(before * how.unit, whole) if how.recompute == "full" else Kept(whole, 0)


def _sampler(how: Pass, block: Block, positions: int, _first: bool) -> Kept:
    seen = positions * (4 if block.kind == "downsampler" else 1)  # the convolution makes the picture smaller
    own = 0 if how.stored else seen * block.channels * how.unit
    return Kept(own + _lora_of(how, block, positions), 0)


def _end(how: Pass, block: Block, positions: int, _first: bool) -> Kept:
    return Kept(positions * block.channels * (_FULL + _FULL + how.unit), 0)


def _lora_of(how: Pass, block: Block, positions: int) -> int:
    """Count what the LoRA of a convolutional block keeps beside the layers themselves."""
    if not trains_convolutions(how.lora):
        return 0
    inputs = sum(layer.inputs for layer in block.layers if layer.kernel) if how.half or how.stored else 0
    ranks = sum(rank_of(layer, how.lora, how.base.family) for layer in block.layers if layer.kernel)
    return positions * (inputs + ranks) * how.unit


def _attention(how: Pass, block: Block, positions: int, first: bool) -> Kept:
    one, feed_forward = _transformer_block(how, block, positions)
    around = _around(how, block, positions, first)
    passed = positions * block.channels
    if how.recompute == "full":
        return Kept(around + block.depth * passed * how.unit, one)
    if how.recompute == "selective":
        return Kept(around + block.depth * (one - feed_forward + passed * _FULL), feed_forward)
    return Kept(around + block.depth * one, 0)


def _around(how: Pass, block: Block, positions: int, first: bool) -> int:
    """Count the norm and the two projections around the transformer blocks."""
    convolution = block.layers[0].kernel == 1 and not how.stored  # it keeps its input for itself too
    whole = positions * block.channels
    ranks = 2 * positions * rank_of(block.layers[0], how.lora, how.base.family) * how.unit
    if not how.half:
        return whole * _FULL * (2 if first else 3) + ranks
    norm = 0 if first else whole * _FULL
    copies = (2 * convolution - (first and convolution)) + 2
    return norm + whole * _HALF * copies + ranks


def _transformer_block(how: Pass, block: Block, positions: int) -> tuple[int, int]:
    """Count one transformer block, and its feed-forward layer alone."""
    channels, unit = block.channels, how.unit
    whole, rank = positions * channels, positions * rank_of(block.layers[0], how.lora, how.base.family)
    of_text = 2 * block.context * how.half + 2 * channels + 2 * rank_of(block.layers[0], how.lora, how.base.family)
    text = how.tokens * of_text * unit
    sums = 2 * positions * how.base.heads[min(block.level, len(how.base.heads) - 1)] * _FULL
    norms = 3 * (whole + 2 * positions) * _FULL
    # Inputs of q, k, v, out and q, out are copies under autocast; in fp32 q, k and v share the norm's output.
    attention = (6 + 6) if how.half else (2 + 6)
    feed_forward = (1 + 8 + 4 + 4) * whole * unit + 2 * rank * unit
    return norms + attention * whole * unit + 6 * rank * unit + text + sums + feed_forward, feed_forward


_Count = Callable[[Pass, Block, int, bool], Kept]
_COUNTS: dict[str, _Count] = {
    "resnet": _resnet,
    "attention": _attention,
    "downsampler": _sampler,
    "upsampler": _sampler,
    "other": _end,
}


def largest(sizes: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return the size of the largest area."""
    return max(sizes, key=lambda size: size[0] * size[1])
