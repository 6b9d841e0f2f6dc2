"""CLIP's tokenizer as transformers has it, made from the vocabulary that comes with loranb."""

from transformers import CLIPTokenizer

from loranb import clip

LENGTH = 77  # tokens of a text with start and end


def clip_tokenizer(pad: str = clip.END) -> CLIPTokenizer:
    """Make the tokenizer of a text encoder.

    Args:
        pad: the token that short texts are filled up with: the end of a text for SD 1.x and the first text
            encoder of SDXL, ``!`` (number 0) for those from OpenCLIP.
    """
    return CLIPTokenizer(clip.vocabulary(), clip.merges(), pad_token=pad, model_max_length=LENGTH)
