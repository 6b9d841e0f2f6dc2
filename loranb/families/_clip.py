"""Encode captions with a CLIP text model, as all U-Net families do.

A CLIP text model reads 75 tokens at a time, besides the two that mark start and end. Longer captions are read in
two or three such pieces, each with a start and an end of its own; of the results the first start, the words of all
pieces and the last end are put together, as in kohya's trainer.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from loranb.clip import LIMITS
from loranb.clip.weights import Weighted, weighted
from loranb.families import PLAIN, Reading

PIECE = 75  # tokens that are read at a time


class Encoded(NamedTuple):
    """What a CLIP text model says of B texts."""

    hidden: Tensor  # (B, 77, width); (B, 152, width) for 150 tokens, (B, 227, width) for 225
    pooled: Tensor | None  # (B, projection); None for a text model without a projection


def encode_clip(
    text_encoder: Any,
    tokenizer: Any,
    texts: list[str],
    layer: int = 1,
    norm: bool = True,
    reading: Reading = PLAIN,
) -> Encoded:
    """Encode texts.

    Args:
        text_encoder: CLIPTextModel, or CLIPTextModelWithProjection.
        tokenizer: its CLIPTokenizer; it knows what short texts are filled up with.
        texts: B captions.
        layer: which hidden states are read: 1 those of the last layer, 2 of the one before it, and so on.
        norm: whether the final layer norm is put on them. The pooled embedding always comes from the last layer
            after the norm, at the first token that ends the text, of the first piece.
        reading: how many tokens are read, and whether weights are.
    """
    read = [_tokens(tokenizer, text, reading) for text in texts]
    ids = torch.cat([_pieces(tokenizer, words, reading.tokens) for words, _ in read])  # (B n, 77)
    said = text_encoder(ids.to(text_encoder.device), output_hidden_states=True)
    hidden = said.hidden_states[-layer]
    if norm:
        inner = getattr(text_encoder, "text_model", text_encoder)  # transformers 5 took a level away
        hidden = said.last_hidden_state if layer == 1 else inner.final_layer_norm(hidden)
    hidden = _put_together(hidden.unflatten(0, (len(texts), -1)))
    if reading.weighted:
        hidden = _weigh(hidden, [weights for _, weights in read])
    pooled = getattr(said, "text_embeds", None)
    return Encoded(hidden, None if pooled is None else pooled.unflatten(0, (len(texts), -1))[:, 0])


def reading_of_prompts(tokenizers: Iterable[Any], prompts: Sequence[str]) -> Reading:
    """Say how prompts are read, as in the web UIs: with weights, and to the end of the longest, at most 225 tokens."""
    most = Reading(LIMITS[-1], weighted=True)
    longest = max(len(_tokens(tokenizer, prompt, most)[0]) for tokenizer in tokenizers for prompt in prompts)
    return most._replace(tokens=next(limit for limit in LIMITS if longest <= limit))


def _tokens(tokenizer: Any, text: str, reading: Reading) -> tuple[list[int], list[float]]:
    """Return the tokens of a text, as many as are read, and the weight of each."""
    ids: list[int] = []
    weights: list[float] = []
    for piece in weighted(text) if reading.weighted else [Weighted(text, 1.0)]:
        words = tokenizer(piece.text, add_special_tokens=False, truncation=True, max_length=reading.tokens)["input_ids"]
        ids += words
        weights += [piece.weight] * len(words)
    return ids[: reading.tokens], weights[: reading.tokens]


def _pieces(tokenizer: Any, ids: list[int], tokens: int) -> Tensor:
    """Cut tokens into pieces, each with start and end, filled up; (n, 77)."""
    rows = []
    for start in range(0, tokens, PIECE):
        row = [tokenizer.bos_token_id, *ids[start : start + PIECE], tokenizer.eos_token_id]
        rows.append(row + [tokenizer.pad_token_id] * (PIECE + 2 - len(row)))
    return torch.tensor(rows)


def _put_together(hidden: Tensor) -> Tensor:
    """Leave out the starts and ends between pieces: (B, n, 77, width) becomes (B, 75 n + 2, width)."""
    words = hidden[:, :, 1:-1].flatten(1, 2)
    return torch.cat([hidden[:, 0, :1], words, hidden[:, -1, -1:]], dim=1)


def _weigh(hidden: Tensor, weights: list[list[float]]) -> Tensor:
    """Multiply the hidden states of weighted words by their weights, as kohya's trainer does."""
    factors = torch.ones(hidden.shape[:2])
    for row, words in zip(factors, weights, strict=True):
        row[1 : 1 + len(words)] = torch.tensor(words)
    return hidden * factors[:, :, None].to(hidden)
