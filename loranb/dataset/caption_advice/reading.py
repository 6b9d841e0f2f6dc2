"""Captions as the rules read them: by subject, with the trigger word and the class that belong to it."""

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from loranb import clip
from loranb.dataset import tagging

# what taggers begin with; common as it is, it is no trigger
_GENERAL = frozenset(
    {"1girl", "1boy", "1other", "solo", "no humans", "photo", "a photo", "photograph", "realistic", "masterpiece"}
    | {"best quality", "multiple girls", "multiple boys", "2girls", "2boys", "monochrome", "photo (medium)"}
    | {"general", "sensitive", "scenery", "man", "woman", "girl", "boy", "person"}
)
_OFTEN = 0.5  # share of captions that begin with a word for it to be the trigger (assumed)
_SOME = 1 / 3  # the same, of a word that is the folder's too
_MOSTLY = 0.8  # the same, of a tag that stands second, for it to be the class
_LEAST = 2  # captions


class Words(NamedTuple):
    """What a caption is made of."""

    every: tuple[str, ...]  # names of all tags, sentences among them
    spellings: tuple[str, ...]  # of tags as they are written, without weights and without sentences
    names: tuple[str, ...]  # of the same, for comparing
    first: str  # the tag that it begins with; blank where that is a sentence
    is_sentence: bool  # whether it says something in sentences, wholly or in part
    plain: str  # all of it, for looking words up


@dataclass(frozen=True)
class Read:
    """A caption that is not empty.

    Args:
        picture: whose.
        text: as it stands.
        words: what it is made of.
    """

    picture: Path
    text: str
    words: Words

    @property
    def spellings(self) -> tuple[str, ...]:
        """Its tags as they are written, without weights and without sentences."""
        return self.words.spellings

    @property
    def names(self) -> tuple[str, ...]:
        """What those are called, for comparing."""
        return self.words.names

    def begins_with(self, words: str) -> bool:
        """Whether it begins with a word or several: as a tag of their own, or as the first words of one."""
        return bool(self.words.every and _pattern(words).match(self.words.every[0]))

    def says(self, words: str) -> bool:
        """Whether a word or several stand in it, wherever."""
        return bool(_pattern(words).search(self.words.plain))


@dataclass(frozen=True)
class Group:
    """The captions of a subject.

    Args:
        words: of its folder, such as "medieval city".
        captions: those that are not empty.
        trigger: the word that is to call it; blank where none is known.
        class_word: the kind of thing that it is; blank where none is known.
    """

    words: str
    captions: tuple[Read, ...]
    trigger: str = ""
    class_word: str = ""

    @property
    def own(self) -> set[str]:
        """Names of tags that belong in every caption: trigger and class, alone and together."""
        together = f"{self.trigger} {self.class_word}".strip()
        return {tagging.name(tag) for tag in (self.trigger, self.class_word, together) if tag}


def grouped(
    captions: Mapping[Path, str], subjects: Mapping[Path, str], trigger: str = "", class_word: str = ""
) -> list[Group]:
    """Sort captions by subject and find each subject's trigger and class, where they are not given.

    Args:
        captions: by their pictures; empty ones are left out.
        subjects: the words of each picture's subject.
        trigger: of all subjects.
        class_word: of all subjects.
    """
    of: dict[str, list[Read]] = {}
    for picture, text in captions.items():
        if text.strip():
            of.setdefault(subjects[picture], []).append(Read(picture, text, _words(text)))
    found = []
    for words, read in of.items():
        word = " ".join(trigger.split()) or _trigger(words, read)
        found.append(Group(words, tuple(read), word, " ".join(class_word.split()) or _class(words, word, read)))
    return found


def _trigger(words: str, read: Sequence[Read]) -> str:
    """Infer a subject's trigger from the words of its folder and from what its captions begin with."""
    first = words.split()[0] if words.split() else ""
    for candidate in filter(None, [words, first]):
        if sum(caption.begins_with(candidate) for caption in read) >= max(_LEAST, _SOME * len(read)):
            return candidate
    begin, count = _most_common(filter(None, (caption.words.first for caption in read)))
    if count >= max(_LEAST, _OFTEN * len(read)) and tagging.name(begin) not in _GENERAL:
        return begin
    return first if _is_made_up(first) else ""


def _class(words: str, trigger: str, read: Sequence[Read]) -> str:
    """Infer a subject's class: what its folder says beside the trigger, else what its captions have second."""
    if not trigger:
        return ""
    left = [word for word in words.split() if word.casefold() not in trigger.casefold().split()]
    if left:
        return " ".join(left) if len(left) < len(words.split()) else left[-1]
    if len(trigger.split()) > 1:
        return ""
    second, count = _most_common(caption.spellings[1] for caption in read if len(caption.spellings) > 1)
    return second if count >= max(_LEAST, _MOSTLY * len(read)) else ""


def _most_common(tags: Iterable[str]) -> tuple[str, int]:
    """Return the most frequent tag, as it is spelled most often, and how often it occurs."""
    spelled = Counter(tags)
    names: Counter[str] = Counter()
    for tag, count in spelled.items():
        names[tagging.name(tag)] += count
    if not names:
        return "", 0
    name, count = names.most_common(1)[0]
    return next(tag for tag, _ in spelled.most_common() if tagging.name(tag) == name), count


def _is_made_up(word: str) -> bool:
    """Whether a word is none that CLIP's vocabulary has, and so was probably chosen as a trigger."""
    return word.isascii() and word.isalnum() and not word.isdigit() and len(clip.tokens(word)) > 1


@functools.lru_cache(maxsize=2**14)  # captions are asked about after each edit, and few have changed
def _words(text: str) -> Words:
    every = [tagging.spelling(tag) for tag in tagging.tags(text)]
    tags = [tag for tag in every if not tagging.is_sentence(tag)]
    return Words(
        tuple(map(tagging.name, every)),
        tuple(tags),
        tuple(map(tagging.name, tags)),
        every[0] if every and every[0] in tags else "",
        len(tags) < len(every),
        " ".join(text.replace("_", " ").casefold().split()),
    )


@functools.lru_cache(maxsize=256)
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(tagging.name(words))}(?!\w)")
