"""The rules on how tags are spelled: one tag in several spellings, and slips."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from loranb import clip
from loranb.dataset import tagging
from loranb.dataset.caption_advice.reading import Read
from loranb.dataset.caption_advice.remarks import Mend, Remark, captions, few

ENOUGH = 8  # captions, at least, for a tag that stands once to tell anything (assumed)
_LIKE = 0.8  # of difflib, between a word and the one that was perhaps meant: one letter in five (assumed)
_SHORTEST = 5  # letters of a word that may be a slip; shorter ones are too much like others

Place = tuple[int, int, tuple[str, ...], str]  # of a word in a tag: how many words, which, the others, its first letter


def on_spellings(everything: Sequence[Read]) -> Iterator[Remark]:
    """Tags that differ in underscores and capitals, and those that differ in number."""
    counts = Counter(spelling for caption in everything for spelling in caption.spellings)
    alike = tagging.spellings(counts)
    yield from _variants("spelling", alike, counts, everything)
    chosen: Counter[str] = Counter()
    for spelling, count in counts.items():
        chosen[alike.get(spelling, spelling)] += count
    yield from _variants("plural", tagging.spellings(chosen, plural=True), chosen, everything)


def on_rare_tags(everything: Sequence[Read], own: set[str]) -> Iterator[Remark]:
    """Tags that stand once, and among them those that are perhaps misspelt."""
    if len(everything) < ENOUGH:
        return
    counts = Counter(name for caption in everything for name in set(caption.names))
    where = {name: caption for caption in everything for name in caption.names if counts[name] == 1 and name not in own}
    slips = _slips(where, [name for name, count in counts.items() if count > 1])
    for name, meant in slips.items():
        pictures = (where[name].picture,)
        mend = Mend(f"Rename to {meant}", f"{name} renamed to {meant}", _renaming(name, meant), pictures)
        said = f"{name} stands once, {meant} in {captions(counts[meant])}"
        yield Remark("misspelt", "info", said, pictures, mend)
    rest = [name for name in where if name not in slips]
    if rest:
        of: dict[Path, list[str]] = defaultdict(list)
        for name in rest:
            of[where[name].picture].append(name)
        details = {picture: f"{few(names)} in no other caption" for picture, names in of.items()}
        said = f"{len(rest)} {'tag stands' if len(rest) == 1 else 'tags stand'} in one caption only: {few(rest, 20)}"
        yield Remark("once", "info", said, tuple(of), details=details)


def _renaming(name: str, meant: str) -> Callable[[str], str]:
    return lambda text: tagging.rename(text, name, meant)


def _variants(
    code: str, alike: Mapping[str, str], counts: Mapping[str, int], everything: Sequence[Read]
) -> Iterator[Remark]:
    """Remark on each tag that is spelled in several ways; `alike` tells what to write, by the other spellings."""
    others: dict[str, list[str]] = defaultdict(list)
    for spelling, best in alike.items():
        others[best].append(spelling)
    for best, spellings in others.items():
        names = set(spellings) if code == "spelling" else {tagging.name(spelling) for spelling in spellings}
        has = (lambda c: c.spellings) if code == "spelling" else (lambda c: c.names)
        pictures = tuple(c.picture for c in everything if names & set(has(c)))
        table = dict.fromkeys(spellings, best)
        said = f"{best} ({counts[best]}), also as {few([f'{s} ({counts[s]})' for s in spellings])}"
        mend = Mend(f"Write {best}", f"{best} spelled alike", _unifying(table), pictures)
        yield Remark(code, "warning" if code == "spelling" else "info", said, pictures, mend)


def _unifying(table: Mapping[str, str]) -> Callable[[str], str]:
    return lambda text: tagging.unify(text, table)


def _slips(rare: Mapping[str, Read], frequent: Sequence[str]) -> dict[str, str]:
    """Find tags that are one word away from a frequent one, that word being none that CLIP's vocabulary has."""
    words: dict[Place, list[tuple[str, str]]] = defaultdict(list)
    for tag in frequent:
        for place, word in _places(tag):
            words[place].append((word, tag))
    found = {}
    for tag in rare:
        for place, word in _places(tag):
            meant = dict(words.get(place, ()))
            if len(word) < _SHORTEST or not word.isalpha() or not meant or len(clip.tokens(word)) == 1:
                continue
            close = difflib.get_close_matches(word, meant, n=1, cutoff=_LIKE)
            if close and not tagging.spellings({tag: 1, meant[close[0]]: 2}, plural=True):  # else one is the plural
                found[tag] = meant[close[0]]
    return found


def _places(tag: str) -> Iterator[tuple[Place, str]]:
    words = tag.split()
    for place, word in enumerate(words):
        yield (len(words), place, (*words[:place], *words[place + 1 :]), word[:1]), word
