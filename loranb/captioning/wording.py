"""From what a captioner says to a caption: trigger word and class in front, what is undesired left out.

Pure functions on text. Tags are compared by their names, as everywhere; see `loranb.dataset.tagging`. A
sentence, which a captioner gives as one tag without confidence, is worked on word by word and stays a
sentence.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from loranb.captioners import Said
from loranb.captioning.options import Wording
from loranb.dataset import tagging
from loranb.dataset.captions import one_line
from loranb.dataset.tag_text import KEEP, name, tags

SEPARATOR = ", "
_NO_COUNTS: Mapping[str, int] = {}


def compose(said: Said, wording: Wording, counts: Mapping[str, int] = _NO_COUNTS) -> str:
    """Make a caption: ``trigger, class, prefix, tag, tag, suffix``.

    Trigger word, class, prefix and suffix stay as they are given; a tag that one of them says already is
    not said again. A sentence reads ``trigger, class, prefix sentence suffix``, without a class that it
    names itself. All comes on one line, since kohya's trainer reads one.

    Args:
        said: what the captioner says of the picture.
        wording: how to put it.
        counts: in how many pictures each tag stands, as `counted` gives it; for order by frequency.
    """
    if is_sentence(said):
        return _told(in_words(said, wording), wording)
    first, last = _parts(wording.trigger, wording.class_word, wording.prefix), _parts(wording.suffix)
    there = {name(tag) for part in (*first, *last) for tag in tags(part)}
    return joined([*first, *(tag for tag in chosen(said, wording, counts) if name(tag) not in there), *last])


def append(caption: str, said: Said, wording: Wording, counts: Mapping[str, int] = _NO_COUNTS) -> str:
    """Add to a caption what it does not say yet: trigger word and class in front, the rest at the end.

    What stands there stays as it is, and doing it twice adds nothing.
    """
    front = [tag for tag in _parts(wording.trigger, wording.class_word) if not _says(caption, tag)]
    rest = wording.model_copy(update={"trigger": "", "class_word": ""})
    new = compose(said, rest, counts)
    if is_sentence(said):
        body = caption.rstrip()
        gap = " " if body.endswith((".", "!", "?", ",")) else SEPARATOR if body else ""
        added = caption if not new or new in one_line(caption) else body + gap + new + caption[len(body) :]
    else:
        new = SEPARATOR.join(tag for tag in tags(new) if not _says(caption, tag))
        added = tagging.add(caption, new, at_end=True) if new else caption
    return tagging.add(added, SEPARATOR.join(front)) if front else added


def counted(every: Iterable[Said], wording: Wording) -> dict[str, int]:
    """Count in how many pictures each tag stands, by its name; sentences have none."""
    return Counter(name(tag) for said in every if not is_sentence(said) for tag, _ in _wanted(said, wording))


def is_sentence(said: Said) -> bool:
    """Tell a sentence from tags: it is one, without confidence."""
    return len(said.tags) == 1 and not said.confidence


def chosen(said: Said, wording: Wording, counts: Mapping[str, int] = _NO_COUNTS) -> list[str]:
    """Return the tags that are wanted, no more than the maximum, in the order that is wanted."""
    wanted = list(enumerate(_wanted(said, wording)))
    by_confidence = sorted(wanted, key=lambda numbered: -numbered[1][1])  # stable: as said where they are equal
    kept = sorted(by_confidence[: wording.maximum]) if wording.order != "confidence" else by_confidence
    found = [tag for _, (tag, _) in kept[: wording.maximum]]
    if wording.order == "frequency":
        return sorted(found, key=lambda tag: -counts.get(name(tag), 0))
    return sorted(found, key=name) if wording.order == "alphabet" else found


def in_words(said: Said, wording: Wording) -> str:
    """Return a sentence with its words replaced and the undesired ones taken out."""
    text = one_line(said.tags[0])
    for old, new in [*wording.pairs, *((word, "") for word in wording.undesired)]:
        text = tagging.pattern(old).sub(lambda _, new=new: new, text)
    text = re.sub(r"\s+([,.;:!?])", r"\1", one_line(text))  # what a word that is gone leaves behind
    return re.sub(r"(,\s*)+,", ",", text).strip(" ,")


def joined(parts: Iterable[str]) -> str:
    """Put parts of a caption after each other, with a comma between them unless there is one."""
    caption = ""
    for part in filter(None, parts):
        gap = "" if not caption else " " if caption.endswith((",", KEEP)) else SEPARATOR
        caption += gap + part
    return caption.rstrip(",")


def _told(sentence: str, wording: Wording) -> str:
    """Put trigger word, class, prefix and suffix around a sentence."""
    prefix, suffix = one_line(wording.prefix), one_line(wording.suffix)
    body = " ".join(filter(None, (prefix, sentence)))
    body += suffix if suffix.startswith((",", ".", ";", ":", "!", "?")) or not body else f" {suffix}" if suffix else ""
    class_word = one_line(wording.class_word)
    named = class_word and tagging.pattern(class_word).search(body)
    return joined([*_parts(wording.trigger), *([] if named else _parts(class_word)), body])


def _says(caption: str, part: str) -> bool:
    """Tell whether a caption has every tag of a part, or the part as words of a sentence."""
    there = tags(caption)
    names = {name(tag) for tag in there}
    sentences = [tag for tag in there if tagging.is_sentence(tag)]
    return all(name(tag) in names or any(tagging.pattern(tag).search(s) for s in sentences) for tag in tags(part))


def _parts(*texts: str) -> list[str]:
    """Return texts on one line each, without those that are blank; a comma at the end is put by `joined`."""
    return [part for text in texts if (part := one_line(text).strip(" ,"))]


def _wanted(said: Said, wording: Wording) -> list[tuple[str, float]]:
    """Return tags and their confidence, replaced, each once, without the undesired ones."""
    instead = {name(old): new for old, new in wording.pairs}
    unwanted = {name(tag) for tag in wording.undesired}
    found: dict[str, tuple[str, float]] = {}
    confidence = said.confidence or (1.0,) * len(said.tags)
    for tag, sure in zip(said.tags, confidence, strict=True):
        for new in tags(instead[name(tag)]) if name(tag) in instead else [tag]:
            if name(new) and name(new) not in unwanted:
                found.setdefault(name(new), (one_line(new), sure))
    return list(found.values())
