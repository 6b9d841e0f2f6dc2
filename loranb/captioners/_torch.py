"""What the captioners that run on PyTorch share: loading, batches, half precision, sampling, freeing."""

import gc
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from loranb.captioners import Said
from loranb.captioners._hub import Layout, brief
from loranb.errors import CaptionerError

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "fp32", "fp16", "bf16"]
PRECISION_HELP = "Number format. auto is half precision on a GPU (bf16 where it has it, else fp16), fp32 without one."
BATCH_HELP = "How many pictures are looked at together. Lower needs less GPU memory, higher is faster on a large GPU."
SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")  # configuration, tokenizer and chat template


def layout(what: str, usual: str) -> Layout:
    """Describe a model in transformers' layout; safetensors are taken before pickled weights."""
    weights = ("model*.safetensors", "pytorch_model*.bin")
    return Layout(what, ("config.json",), tuple((*SETTINGS, pattern) for pattern in weights), weights, usual)


class Speaker:
    """A captioner that says sentences; `Captioner` for whatever model is behind `say`.

    Args:
        model: the model; held here alone, so that `close` frees it.
        processor: turns pictures and words into the model's input, and its output into words.
        batch: how many pictures are looked at together.
        say: called with model, processor and at most `batch` RGB pictures; returns a sentence for each.
    """

    kind: Literal["sentence"] = "sentence"

    def __init__(self, model: Any, processor: Any, batch: int, say: Callable[[Any, Any, list[Image.Image]], list[str]]):
        self.model, self.processor, self.batch, self._say = model, processor, batch, say

    def look(self, pictures: Sequence[Image.Image]) -> list[Said]:
        """Say a sentence about each picture."""
        if self.model is None:
            raise CaptionerError("This captioner is closed; load it again.")
        opaque = [on_white(picture) for picture in pictures]
        sentences: list[str] = []
        while len(sentences) < len(opaque):  # the batch may shrink on the way
            sentences += self._speak(opaque[len(sentences) : len(sentences) + self.batch])
        return [Said((" ".join(sentence.split()),)) for sentence in sentences]

    def _speak(self, pictures: list[Image.Image]) -> list[str]:
        """Say sentences; where GPU memory does not do for all pictures together, for one half after the other."""
        import torch

        try:
            with torch.inference_mode():
                return self._say(self.model, self.processor, pictures)
        except torch.OutOfMemoryError as error:
            if len(pictures) == 1:
                raise CaptionerError(
                    "GPU memory does not do for this captioner, even with one picture at a time. Close what else "
                    "uses the GPU (another notebook, a training run), or choose a smaller model."
                ) from error
        free_memory()
        self.batch = half = len(pictures) // 2
        return self._speak(pictures[:half]) + self._speak(pictures[half:])

    def close(self) -> None:
        """Let go of the weights and give GPU memory back."""
        self.model = self.processor = None
        free_memory()


def free_memory() -> None:
    """Give the GPU memory back that nothing refers to."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def load_model(kind: str, place: Path, precision: Precision) -> Any:
    """Load a model of transformers onto the GPU if there is one.

    Args:
        kind: name of its class in transformers.
        place: folder of its files.
        precision: number format of its weights.

    Raises:
        CaptionerError: the files are damaged, or are those of another model.
    """
    import transformers

    device, dtype = _place_and_format(precision)
    try:
        model, found = getattr(transformers, kind).from_pretrained(
            place, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    except Exception as error:  # whatever a damaged or foreign file leads to
        raise CaptionerError(f"{place} cannot be loaded as {kind}: {brief(error)}. Download it again.") from error
    if found["missing_keys"] or found.get("mismatched_keys"):  # they would be random numbers, and so the captions
        name = sorted(map(str, found["missing_keys"] or found["mismatched_keys"]))[0]
        raise CaptionerError(
            f"The weights in {place} do not fit {kind}: {name} is missing or of another shape. Take a version of the "
            "model that was made for transformers."
        )
    try:
        return model.eval().requires_grad_(False).to(device)
    except Exception as error:  # torch.OutOfMemoryError, and the driver's own
        raise CaptionerError(
            f"{place} does not fit on the GPU: {brief(error)}. Close what else uses it, or choose a smaller model."
        ) from error


def load_processor(place: Path) -> Any:
    """Load the processor that came with a model; it resizes with Pillow, whether torchvision is there or not.

    Raises:
        CaptionerError: its files are missing or damaged, or it needs a library that is not installed.
    """
    import transformers

    try:
        processor = transformers.AutoProcessor.from_pretrained(place, local_files_only=True)
        if importlib.util.find_spec("torchvision"):
            # it rounds and smooths otherwise than Pillow, with which these models were published
            processor.image_processor = transformers.AutoImageProcessor.from_pretrained(
                place, local_files_only=True, backend="pil"
            )
    except Exception as error:  # ImportError, or what transformers makes of it; else whatever a damaged file leads to
        if isinstance(error, ImportError) or "torchvision" in str(error).lower():
            raise CaptionerError(
                f"The model in {place} needs a library that is not installed: {brief(error)}. Install it (torchvision "
                "in the version that goes with the torch that is here) or a newer transformers, or choose another "
                "model."
            ) from error
        raise CaptionerError(
            f"The processor in {place} cannot be loaded: {brief(error)}. The folder must hold the tokenizer's files "
            "and preprocessor_config.json or processor_config.json; download it again."
        ) from error
    return processor


def _place_and_format(precision: Precision) -> "tuple[torch.device, torch.dtype]":
    from loranb.device import pick_device, pick_dtype
    from loranb.errors import SettingsError

    device = pick_device()
    try:
        return device, pick_dtype(precision, device)
    except SettingsError as error:
        raise CaptionerError(
            f"precision = {precision!r} needs a GPU, and there is none; choose auto, fp32 or bf16."
        ) from error


def on_white(picture: Image.Image) -> Image.Image:
    """Make a picture RGB; what is transparent becomes white."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    canvas = Image.new("RGBA", picture.size, "white")
    canvas.alpha_composite(picture.convert("RGBA"))
    return canvas.convert("RGB")


def nucleus(top_p: float, seed: int) -> list[Any]:
    """Return logits processors that make a greedy search draw from the likeliest tokens instead.

    Adding Gumbel noise to log-probabilities and taking the largest draws from their distribution. The noise comes
    from a generator of its own and is the same for every picture, so that what is said of a picture depends on the
    seed alone: not on the pictures beside it, and not on how often a run was stopped.

    Args:
        top_p: the smallest set of tokens whose probabilities add up to this is drawn from.
        seed: another one draws other words.

    Source: Maddison et al., "A* Sampling" (arXiv:1411.0030), section 2 (the Gumbel-Max trick); Holtzman et al.,
    "The Curious Case of Neural Text Degeneration" (arXiv:1904.09751) for the nucleus.
    """
    import torch
    from transformers import LogitsProcessor, TopPLogitsWarper

    class Gumbel(LogitsProcessor):
        def __init__(self) -> None:
            self.generator = torch.Generator().manual_seed(seed)

        def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":  # noqa: ARG002
            uniform = torch.rand(scores.shape[-1], generator=self.generator, dtype=torch.float64)
            noise = -torch.log(-torch.log(uniform.clamp_min(torch.finfo(torch.float64).tiny)))
            return scores.log_softmax(-1) + noise.to(scores)

    return [TopPLogitsWarper(top_p), Gumbel()]
