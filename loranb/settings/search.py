"""Find settings by whatever somebody calls them: name, words of the help, kohya's name, a choice."""

import difflib
import re
from collections.abc import Iterable, Sequence

from loranb.settings import fields, group_title
from loranb.settings.declaration import SettingField

# What people write for words of the help: American spellings, and short names that are common where LoRAs are trained.
_SAME = {
    "color": "colour",
    "license": "licence",
    "regularization": "regularisation",
    "stabilized": "stabilised",
    "vram": "memory",
    "lr": "rate",
    "dim": "rank",
    "quantization": "bits",
    "overfitting": "heart",  # "by heart", as the help says it
    "preview": "sample",
}
_WORD = re.compile(r"[^\W_]+(?:\.\d+)?")
_PATH = re.compile(r"\b[a-z_]+\.[a-z_\d]+\b")


def find(text: str, among: Iterable[SettingField] | None = None) -> list[SettingField]:
    """List the settings in which every word of `text` stands, those that are called so first.

    The beginning of a word is enough. ``network_dim``, ``network dim`` and ``Network-Dim`` are the same.

    Args:
        text: what is looked for.
        among: where to look; all settings if not given.
    """
    words = _words(text)
    if not words:
        return []
    ranked = [
        (rank, field) for field in (fields() if among is None else among) if (rank := _rank(field, words)) is not None
    ]
    return [field for _, field in sorted(ranked, key=lambda pair: pair[0])]


def near(text: str) -> list[str]:
    """Return names of settings, ours and kohya's, that are written much like `text`."""
    names = [name for field in fields() for name in (field.label, field.kohya.replace("_", " ")) if name]
    return difflib.get_close_matches(" ".join(_words(text)), list(dict.fromkeys(names)), n=3)


def mentioned(text: str) -> list[str]:
    """Return the settings that a message names in full, such as ``lora.alpha``, each once."""
    known = {field.path for field in fields()}
    return [path for path in dict.fromkeys(_PATH.findall(text)) if path in known]


def _rank(field: SettingField, words: Sequence[str]) -> int | None:
    """Say how well a setting is meant: 0 by its very name, 1 in its names, 2 in all that is said of it."""
    names = [_words(name) for name in (field.name, field.path, field.kohya, field.ss)]
    if list(words) in names:
        return 0
    called = [word for name in names for word in name]
    if _all_in(words, called):
        return 1
    told = _words(" ".join([field.help, *field.choices, group_title(field.group)]))
    return 2 if _all_in(words, [*called, *told]) else None


def _all_in(words: Sequence[str], there: Sequence[str]) -> bool:
    return all(any(word.startswith((sought, _SAME.get(sought, sought))) for word in there) for sought in words)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
