"""One spelling for tags that are the same but for underscores, capitals and, on request, their number."""

import re
from collections import defaultdict
from collections.abc import Mapping

from loranb.dataset.tag_text import join, name, respelled, spelling, split

_IRREGULAR = {"men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth"}
_ONE = ((r"(?<=[a-z]{2})ies$", "y"), (r"(?<=ss|sh|ch|.x|zz)es$", ""), (r"(?<=[a-rt-z][a-hj-rtv-z])s$", ""))


def unify(text: str, spellings: Mapping[str, str]) -> str:
    """Spell tags as a table says; see `spellings`."""
    said = split(text)
    return join(t._replace(text=respelled(t.text, spellings.get(s := spelling(t.text), s))) for t in said)


def spaced(text: str) -> str:
    """Write tags with spaces for underscores, save for those that are faces, such as ^_^."""
    return join(t._replace(text=_spaced(t.text)) for t in split(text))


def spellings(counts: Mapping[str, int], plural: bool = False) -> dict[str, str]:
    """Choose one spelling for tags that are the same but for underscores and capitals: the most frequent.

    Args:
        counts: how often each spelling occurs.
        plural: whether "tree" and "trees" are the same too.

    Returns:
        What to write, by the other spellings.
    """
    same: dict[str, list[str]] = defaultdict(list)
    for spelled in counts:
        same[_singular(name(spelled)) if plural else name(spelled)].append(spelled)
    chosen: dict[str, str] = {}
    for group in same.values():
        best = max(group, key=lambda spelled: (counts[spelled], "_" not in spelled, spelled.islower(), spelled))
        chosen |= {spelled: best for spelled in group if spelled != best}
    return chosen


def _spaced(tag: str) -> str:
    words = spelling(tag)
    is_face = not re.search(r"[^\W_]{2}", words)  # no two letters in a row: ^_^, o_o, :_d
    return tag if is_face else respelled(tag, words.replace("_", " ").strip() or words)


def _singular(called: str) -> str:
    """Return a tag's name with its last word in the singular, by the rules of English that need no dictionary."""
    *others, last = called.split(" ")
    one = _IRREGULAR.get(last, last)
    for ending, shorter in _ONE:
        if one == last:
            one = re.sub(ending, shorter, last)
    return " ".join([*others, one])
