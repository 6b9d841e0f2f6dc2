"""What a base model makes of words before any training: the token embeddings of its first text encoder.

Only that one table is read from the base model's file, and no torch is loaded for it unless it is in bf16.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from loranb import clip
from loranb.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

COMMON = 30_000  # entries of CLIP's vocabulary, by rank, whose words count as common (assumed)
LEAST_LETTERS = 3  # of a common word; shorter ones are mostly pieces
_TABLE = "token_embedding.weight"
_FILES = ("model.safetensors", "model.fp16.safetensors")


@dataclass(frozen=True)
class Words:
    """The vocabulary of a base model.

    Args:
        base: what the base model is called.
        tokenizer: which gives tokens their numbers.
        table: an embedding for each token; shape (tokens, width), fp32.
    """

    base: str
    tokenizer: "Tokenizer" = field(repr=False)
    table: np.ndarray = field(repr=False)

    def nearest(self, word: str, count: int = 5) -> list[tuple[str, float]]:
        """List the common words whose embeddings are most like a word's, the most like first.

        Args:
            word: of one or more tokens; of several the mean is taken.
            count: how many.

        Returns:
            Words with their cosine similarity: 1 is the same, 0 is nothing in common.
        """
        own = self.tokenizer.encode(word, add_special_tokens=False).ids
        mean = self.table[own].mean(0)
        others = [number for number in self._common if number not in own]
        rows = self.table[others]
        scale = np.linalg.norm(rows, axis=1) * np.linalg.norm(mean)
        likeness = rows @ mean / np.where(scale > 0, scale, 1)
        best = np.argsort(-likeness, kind="stable")[:count]
        return [(self._common[others[place]], float(likeness[place])) for place in best]

    @property
    def _common(self) -> dict[int, str]:
        entries = ((number, token.removesuffix(clip.WORD_END)) for token, number in self._ends())
        return {n: word for n, word in entries if n < COMMON and word.isalpha() and len(word) >= LEAST_LETTERS}

    def _ends(self) -> Iterable[tuple[str, int]]:
        return ((t, n) for t, n in self.tokenizer.get_vocab().items() if t.endswith(clip.WORD_END))


def words_of(base: str) -> Words:
    """Read the vocabulary of a base model that lies on this machine; nothing is downloaded.

    Args:
        base: a diffusers folder, a .safetensors file, a hub id whose files are in the cache, or "demo".

    Raises:
        ModelError: there is none, or no text encoder of CLIP's kind is in it; says why.
    """
    from loranb import families

    source = Path(_on_disk(families.locate(base)))
    file = source if source.is_file() else _encoder_file(source)
    if file.suffix != ".safetensors":
        raise ModelError(f"{file.name} is no safetensors file, and only those are looked into. Use that format.")
    table = _table(file)
    tokenizer = _tokenizer(source, len(table))
    return Words(Path(base).name, tokenizer, table)


def _on_disk(source: str) -> str:
    if Path(source).exists():
        return source
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(source, "model_index.json")
    if not isinstance(found, str):
        raise ModelError(
            f"{source} has not been downloaded yet, so that its embeddings cannot be compared. The first training or "
            "drawing fetches it; ask again then."
        )
    return str(Path(found).parent)


def _encoder_file(folder: Path) -> Path:
    files = [folder / "text_encoder" / name for name in _FILES]
    found = next((file for file in files if file.exists()), None)
    if found is None:
        raise ModelError(f"There is no {_FILES[0]} in {folder / 'text_encoder'}, whose embeddings could be compared.")
    return found


def _table(file: Path) -> np.ndarray:
    """Read the table of the first text encoder in a file; shape (tokens, width), fp32."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "np") as tensors:
            key = min((key for key in tensors.keys() if key.endswith(_TABLE)), default="")  # noqa: SIM118  no dict
            if not key:
                raise ModelError(f"{file.name} holds no CLIP text encoder, whose embeddings could be compared.")
            if tensors.get_slice(key).get_dtype() != "BF16":
                return tensors.get_tensor(key).astype(np.float32)
        with safe_open(file, "pt") as tensors:  # numpy has no bf16
            return tensors.get_tensor(key).float().numpy()
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file} cannot be read: {error}. It was perhaps cut off; get it again.") from error


def _tokenizer(source: Path, entries: int) -> "Tokenizer":
    """Return the tokenizer that a base model brings, else CLIP's where it has as many entries."""
    from tokenizers import Tokenizer

    with contextlib.suppress(Exception):  # the library raises plain exceptions: no such file, not its format
        return Tokenizer.from_file(str(source / "tokenizer" / "tokenizer.json"))
    if entries != clip.tokenizer().get_vocab_size():
        raise ModelError(
            f"{source.name} has a vocabulary of its own ({entries:,} entries) and no tokenizer.json for it."
        )
    return clip.tokenizer()
