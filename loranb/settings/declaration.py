"""How a setting is declared, and what is derived from a declaration: label, bounds, help, kohya's name for it."""

import difflib
import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from loranb.errors import SettingsError

if TYPE_CHECKING:
    from loranb.settings import Settings


_WRITTEN = {"snr": "SNR", "vae": "VAE", "ema": "EMA", "cpu": "CPU", "gpu": "GPU", "unet": "U-Net", "lora": "LoRA"}


def setting(  # noqa: PLR0913  one for each thing that a declaration carries
    default: Any,
    help: str,  # noqa: A002  the field's own word for it
    *,
    unit: str = "",
    advanced: bool = False,
    kohya: str = "",
    ss: str = "",
    own: bool = False,
    **bounds: float,
) -> Any:
    """Declare a setting; a thin wrapper over `pydantic.Field`.

    Args:
        default: the value that most people should keep.
        help: what it does, what a higher and a lower value do, where the default comes from.
        unit: what is counted or measured, for the form.
        advanced: shown only to those who look for it.
        kohya: its key in kohya_ss presets and sd-scripts arguments.
        ss: its key in the metadata of a LoRA file.
        own: it belongs to one project and not to a recipe, such as its name; presets leave it as it is.
        bounds: pydantic's ``ge, gt, le, lt, multiple_of``.
    """
    extra = {"unit": unit, "advanced": advanced, "kohya": kohya, "ss": ss, "own": own}
    return Field(default, description=help, json_schema_extra=extra, **bounds)


class Group(BaseModel):
    """A group of settings, as the form shows it; its docstring is the group's title."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _tidied(cls, value: Any, info: ValidationInfo) -> Any:
        """Take the space around texts away: no form and no terminal keeps it. No text is blank, where that can be."""
        if isinstance(value, str) and not value.strip():
            field = SettingField("", info.field_name or "", cls.model_fields[info.field_name or ""])
            return None if field.optional else ""
        if isinstance(value, list | tuple) and all(isinstance(line, str) for line in value):
            return tuple(lines_of("\n".join(value)))
        return value.strip() if isinstance(value, str) else value


class SettingField(NamedTuple):
    """One declared setting, for whoever derives something from it."""

    group: str
    name: str
    info: FieldInfo

    @property
    def path(self) -> str:
        """Its name in full: ``group.name``."""
        return f"{self.group}.{self.name}"

    @property
    def label(self) -> str:
        """Its name for people."""
        return " ".join(_WRITTEN.get(word, word) for word in self.name.split("_"))

    @property
    def help(self) -> str:
        """What it does."""
        return self.info.description or ""

    @property
    def unit(self) -> str:
        """What is counted or measured; may be empty."""
        return self._extra["unit"]

    @property
    def advanced(self) -> bool:
        """Whether it is for experts."""
        return self._extra["advanced"]

    @property
    def kohya(self) -> str:
        """Its key in kohya's tools; empty where they have none."""
        return self._extra["kohya"]

    @property
    def ss(self) -> str:
        """Its key in a LoRA file's metadata; empty where there is none."""
        return self._extra["ss"]

    @property
    def own(self) -> bool:
        """Whether it belongs to one project and not to a recipe."""
        return self._extra["own"]

    @property
    def default(self) -> Any:
        """The value that most people should keep."""
        return self.info.default

    def meaning(self, choice: str) -> str:
        """Return what its help says of one of its choices, as ``choice: meaning;``; empty where it says nothing."""
        found = re.search(rf"(?<![\w-]){re.escape(choice)}: (.+?)(?=; |\.(?: |$)|$)", self.help)
        said = found[1] if found else ""
        return said.partition(")")[0] if "(" not in said.partition(")")[0] else said

    @property
    def _extra(self) -> dict[str, Any]:
        return typing.cast(dict[str, Any], self.info.json_schema_extra)

    @property
    def optional(self) -> bool:
        """Whether it may be blank."""
        return type(None) in typing.get_args(self.info.annotation)

    @property
    def kind(self) -> type:
        """Return bool, int, float, str or tuple (lines of text)."""
        annotation = self.info.annotation
        if typing.get_origin(annotation) in (typing.Union, types.UnionType):
            annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
        if typing.get_origin(annotation) is Literal:
            return str
        return typing.get_origin(annotation) or typing.cast(type, annotation)

    @property
    def choices(self) -> tuple[str, ...]:
        """The words it may be; empty where any value of its kind will do."""
        return typing.get_args(self.info.annotation) if typing.get_origin(self.info.annotation) is Literal else ()

    def bound(self, name: str) -> float | None:
        """One of its bounds: ``ge, gt, le, lt`` or ``multiple_of``."""
        found = [getattr(part, name) for part in self.info.metadata if getattr(part, name, None) is not None]
        return found[0] if found else None

    @property
    def allowed_in_words(self) -> str:
        """What it may be, as an ending to its help: `` (1 to 1024)``."""
        if self.choices:
            return f" ({', '.join(self.choices)})"
        low, high = self.bound("ge"), self.bound("le")
        words = []
        if low is not None and high is not None:
            words.append(f"{_number(low)} to {_number(high)}")
        elif (above := self.bound("gt")) is not None:
            words.append(f"above {_number(above)}" + (f", to {_number(high)}" if high is not None else ""))
        elif low is not None and (below := self.bound("lt")) is not None:
            words.append(f"{low:g} to below {below:g}")
        if (multiple := self.bound("multiple_of")) is not None:
            words.append(f"a multiple of {multiple:g}")
        if self.unit:
            words.append(self.unit)
        return f" ({'; '.join(words)})" if words else ""

    def of(self, settings: "Settings") -> Any:
        """Return its value in `settings`."""
        return getattr(getattr(settings, self.group), self.name)

    def parse(self, text: str) -> Any:
        """Turn text into what pydantic can check: blank, lines, or the text itself."""
        if self.kind is tuple:
            return tuple(lines_of(text))
        return None if self.optional and not text else text

    def complaint(self, value: Any) -> str:
        """Say that it cannot have a value, and what it can be."""
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "lines of text"}
        allowed = self.allowed_in_words.strip(" ()")
        expected = f"one of {allowed}" if self.choices else wanted[self.kind] + (f", {allowed}" if allowed else "")
        return f"{self.path} = {value!r}; expected {expected}{', or blank' if self.optional else ''}."


