"""Encode captions with a CLIP text model, as all U-Net families do."""

from typing import Any, NamedTuple

from torch import Tensor


class Encoded(NamedTuple):
    """What a CLIP text model says of B texts."""

    hidden: Tensor  # (B, 77, width)
    pooled: Tensor | None  # (B, projection); None for a text model without a projection


def encode_clip(text_encoder: Any, tokenizer: Any, texts: list[str], layer: int = 1, norm: bool = True) -> Encoded:
    """Encode texts, each cut at 75 tokens.

    Args:
        text_encoder: CLIPTextModel, or CLIPTextModelWithProjection.
        tokenizer: its CLIPTokenizer; it knows what short texts are filled up with.
        texts: B captions.
        layer: which hidden states are read: 1 those of the last layer, 2 of the one before it, and so on.
        norm: whether the final layer norm is put on them. The pooled embedding always comes from the last layer
            after the norm, at the first token that ends the text.
    """
    words = tokenizer(
        texts, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    said = text_encoder(words.input_ids.to(text_encoder.device), output_hidden_states=True)
    hidden = said.hidden_states[-layer]
    if norm:
        inner = getattr(text_encoder, "text_model", text_encoder)  # transformers 5 took a level away
        hidden = said.last_hidden_state if layer == 1 else inner.final_layer_norm(hidden)
    return Encoded(hidden, getattr(said, "text_embeds", None))
