"""Ask all rules."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from loranb import clip
from loranb.dataset import folders
from loranb.dataset.caption_advice import rules, spelling
from loranb.dataset.caption_advice.reading import Group, Read, grouped
from loranb.dataset.caption_advice.remarks import Advice, Remark, captions
from loranb.errors import SettingsError
from loranb.project import Project

if TYPE_CHECKING:
    from loranb.dataset.caption_store import CaptionStore

_WILDCARD = re.compile(r"(?<!\\)\{([^{}]*\|[^{}]*)\}")
_SEPARATOR = re.compile(r"\s*(?:\|\|\||;;;)\s*")  # kohya's: neither is read


def advise(store: "CaptionStore", project: Project, limit: int = 0, trigger: str = "", class_word: str = "") -> Advice:
    """Say what is to be said of a project's captions, as they are in a store.

    Args:
        store: the captions; those that cannot be read are left out.
        project: whose subjects count; pictures elsewhere are left out.
        limit: tokens that are trained on; one of `loranb.clip.LIMITS`, or 0 for what the project's settings say.
        trigger: of all subjects; where it is blank, each subject's is inferred from its folder's words and from
            what its captions begin with.
        class_word: likewise.

    Raises:
        SettingsError: there is no such limit.
    """
    words = {subject.folder: subject.words for subject in folders.subjects(project.img)}
    problems = store.problems
    pictures = [picture for picture in store.pictures if picture.parent in words and picture not in problems]
    texts = {picture: store.text(picture) for picture in pictures}
    limit = limit or tokens_read(project)
    return advise_captions(texts, {picture: words[picture.parent] for picture in pictures}, limit, trigger, class_word)


def tokens_read(project: Project) -> int:
    """Return how many tokens of a caption a project trains on."""
    try:
        return project.settings().captions.tokens
    except SettingsError:  # the settings panel shows what is wrong
        return clip.LIMITS[0]


def advise_captions(
    texts: Mapping[Path, str],
    subjects: Mapping[Path, str],
    limit: int = clip.LIMITS[0],
    trigger: str = "",
    class_word: str = "",
) -> Advice:
    """Say what is to be said of captions.

    Args:
        texts: by their pictures.
        subjects: the words of each picture's subject, such as "medieval city".
        limit: tokens that are trained on; one of `loranb.clip.LIMITS`.
        trigger: as for `advise`.
        class_word: as for `advise`.

    Raises:
        SettingsError: there is no such limit.
    """
    clip.check_limit(limit)
    groups = grouped(texts, subjects, trigger, class_word)
    everything = [caption for group in groups for caption in group.captions]
    found = chain(
        _on_empty(texts),
        *(rules.on_triggers(group) for group in groups),
        *(rules.on_classes(group, bool(class_word)) for group in groups),
        _on_length(everything, limit),
        _on_words(groups, everything),
    )
    return Advice.made_of(
        list(found),
        {group.words: group.trigger for group in groups},
        {group.words: group.class_word for group in groups},
    )


def as_read(text: str) -> str:
    """Return a caption as it reaches the text encoder at its longest: one line, without kohya's separators.

    Of a wildcard ``{day|night}`` the longest choice is taken.
    """
    line = _SEPARATOR.sub(", ", " ".join(text.split()))
    while match := _WILDCARD.search(line):
        line = line[: match.start()] + max(match[1].split("|"), key=clip.count) + line[match.end() :]
    return line


def _on_words(groups: Sequence[Group], everything: Sequence[Read]) -> Iterator[Remark]:
    if not everything:
        return
    own = {name for group in groups for name in group.own}
    yield from rules.on_contradictions(everything)
    yield from spelling.on_spellings(everything)
    yield from rules.on_shared_tags(groups)
    yield from rules.on_equal_captions(everything)
    yield from rules.on_repeated_tags(everything)
    yield from rules.on_styles(everything)
    yield from spelling.on_rare_tags(everything, own)


def _on_empty(texts: Mapping[Path, str]) -> Iterator[Remark]:
    empty = tuple(picture for picture, text in texts.items() if not text.strip())
    if empty:
        pictures = "1 picture" if len(empty) == 1 else f"{len(empty)} pictures"
        yield Remark("empty", "warning", f"{pictures} of {len(texts)}", empty)


def _on_length(everything: Sequence[Read], limit: int) -> Iterator[Remark]:
    lengths = {caption.picture: _length(caption.text, limit) for caption in everything}
    long = {picture: length for picture, length in lengths.items() if length[0] > limit}
    if long:
        said = f"{captions(len(long))} with more than {limit} tokens, up to {max(count for count, _ in long.values())}"
        details = {
            p: f"{count} tokens, and {limit} are read; cut off: {off.strip()}" for p, (count, off) in long.items()
        }
        yield Remark("too_long", "warning", said, tuple(long), details=details)


@functools.lru_cache(maxsize=2**14)  # captions are asked about after each edit, and few have changed
def _length(text: str, limit: int) -> tuple[int, str]:
    """Count the tokens of a caption, and say what of it is not read."""
    read = as_read(text)
    count = clip.count(read)
    return count, clip.cut(read, limit)[1] if count > limit else ""
