"""The CLIP tokenizer of Stable Diffusion: how many tokens a caption has, which, and where it is cut.

All text encoders of SD 1.x, 2.x and SDXL use this one vocabulary. It comes as package data (MIT, from
open_clip; see LICENSE), so that tokens can be counted where no base model lies on the disk.

A text encoder reads 75 tokens at a time, besides the two that mark start and end. What a caption has
beyond that is not learned, unless the trainer is told to read two or three such pieces (150, 225).
"""

import functools
import gzip
import importlib.resources
import re
from itertools import islice
from typing import TYPE_CHECKING

from loranb.errors import SettingsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LIMITS = (75, 150, 225)  # tokens of a caption that are read: one, two or three times 77, less start and end
START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2  # of the file's lines, those that the models were trained with

# Source: https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py
_WORDS = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"  # as \p knows them
)
_WEIGHTS = re.compile(r"\\[()\[\]\\]|:\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*\)|[()\[\]]")


@functools.cache
def tokenizer() -> "Tokenizer":
    """Return the tokenizer, made once: 49,408 entries, the last two for start and end.

    It lower-cases, takes any whitespace for a space, and does not add start and end.
    """
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import BPE

    model = BPE(
        vocab=vocabulary(),
        merges=merges(),
        continuing_subword_prefix="",
        end_of_word_suffix=WORD_END,
        unk_token=END,
    )
    made = Tokenizer(model)
    made.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    made.add_special_tokens([START, END])
    return made


@functools.lru_cache(maxsize=2**13)  # the captions of a project, which are counted again after each edit of one
def count(text: str, weights: bool = False) -> int:
    """Count the tokens of a text, without start and end.

    Args:
        text: a caption or a prompt.
        weights: leave out the brackets and numbers of ``(tag:1.2)`` and ``[tag]``, which are not read as
            text where weighted captions are trained on.
    """
    return len(tokenizer().encode(_unweighted(text)[0] if weights else text, add_special_tokens=False))


def tokens(text: str) -> list[str]:
    """List the tokens of a text as the vocabulary writes them; ``</w>`` stands at the end of a word.

    ``lisaxl`` gives ``lisa`` and ``xl</w>``. Letters outside ASCII are spelled in stand-ins for their bytes.
    """
    return tokenizer().encode(text, add_special_tokens=False).tokens


def cut(text: str, limit: int = LIMITS[0], weights: bool = False) -> tuple[str, str]:
    """Split a text where a text encoder stops reading.

    Args:
        text: a caption or a prompt.
        limit: tokens that are read; one of `LIMITS`.
        weights: as for `count`.

    Returns:
        What is read and what is cut off, which put together are the text; nothing is cut off where it fits.
        A letter of several bytes that is read in part belongs to what is cut off.

    Raises:
        SettingsError: there is no such limit.
    """
    check_limit(limit)
    plain, places = _unweighted(text) if weights else (text, range(len(text)))
    offsets = tokenizer().encode(plain, add_special_tokens=False).offsets
    if len(offsets) <= limit:
        return text, ""
    end = places[offsets[limit][0]]
    return text[:end], text[end:]


def check_limit(limit: int) -> int:
    """Return a limit as it is.

    Raises:
        SettingsError: it is none of `LIMITS`.
    """
    if limit not in LIMITS:
        raise SettingsError([f"limit = {limit!r}; text encoders read 75 tokens at a time: give 75, 150 or 225."])
    return limit


@functools.cache
def vocabulary() -> dict[str, int]:
    """Return the number of each token."""
    bytes_ = _bytes()
    pieces = [*bytes_, *(byte + WORD_END for byte in bytes_), *("".join(merge) for merge in merges()), START, END]
    return {piece: number for number, piece in enumerate(pieces)}


@functools.cache
def merges() -> list[tuple[str, str]]:
    """Read the pairs that are merged, the first learned first."""
    packed = importlib.resources.files(__name__).joinpath(VOCABULARY).read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").split("\n")
    return [(left, right) for left, right in (line.split() for line in islice(lines, 1, 1 + MERGES))]


def _bytes() -> list[str]:
    """List the letters that stand for the 256 bytes, in the vocabulary's order.

    Printable bytes stand for themselves and come first; the others get the letters from U+0100 on.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = 256 - len(printable)
    return [chr(byte) for byte in printable] + [chr(256 + number) for number in range(others)]


def _unweighted(text: str) -> tuple[str, list[int]]:
    r"""Take the syntax of weights out, and say where in the text each letter that is left stands.

    ``(red:1.2) [hat] \(cap\)`` leaves ``red hat (cap)``, as in the A1111 web UI. A closing bracket that
    nothing was opened for is text.
    """
    left: list[tuple[str, int]] = []
    open_: list[str] = []
    at = 0
    for match in _WEIGHTS.finditer(text):
        said = match[0]
        left += [(text[place], place) for place in range(at, match.start())]
        at = match.end()
        pair = {")": "(", "]": "["}.get(said[-1], "")
        if said[0] == "\\":
            left.append((said[1], match.start() + 1))
        elif said in "([":
            open_.append(said)
        elif pair in open_:
            open_.remove(pair)
        else:
            left += [(letter, match.start() + place) for place, letter in enumerate(said)]
    left += [(text[place], place) for place in range(at, len(text))]
    return "".join(letter for letter, _ in left), [place for _, place in left]
