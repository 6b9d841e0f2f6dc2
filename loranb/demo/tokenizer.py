"""The demo model's tokenizer: CLIP's byte-level BPE with a small vocabulary of its own.

It knows the words of the scenes and some hundred common ones as single tokens, and spells any
other text byte by byte, as CLIP's does; so any caption in any language can be tokenised.
"""

import json
import tempfile
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Whitespace
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

from loranb.demo.scenes import COLOURS, GROUNDS, OBJECTS, TIMES

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
COMMON = """
a an the of in on at by with and or to from for under over near behind front side back small big large little tall
old new bright dark light soft sharp clear warm cold picture photo photograph drawing painting illustration sketch
image style colour color background view scene landscape city town street building tower wall window door roof stone
wood flag gate bridge road river lake sea beach mountain hill forest field garden flower sky cloud sun moon star
morning evening rain man woman girl boy person people face hair eyes hand cat dog bird horse animal toy cartoon
vase teapot cup table chair room high quality best detailed realistic blurry low bad worst medieval one two three
""".split()  # noqa: SIM905  a list of 130 quoted words would be harder to read


def build_tokenizer() -> CLIPTokenizer:
    """Make the tokenizer; the same every time."""
    words = list(dict.fromkeys([*OBJECTS, *COLOURS, *GROUNDS, *TIMES, *COMMON]))
    merges = _learn_merges(words)
    bytes_ = sorted(ByteLevel.alphabet())
    pieces = ["".join(merge.split(" ")) for merge in merges]
    tokens = [*bytes_, *(symbol + WORD_END for symbol in bytes_), *pieces, START, END]
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    with tempfile.TemporaryDirectory() as folder:
        vocab_file, merges_file = Path(folder, "vocab.json"), Path(folder, "merges.txt")
        vocab_file.write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
        merges_file.write_text("\n".join(["#version: 0.2", *merges]) + "\n", encoding="utf-8")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=77, pad_token=END)


def _learn_merges(words: list[str]) -> list[str]:
    """Learn byte pairs until each of `words` is a single token.

    The words come in falling frequency, so that no two pairs are equally common and the order in
    which they are merged is the same on every machine.
    """
    tokenizer = Tokenizer(BPE(end_of_word_suffix=WORD_END))
    tokenizer.pre_tokenizer = Whitespace()
    trainer = BpeTrainer(vocab_size=4096, min_frequency=1, end_of_word_suffix=WORD_END, show_progress=False)
    tokenizer.train_from_iterator((" ".join([word] * (len(words) - i)) for i, word in enumerate(words)), trainer)
    return [" ".join(merge) for merge in json.loads(tokenizer.to_str())["model"]["merges"]]
