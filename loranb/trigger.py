"""Look at a trigger word before training: whether the base model knows it, and what it draws for it.

A word that the base model knows brings its own pictures along, and training has to work against them; a
made-up word brings nearly none. A known name can be a choice all the same: where it means what the pictures
show, training starts from there.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loranb import clip
from loranb.clip.embeddings import words_of
from loranb.dataset.progress import Progress, silent
from loranb.errors import DatasetError, ModelError
from loranb.files import free_name

Kind = Literal["spelled", "rare", "known"]

# Entries of CLIP's vocabulary are numbered by how often they were met when it was made: from here on the rarest,
# such as sks (48,136) and ohwx (47,993), which are often used as trigger words. Where that begins is assumed.
RARE = 47_000
SEEDS = (1, 2)  # pictures drawn for each prompt
STEPS = 20
GOES_ON = "·"  # after a piece of a word that is not its last
LONG = 5  # letters, with the mark, of a piece that may mean something by itself: lisa in lisaxl

_ADVICE = {
    "spelled": "The base model's vocabulary does not hold it as a word, so that it is spelled in pieces. Made up, such "
    "a word is the safest: it is learned from your pictures alone. If it is a real word or a name, the base model may "
    "know it all the same: draw it to see.",
    "rare": "The base model has met this word, but seldom. Such words are often used; draw what it makes of it, since "
    "some do mean something.",
    "known": "The base model knows this, and draws something of its own for it. If that is far from your pictures, "
    "don't fight the model: choose a made-up word, such as mokuba. If it is close to them, or if it is the name of "
    "just what they show, it can be a choice: training then starts from what the model knows, and needs less. But "
    "the LoRA also changes what else the word is used for.",
}


@dataclass(frozen=True)
class TriggerReport:
    """What is known of a trigger word.

    Args:
        word: as it stands in captions.
        pieces: the tokens that it falls into; ``·`` stands where a word goes on with the next.
        kind: ``known``, where the vocabulary holds it or each word of it; ``rare``, where one is seldom met;
            ``spelled``, where it is none of its words.
        nearest: common words whose embeddings are most like its own, and how much (1 is the same).
        base: the base model that was looked into; blank where none could be.
        note: why none could be looked into; else blank.
        remarks: what else is to be said of it, a sentence each.
    """

    word: str
    pieces: tuple[str, ...]
    kind: Kind
    nearest: tuple[tuple[str, float], ...] = ()
    base: str = ""
    note: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """What to make of it."""
        return " ".join([_ADVICE[self.kind], *self.remarks])

    def __str__(self) -> str:
        """Say all of it, in a few lines."""
        count = "1 token" if len(self.pieces) == 1 else f"{len(self.pieces)} tokens"
        near = ", ".join(f"{word} {likeness:.2f}" for word, likeness in self.nearest)
        lines = [f"{self.word}: {count} ({' '.join(self.pieces)}).", self.advice]
        return "\n".join(
            [*lines, *([f"Nearest words of {self.base}: {near}."] if near else []), *filter(None, [self.note])]
        )


def examine(word: str, base: Path | str | None = None) -> TriggerReport:
    """Say what a base model knows of a word, without loading it.

    Args:
        word: the trigger word, or several words.
        base: a diffusers folder, a .safetensors file, a hub id, or "demo"; where it is not on the disk, the
            word is judged by CLIP's vocabulary alone.

    Raises:
        DatasetError: there is no word, or it could be no tag.
    """
    tidy = " ".join(word.split())
    if not tidy or "," in tidy or not any(letter.isalnum() for letter in tidy):
        raise DatasetError(f"trigger = {word!r}; give one word, or several without a comma, such as mokuba.")
    words, note = None, ""
    try:
        words = words_of(str(base)) if base else None
    except ModelError as error:
        note = str(error)
    tokenizer = words.tokenizer if words else clip.tokenizer()
    encoded = tokenizer.encode(tidy, add_special_tokens=False)
    pieces = _pieces(tidy, encoded.tokens, encoded.offsets)
    return TriggerReport(
        tidy,
        pieces,
        _kind(encoded.tokens, encoded.ids, tokenizer.get_vocab_size()),
        tuple(words.nearest(tidy)) if words else (),
        words.base if words else "",
        note,
        tuple(_remarks(tidy, pieces)),
    )


def draw(
    word: str, class_word: str, base: str, out: Path, progress: Progress = silent, steps: int = STEPS
) -> list[Path]:
    """Draw what a base model makes of a word as it is: the word alone, with its class, and the class alone.

    Each prompt is drawn with the same seeds, so that pictures side by side tell what the word does.

    Args:
        word: the trigger word.
        class_word: what kind of thing it is; may be blank.
        base: a diffusers folder, a .safetensors file, a hub id, or "demo".
        out: the folder for the pictures.
        progress: told how many are drawn; an exception raised in it stops the work.
        steps: of the sampler.

    Returns:
        The pictures' files; each says in itself how it was drawn.

    Raises:
        DatasetError: there is no word.
        ModelError: the base model cannot be found or read.
    """
    from loranb.generate.pictures import Generator, save_picture
    from loranb.generate.prompt import SamplePrompt

    word, class_word = examine(word).word, " ".join(class_word.split())
    prompts = dict.fromkeys(filter(None, [word, f"{word}, {class_word}" if class_word else "", class_word]))
    generator = Generator.open(base)
    side = generator.model.unet.config.sample_size * 8  # latents are an eighth of a picture
    total, files = len(prompts) * len(SEEDS), []
    for prompt in prompts:
        for seed in SEEDS:
            progress(len(files), total, f"Drawing {prompt}")
            request = SamplePrompt(prompt, width=side, height=side, steps=steps, seed=seed)
            file = free_name(out / f"{_file_name(prompt)}_{seed}.png")
            save_picture(generator.draw(request), file, request, generator.model.name)
            files.append(file)
    progress(total, total, "Drawn")
    return files


def _pieces(word: str, tokens: list[str], offsets: list[tuple[int, int]]) -> tuple[str, ...]:
    """Write tokens as parts of the word; a letter that is spelled in several bytes stands once."""
    pieces: dict[tuple[int, int], str] = {}
    for token, (start, end) in zip(tokens, offsets, strict=True):
        pieces[start, end] = word[start:end] + ("" if token.endswith(clip.WORD_END) else GOES_ON)
    return tuple(pieces.values())


def _kind(tokens: list[str], numbers: list[int], entries: int) -> Kind:
    """Judge a word by its tokens: a word that is one token was met often enough to get it."""
    if not all(token.endswith(clip.WORD_END) for token in tokens):
        return "spelled"
    full = entries == clip.tokenizer().get_vocab_size()  # a small vocabulary of its own has no rare words
    return "rare" if full and any(number >= RARE for number in numbers) else "known"


def _remarks(word: str, pieces: tuple[str, ...]) -> list[str]:
    said = []
    if "_" in word:
        said.append("Each underscore is a token of its own; write it as one word, or with spaces.")
    if len(word.split()) > 1:
        said.append("It is several words, and each brings what it means by itself.")
    inside = next((piece.strip(GOES_ON) for piece in pieces if piece.endswith(GOES_ON) and len(piece) >= LONG), "")
    if inside:
        said.append(f"It holds {inside!r}, which may shine through a little; that seldom does harm.")
    return said


def _file_name(prompt: str) -> str:
    plain = "".join(letter if letter.isalnum() else "_" for letter in prompt)
    return "_".join(filter(None, plain.split("_")))[:60]
