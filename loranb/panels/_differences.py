"""Two versions of a text as HTML, with what differs between them marked, and what is far from it left out."""

import difflib
import re
from collections.abc import Iterator, Sequence
from html import escape

_PARTS = re.compile(r"\w+|\s|[^\w\s]")
AROUND = 12  # parts of a text, words or marks, that stay on either side of a difference
LONGEST = 240  # letters of a difference that are shown; of a longer one the beginning and the end
MOST = 2000  # parts that are compared; the time this takes grows with their square

Step = tuple[bool, Sequence[str], Sequence[str]]  # whether it is the same in both, of the one text, of the other


def marked(before: str, after: str) -> tuple[str, str]:
    """Mark what is gone in the first text (``<del>``) and what is new in the second (``<ins>``).

    Long stretches that are the same in both are cut to a few words with ``…`` between.
    """
    old, new = _PARTS.findall(before), _PARTS.findall(after)
    left, right = [], []
    steps = _steps(old, new)
    for place, (same, of_old, of_new) in enumerate(steps):
        if same:
            kept = escape(_shortened(of_old, place == 0, place == len(steps) - 1))
            left.append(kept)
            right.append(kept)
            continue
        left.append(_in("del", of_old))
        right.append(_in("ins", of_new))
    return "".join(left), "".join(right)


def _steps(old: Sequence[str], new: Sequence[str]) -> list[Step]:
    """Cut two texts into stretches that are the same and stretches that are not, in turn."""
    if len(old) + len(new) > MOST:
        return list(_by_ends(old, new))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    found = [(tag == "equal", old[a:b], new[c:d]) for tag, a, b, c, d in matcher.get_opcodes()]
    return _joined(found)


def _joined(steps: Sequence[Step]) -> list[Step]:
    """Make one difference of two that only marks or spaces stand between."""
    joined: list[Step] = []
    for place, (same, of_old, of_new) in enumerate(steps):
        between = same and 0 < place < len(steps) - 1 and not any(part.isalnum() for part in of_old)
        if joined and not joined[-1][0] and (between or not same):
            _, earlier_old, earlier_new = joined.pop()
            joined.append((False, [*earlier_old, *of_old], [*earlier_new, *of_new]))
        else:
            joined.append((same, of_old, of_new))
    return joined


def _by_ends(old: Sequence[str], new: Sequence[str]) -> Iterator[Step]:
    """Take all between the first and the last difference for one."""
    shortest = min(len(old), len(new))
    start = next((i for i in range(shortest) if old[i] != new[i]), shortest)
    end = next((i for i in range(shortest - start) if old[-1 - i] != new[-1 - i]), shortest - start)
    yield True, old[:start], new[:start]
    if start + end < max(len(old), len(new)):
        yield False, old[start : len(old) - end], new[start : len(new) - end]
    yield True, old[len(old) - end :], new[len(new) - end :]


def _shortened(parts: Sequence[str], first: bool, last: bool) -> str:
    """Return the ends of a stretch that stand next to a difference."""
    head, tail = 0 if first else AROUND, 0 if last else AROUND
    if len(parts) <= head + tail + 1:
        return "".join(parts)
    return "".join(parts[:head]) + "…" + "".join(parts[len(parts) - tail :])


def _in(tag: str, parts: Sequence[str]) -> str:
    text = "".join(parts)
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 3 // 4]}…{text[-LONGEST // 4 :]}"
    return f"<{tag}>{escape(text)}</{tag}>" if text else ""