Declared = TypeVar("Declared", bound=Group)


def fields_of(group: type[Group], name: str) -> list[SettingField]:
    """List a group's settings in the order of their declaration; `name` is what the group goes by."""
    return [SettingField(name, field, info) for field, info in group.model_fields.items()]


def filled(group: type[Declared], name: str, values: Mapping[str, Any]) -> Declared:
    """Make a group of values, texts as a form or a command line has them; what is absent keeps its default.

    Raises:
        SettingsError: with every value that cannot be used, and every name that is no setting's.
    """
    fields = {field.name: field for field in fields_of(group, name)}
    parsed = {
        key: fields[key].parse(value) if isinstance(value, str) and key in fields else value
        for key, value in values.items()
    }
    try:
        return group.model_validate(parsed)
    except ValidationError as error:
        wrong = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors())
        said = [
            fields[key].complaint(values.get(key, fields[key].info.default))
            if key in fields
            else not_a_setting(f"{name}.{key}", (field.path for field in fields.values()))
            for key in wrong
        ]
        raise SettingsError(said) from error


def lines_of(text: str) -> list[str]:
    """Split a text into its lines, without space around them and without empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def not_a_setting(path: str, known: Iterable[str], kohya: Mapping[str, str] | None = None) -> str:
    """Say that there is no setting of this name, and which comes near.

    Args:
        path: what was asked for.
        known: the settings' names in full.
        kohya: the setting that each of kohya's names means.
    """
    known, name = list(known), path.rpartition(".")[2]
    called = [one for one in known if one.rpartition(".")[2] == name]  # of another group, or without its group
    theirs = [kohya[name]] if kohya and name in kohya else []
    close = (theirs or called)[:3] or difflib.get_close_matches(path, known, n=1)
    return f"{path} is not a setting" + (f"; did you mean {' or '.join(close)}?" if close else ".")


def _number(value: float) -> str:
    """Write a bound as people do: 1,000,000 and not 1e+06."""
    return f"{int(value):,}" if value == int(value) else f"{value:g}"
