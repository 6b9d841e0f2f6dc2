"""What is being made of a file's keys, and how a value is turned into what a setting takes."""

from collections.abc import Mapping
from typing import Any

from loranb.errors import SettingsError
from loranb.interop._source import FORM, SAME, Source, is_blank
from loranb.interop._words import OURS
from loranb.settings import Settings, fields
from loranb.settings.advice import Advice
from loranb.settings.declaration import SettingField

_TRUE, _FALSE = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no")


class Reading:
    """What a file's keys have come to so far.

    Args:
        source: the file.
        absent: kohya's own values of keys that it doesn't say, where loranb's differ.
    """

    def __init__(self, source: Source, absent: Mapping[str, Any]):
        self.source = source
        self.left = dict(source.values)
        self.changes: dict[str, Any] = {}
        self.mapped: dict[str, str] = {}
        self.ignored: dict[str, str] = {}
        self.advice: list[Advice] = []
        self.assumed: dict[str, Any] = {}
        self._absent = absent
        self._settings = Settings()

    @property
    def of_form(self) -> bool:
        """Whether the form wrote it; the form has defaults and traps of its own."""
        return self.source.kind == FORM

    def says(self, key: str) -> bool:
        """Whether the file gives a value to a key."""
        return not is_blank(self.source.values.get(key))

    def value(self, key: str) -> Any:
        """What the file says, else what kohya's tool would take; None where that is nothing."""
        if self.says(key):
            return self.source.values[key]
        return self._absent.get(key)

    def number(self, key: str) -> float | None:
        """Return a key's value as a number; None where it says nothing, or no number."""
        return as_number(self.value(key))

    def flag(self, key: str) -> bool:
        """Return a key's value as yes or no."""
        return as_flag(self.value(key)) is True

    def assign(self, key: str, path: str, value: Any) -> bool:
        """Take a value for a setting, and the key as mapped to it; else say why not. Returns whether it was taken."""
        try:
            self._settings = self._settings.assign(path, value)
        except SettingsError as error:
            nearest = _nearest(path, value)
            if value == 0:
                self.ignore(key, f"0 says nothing here; {path} keeps its default.")
                return False
            if nearest in (None, value) or not self.assign(key, path, nearest):
                self.ignore(key, f"{error.problems[0]} The default is kept.")
                return False
            self.advise(f"{self.source.names.get(key, key)} = {value:g} cannot be had; {nearest:g} is the nearest.")
            return True
        self.changes[path] = value
        self.done(key, path)
        return True

    def done(self, key: str, path: str) -> None:
        """Count a key as mapped: what it says stands in a setting."""
        if self.says(key):
            if key in self.left or self.source.names[key] in self.mapped:
                self.mapped[self.source.names[key]] = path
            self.left.pop(key, None)
        elif key in self.source.values:
            self.ignore(key, _left_blank(key, self._absent, path))
        elif key in self._absent:
            self.assumed[key] = self._absent[key]

    def ignore(self, key: str, why: str) -> None:
        """Count a key as ignored, where the file has it and nothing else was made of it."""
        if key in self.left:
            self.ignored[self.source.names[key]] = why
            self.left.pop(key, None)

    def advise(self, words: str, mend: Mapping[str, Any] | None = None) -> None:
        """Say something of the import to the user."""
        self.advice.append(Advice(words, mend or {}))


def _nearest(path: str, value: Any) -> float | None:
    """Return the allowed number that is nearest to one out of bounds; None for what is no number."""
    field = next(field for field in fields() if field.path == path)
    if field.kind not in (int, float) or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    low, high, step = (field.bound(name) for name in ("ge", "le", "multiple_of"))
    number = min(high if high is not None else value, max(low if low is not None else value, value))
    number = round(number / step) * step if step else number
    return int(number) if field.kind is int else float(number)


def _left_blank(key: str, absent: Mapping[str, Any], path: str) -> str:
    counts = f"kohya's {absent[key]} counts" if key in absent else f"{path} keeps its default"
    return f"left blank; {counts}."


def by_key() -> dict[str, SettingField]:
    """Return the declared settings by kohya's key, as the form calls it."""
    return {SAME.get(field.kohya, field.kohya): field for field in fields() if field.kohya}


def converted(field: SettingField, key: str, value: Any) -> Any:
    """Turn a file's value into one that a setting may take; pydantic judges the rest."""
    words = OURS.get(key, {})
    flag = as_flag(value)
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    if flag is not None and str(flag).lower() in words and (isinstance(value, bool) or str(value).lower() in _WORDS):
        return words[str(flag).lower()]
    if field.kind is bool:
        return value if flag is None else flag
    if field.kind in (int, float):
        number = as_number(value)
        if number == 0 and field.optional and field.info.default is None:
            return None  # these tools write "off" as nought
        return value if number is None else int(number) if number == int(number) else number
    if field.kind is tuple:
        lines = value if isinstance(value, list | tuple) else str(value).splitlines()
        return tuple(str(line).strip() for line in lines if str(line).strip())
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.strip().lower() if field.choices else text


_WORDS = ("true", "false")


def as_number(value: Any) -> float | None:
    """Read a number, also from a text such as "1e-4" or "1.0"; None where it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(str(value).strip())
    except ValueError:
        return None
    return number if abs(number) != float("inf") and number == number else None


def as_flag(value: Any) -> bool | None:
    """Read yes or no, also from texts and numbers; None where it is neither."""
    text = str(value).strip().lower()
    return True if text in _TRUE else False if text in _FALSE else None
