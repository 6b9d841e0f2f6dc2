"""The rules on trigger and class words, tags and what they say; each yields remarks on a subject or on all captions."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from loranb.dataset import tagging
from loranb.dataset.caption_advice.opposites import contradictions
from loranb.dataset.caption_advice.reading import Group, Read
from loranb.dataset.caption_advice.remarks import Mend, Remark, captions, few

SHARED = 4  # captions, at least, for a tag in all of them to tell anything (assumed)
GROUPS = 10  # of equal captions that are told by themselves, the largest
_STYLES = 0.1  # share of captions of the rarer style for the set to be of both (assumed)


def on_triggers(group: Group) -> Iterator[Remark]:
    """Captions of a subject without its trigger, or with it elsewhere than in front."""
    trigger = group.trigger
    if not trigger:
        return
    without = [c for c in group.captions if not c.says(trigger)]
    late = [
        c for c in group.captions if c.says(trigger) and not c.begins_with(trigger) and tagging.name(trigger) in c.names
    ]
    for code, found, label in (
        ("trigger_missing", without, f"Put {trigger} in front"),
        ("trigger_not_first", late, f"Move {trigger} to the front"),
    ):
        if found:
            whose = f"{captions(len(found))} of {group.words}"
            said = f"{whose} without {trigger}" if found is without else f"{trigger} stands further back in {whose}"
            pictures = _pictures(found)
            mend = Mend(label, f"{trigger} in front", lambda text: tagging.add(text, trigger), pictures)
            yield Remark(code, "warning", said, pictures, mend)


def on_classes(group: Group, was_given: bool) -> Iterator[Remark]:
    """Captions of a subject that do not say what kind of thing it is."""
    trigger, word = group.trigger, group.class_word
    found = [c for c in group.captions if word and trigger and not c.says(word)]
    if not found:
        return
    front = f"{trigger}, {word}"
    pictures = _pictures(found)
    mend = Mend(f"Write {front} in front", f"{front} in front", lambda text: tagging.add(text, front), pictures)
    said = f"{captions(len(found))} of {group.words} without {word}"
    yield Remark("class_missing", "warning" if was_given else "info", said, pictures, mend)


def on_shared_tags(groups: Sequence[Group]) -> Iterator[Remark]:
    """Tags that stand in every caption: of the whole set, else of a subject; trigger and class excepted."""
    everything = [c for group in groups for c in group.captions]
    own = {name for group in groups for name in group.own}
    of_all = _in_every(everything, own) if len(groups) > 1 else []
    yield from (_everywhere(tag, "the set", everything) for tag in of_all)
    for group in groups:
        known = own | {tagging.name(tag) for tag in of_all}
        yield from (_everywhere(tag, group.words, group.captions) for tag in _in_every(group.captions, known))


def on_contradictions(everything: Sequence[Read]) -> Iterator[Remark]:
    """Tags of one caption that can hardly both be true."""
    found: dict[tuple[str, ...], list[Path]] = {}
    for caption in everything:
        for tags in contradictions(caption.names):
            found.setdefault(tags, []).append(caption.picture)
    for tags, pictures in sorted(found.items(), key=lambda item: -len(item[1])):
        said = f"{' and '.join(tags)} in {captions(len(pictures))}"
        yield Remark("contradiction", "warning", said, tuple(pictures))


def on_equal_captions(everything: Sequence[Read]) -> Iterator[Remark]:
    """Captions that are equal, for pictures that have one each."""
    same: dict[tuple[str, ...], dict[Path, Path]] = {}
    for caption in everything:
        same.setdefault(caption.words.every, {})[caption.picture.with_suffix("")] = (
            caption.picture
        )  # of one stem, they share a file
    texts = {caption.picture: " ".join(caption.text.split()) for caption in everything}
    groups = sorted((tuple(of.values()) for of in same.values() if len(of) > 1), key=len, reverse=True)
    for pictures in groups[:GROUPS]:
        yield Remark("same_caption", "info", f"{len(pictures)} pictures: {_short(texts[pictures[0]])}", pictures)
    if rest := groups[GROUPS:]:
        pictures = tuple(picture for group in rest for picture in group)
        details = {p: f"{len(group)} pictures: {_short(texts[p])}" for group in rest for p in group}
        said = f"{len(pictures)} pictures go by {len(rest)} other captions"
        yield Remark("same_caption", "info", said, pictures, details=details)


def on_repeated_tags(everything: Sequence[Read]) -> Iterator[Remark]:
    """Tags that a caption has twice."""
    twice = {
        c.picture: [name for name, count in Counter(c.names).items() if count > 1]
        for c in everything
        if len(set(c.names)) < len(c.names) and tagging.deduplicate(c.text) != c.text
    }
    if twice:
        pictures = tuple(twice)
        mend = Mend("Take doubles out", "each tag once", tagging.deduplicate, pictures)
        details = {picture: f"{few(names)} twice" for picture, names in twice.items()}
        said = f"{few(sorted({name for names in twice.values() for name in names}))} in {captions(len(twice))}"
        yield Remark("repeated", "info", said, pictures, mend, details)


def on_styles(everything: Sequence[Read]) -> Iterator[Remark]:
    """Sets in which some captions are tags and others sentences."""
    sentences = [c for c in everything if c.words.is_sentence]
    tags = [c for c in everything if not c.words.is_sentence and len(c.names) > 1]
    fewer, name = min((sentences, "sentences"), (tags, "tags"), key=lambda style: len(style[0]))
    if len(fewer) >= max(1, _STYLES * len(everything)) and len(everything) >= SHARED:
        said = f"{len(sentences)} in sentences, {len(tags)} in tags; these are those in {name}"
        yield Remark("mixed", "info", said, _pictures(fewer))


def _in_every(read: Sequence[Read], own: set[str]) -> list[str]:
    """List tags that all captions have, in the order and the spelling of the first."""
    if len(read) < SHARED:
        return []
    shared = set.intersection(*(set(c.names) for c in read)) - own
    first = dict(zip(read[0].names, read[0].spellings, strict=True))
    return [first[name] for name in first if name in shared]


def _everywhere(tag: str, whose: str, read: Sequence[Read]) -> Remark:
    pictures = _pictures(read)
    mend = Mend(f"Take {tag} out", f"without {tag}", lambda text: tagging.remove(text, tag), pictures)
    return Remark("everywhere", "info", f"{tag} in all {captions(len(read))} of {whose}", pictures, mend)


def _pictures(read: Iterable[Read]) -> tuple[Path, ...]:
    return tuple(caption.picture for caption in read)


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
