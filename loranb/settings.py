"""The settings of a training run: one declaration each.

A field carries its name, type, default, bounds, help and unit, whether it is for experts, and the
names it has in kohya's tools (``kohya``) and in a LoRA file's metadata (``ss``). The form, the
settings file, the command line, the plan and the metadata all read this declaration; the recipe
reads the same object. There is no second default anywhere.
"""

import difflib
import textwrap
import tomllib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from loranb.errors import SettingsError
from loranb.files import write_text

PRESETS = Path(__file__).parent / "presets"


def presets() -> list[str]:
    """List the presets that come with loranb."""
    return sorted(file.stem for file in PRESETS.glob("*.toml"))


def setting(
    default: Any,
    help: str,  # noqa: A002  the field's own word for it
    *,
    unit: str = "",
    advanced: bool = False,
    kohya: str = "",
    ss: str = "",
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
        bounds: pydantic's ``ge, gt, le, lt, multiple_of``.
    """
    extra = {"unit": unit, "advanced": advanced, "kohya": kohya, "ss": ss}
    return Field(default, description=help, json_schema_extra=extra, **bounds)


class Group(BaseModel):
    """A group of settings, as the form shows it; its docstring is the group's title."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)


class ModelSettings(Group):
    """Base model."""

    base: str = setting(
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "The model that the LoRA is made for: a diffusers folder, a .safetensors file, the id of a model on the "
        'Hugging Face hub, or "demo" for the small one that comes with loranb. Choose the model your LoRA will be '
        "used with, or the one it descends from.",
        kohya="pretrained_model_name_or_path",
    )
    clip_skip: int = setting(
        1,
        "Which layer of the text encoder is read, counted from the last. 1 for most models; 2 for models of drawn "
        "characters that were trained so. Use the same number when you generate.",
        ge=1,
        le=12,
        advanced=True,
        kohya="clip_skip",
        ss="ss_clip_skip",
    )


class DatasetSettings(Group):
    """Pictures and captions."""

    resolution: int = setting(
        512,
        "The size to train at: a picture is scaled to an area of this many pixels squared, whatever its shape. Higher "
        "shows finer detail and costs time and memory with its square. 512 for SD 1.5, up to 768 with good pictures; "
        "the demo model draws at 128.",
        unit="pixels",
        ge=64,
        le=2048,
        multiple_of=8,
        kohya="max_resolution",
        ss="ss_resolution",
    )
    buckets: bool = setting(
        True,
        "Keep each picture's shape by sorting pictures of like shape into buckets. Off: all are cut to a square.",
        kohya="enable_bucket",
        ss="ss_enable_bucket",
    )
    bucket_step: int = setting(
        64,
        "Sides of buckets are multiples of this. Smaller cuts less off the pictures and makes more, emptier buckets.",
        unit="pixels",
        ge=8,
        le=256,
        multiple_of=8,
        advanced=True,
        kohya="bucket_reso_steps",
    )
    bucket_min: int = setting(
        256,
        "The shortest side a bucket may have. Lower lets long, narrow pictures keep more of their shape. Not used with "
        "no upscale, where buckets follow the pictures.",
        unit="pixels",
        ge=32,
        le=2048,
        multiple_of=8,
        advanced=True,
        kohya="min_bucket_reso",
        ss="ss_min_bucket_reso",
    )
    bucket_max: int = setting(
        1024,
        "The longest side a bucket may have. Higher lets panoramas keep more of their shape. Not used with no upscale, "
        "where buckets follow the pictures.",
        unit="pixels",
        ge=64,
        le=4096,
        multiple_of=8,
        advanced=True,
        kohya="max_bucket_reso",
        ss="ss_max_bucket_reso",
    )
    no_upscale: bool = setting(
        True,
        "Leave pictures smaller than the resolution as they are instead of blowing them up; buckets are then found "
        "for each picture's own size. On, as in kohya's form.",
        kohya="bucket_no_upscale",
        ss="ss_bucket_no_upscale",
    )
    flip: bool = setting(
        False,
        "Show each picture mirrored half of the time. Helps when there are few; leave it off where left and right "
        "differ: writing, a parting in the hair, a face you know.",
        kohya="flip_aug",
        ss="ss_flip_aug",
    )
    shuffle_tags: bool = setting(
        False,
        "Shuffle the comma-separated tags of a caption at each step, so that none is learnt by its place. For tags, "
        "not for sentences; the first ones can be kept.",
        kohya="shuffle_caption",
        ss="ss_shuffle_caption",
    )
    keep_tags: int = setting(
        1,
        "How many tags stay in front when tags are shuffled: 1 keeps a trigger word first.",
        unit="tags",
        ge=0,
        le=100,
        advanced=True,
        kohya="keep_tokens",
        ss="ss_keep_tokens",
    )
    caption_dropout: float = setting(
        0.0,
        "Share of the steps in which a picture is shown without its caption. A little (0.05) makes a style show even "
        "when it isn't named; more weakens the trigger word.",
        ge=0,
        le=1,
        advanced=True,
        kohya="caption_dropout_rate",
        ss="ss_caption_dropout_rate",
    )


class LoraSettings(Group):
    """LoRA."""

    rank: int = setting(
        16,
        "Size of the LoRA's inner layer. Higher holds more detail and makes a larger file; 8 to 32 suit one subject, "
        "64 to 128 a style or several subjects.",
        ge=1,
        le=1024,
        kohya="network_dim",
        ss="ss_network_dim",
    )
    alpha: float | None = setting(
        None,
        "Scales what was learned by alpha / rank. Blank means the same as the rank: no scaling. Lower makes the LoRA "
        "learn more slowly, as a lower learning rate would.",
        gt=0,
        le=4096,
        kohya="network_alpha",
        ss="ss_network_alpha",
    )
    text_encoder: bool = setting(
        True,
        "Train the text encoder too, so that a new word gets a meaning of its own. Off saves memory; prompts are then "
        "followed as the base model does.",
    )


class OptimizerSettings(Group):
    """Learning."""

    learning_rate: float = setting(
        1e-4,
        "How far each step moves the U-Net's LoRA. Too high burns the pictures in and breaks others; too low learns "
        "nothing. 1e-4 is the usual start for AdamW (kohya's default).",
        gt=0,
        le=10,
        kohya="unet_lr",
        ss="ss_unet_lr",
    )
    text_encoder_learning_rate: float | None = setting(
        None,
        "The same for the text encoder. Blank means half of the learning rate: words need less.",
        ge=0,
        le=10,
        kohya="text_encoder_lr",
        ss="ss_text_encoder_lr",
    )
    schedule: Literal["constant", "cosine", "linear"] = setting(
        "cosine",
        "How the learning rate changes: constant; cosine: slowly, then faster, down to nought; linear: evenly down.",
        kohya="lr_scheduler",
        ss="ss_lr_scheduler",
    )
    warmup: float = setting(
        0.05,
        "Share of the steps over which the learning rate rises from nought. Guards the first steps against a rate "
        "that is too high for them.",
        ge=0,
        lt=1,
        kohya="lr_warmup",
    )
    weight_decay: float = setting(
        0.01,
        "How strongly AdamW pulls the LoRA towards nought. Rarely worth touching (AdamW's default).",
        ge=0,
        le=1,
        advanced=True,
    )
    max_grad_norm: float = setting(
        1.0,
        "Gradients longer than this are shortened to it, so that one odd picture cannot throw the LoRA off. 0 is off.",
        ge=0,
        le=1000,
        advanced=True,
        kohya="max_grad_norm",
        ss="ss_max_grad_norm",
    )
    min_snr_gamma: float | None = setting(
        None,
        "Weigh easy, low-noise steps less (Min-SNR); 5 in the paper. Blank is off. Helps to learn shapes sooner.",
        gt=0,
        le=100,
        advanced=True,
        kohya="min_snr_gamma",
        ss="ss_min_snr_gamma",
    )


class LengthSettings(Group):
    """Length."""

    epochs: int = setting(
        10,
        "How many times every picture is shown, times its repeats. Too many and the LoRA draws your pictures and "
        "nothing else; each epoch is saved, so that you can choose an earlier one.",
        ge=1,
        le=10000,
        kohya="epoch",
    )
    steps: int | None = setting(
        None,
        "Stop after this many steps, whatever the epochs. Blank: the epochs decide.",
        unit="steps",
        ge=1,
        le=1_000_000,
        kohya="max_train_steps",
    )
    batch_size: int = setting(
        1,
        "How many pictures are looked at in one step. Higher is steadier and quicker on a big GPU, and needs memory.",
        unit="pictures",
        ge=1,
        le=256,
        kohya="train_batch_size",
    )
    gradient_accumulation: int = setting(
        1,
        "Batches that are added up before a step is taken: the effect of a larger batch without its memory.",
        unit="batches",
        ge=1,
        le=256,
        advanced=True,
        kohya="gradient_accumulation_steps",
        ss="ss_gradient_accumulation_steps",
    )
    seed: int = setting(
        42,
        "The same seed, pictures and settings give the same LoRA on the same machine.",
        ge=0,
        le=2**31 - 1,
        kohya="seed",
        ss="ss_seed",
    )


class MemorySettings(Group):
    """Memory and speed."""

    precision: Literal["auto", "fp32", "fp16", "bf16"] = setting(
        "auto",
        "Number format of the base model's arithmetic. auto: bf16 on GPUs that have it (compute capability 8 and up), "
        "fp16 on older ones such as a T4, fp32 without a GPU. The LoRA itself is always trained in fp32.",
        kohya="mixed_precision",
        ss="ss_mixed_precision",
    )
    gradient_checkpointing: bool = setting(
        False,
        "Compute parts of the forward pass twice instead of keeping them. Needs much less GPU memory, and about "
        "a third more time.",
        kohya="gradient_checkpointing",
        ss="ss_gradient_checkpointing",
    )


class SavingSettings(Group):
    """Saving."""

    name: str = setting(
        "",
        "Name of the LoRA, as it is written in a prompt. Blank: the project's name and the next version, such as "
        "medieval_city_v1a.",
        kohya="output_name",
        ss="ss_output_name",
    )
    every_epochs: int = setting(
        1,
        "Save the LoRA after every so many epochs; the last is always saved.",
        unit="epochs",
        ge=1,
        le=10000,
        kohya="save_every_n_epochs",
    )
    precision: Literal["fp16", "bf16", "fp32"] = setting(
        "fp16",
        "Number format in the file. fp16 is half the size of fp32 and loads everywhere.",
        kohya="save_precision",
    )
    comment: str = setting(
        "",
        "A note to keep inside the file, for yourself or for those you give it to.",
        kohya="training_comment",
        ss="ss_training_comment",
    )


class SampleSettings(Group):
    """Sample pictures."""

    prompts: tuple[str, ...] = setting(
        (),
        "Prompts to draw during training, one a line, with options after it: --n negative prompt, --w --h size, "
        "--s steps, --d seed, --l CFG scale. Blank: a caption of your own pictures is used.",
        kohya="sample_prompts",
    )
    every_epochs: int = setting(
        1,
        "Draw the samples after every so many epochs; 0 draws none.",
        unit="epochs",
        ge=0,
        le=10000,
        kohya="sample_every_n_epochs",
    )


class Settings(Group):
    """All settings of a training run."""

    model: ModelSettings = ModelSettings()
    dataset: DatasetSettings = DatasetSettings()
    lora: LoraSettings = LoraSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    length: LengthSettings = LengthSettings()
    memory: MemorySettings = MemorySettings()
    saving: SavingSettings = SavingSettings()
    samples: SampleSettings = SampleSettings()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a settings file.

        Raises:
            SettingsError: it is not TOML, or holds values that cannot be used; all are named.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError([f"{path} is not a settings file: {error}."]) from error
        return cls.from_values(values)

    @classmethod
    def preset(cls, name: str) -> Self:
        """Read the settings of a preset that comes with loranb.

        Raises:
            SettingsError: there is no such preset.
        """
        if name not in presets():
            raise SettingsError([f"preset = {name!r}; there are {', '.join(presets())}."])
        return cls.load(PRESETS / f"{name}.toml")

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Make settings from groups of values, ``{"lora": {"rank": 8}}``; what is absent keeps its default.

        Raises:
            SettingsError: with every problem, in plain words.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError([_in_words(problem) for problem in error.errors()]) from error

    def save(self, path: Path) -> None:
        """Write the settings file, each value under its help."""
        write_text(path, self.to_toml())

    def to_toml(self) -> str:
        """Return the text of the settings file. A blank value is written as a comment."""
        document = tomlkit.document()
        document.add(tomlkit.comment("Settings of a loranb project; edit them here or in the form."))
        for group, fields in grouped():
            table = tomlkit.table()
            for field in fields:
                for line in textwrap.wrap(f"{field.help}{field.allowed_in_words}", 100):
                    table.add(tomlkit.comment(line))
                value = field.of(self)
                if value is None:
                    table.add(tomlkit.comment(f"{field.name} ="))
                else:
                    table.add(field.name, list(value) if isinstance(value, tuple) else value)
                table.add(tomlkit.nl())
            document.add(group, table)
        return tomlkit.dumps(document)

    def assign(self, path: str, value: Any) -> Self:
        """Return settings with one value changed; `path` is ``group.name``.

        Raises:
            SettingsError: there is no such setting, or it cannot have this value.
        """
        return self.assign_all({path: value})

    def assign_all(self, changes: Mapping[str, Any]) -> Self:
        """Return settings with several values changed at once; see `assign`."""
        values = self.model_dump()
        for path, value in changes.items():
            group, _, name = path.partition(".")
            values.setdefault(group, {})
            if isinstance(values[group], dict):
                values[group][name] = value
        return type(self).from_values(values)

    def assign_text(self, assignments: Iterable[str]) -> Self:
        """Return settings changed by texts such as ``lora.rank=32``, from the command line.

        An empty value means blank; prompts are separated by new lines.

        Raises:
            SettingsError: with every text that cannot be used.
        """
        changes: dict[str, Any] = {}
        problems = []
        for text in assignments:
            path, equals, value = text.partition("=")
            if not equals:
                problems.append(f"{text!r} sets nothing; write group.name=value, such as lora.rank=32.")
                continue
            field = _BY_PATH.get(path.strip())
            changes[path.strip()] = field.parse(value.strip()) if field else value
        if problems:
            raise SettingsError(problems)
        return self.assign_all(changes)


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
        return self.name.replace("_", " ")

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

    def of(self, settings: Settings) -> Any:
        """Return its value in `settings`."""
        return getattr(getattr(settings, self.group), self.name)

    def parse(self, text: str) -> Any:
        """Turn text into what pydantic can check: blank, lines, or the text itself."""
        if self.kind is tuple:
            return tuple(line.strip() for line in text.splitlines() if line.strip())
        return None if self.optional and not text else text


def _number(value: float) -> str:
    """Write a bound as people do: 1,000,000 and not 1e+06."""
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def grouped() -> list[tuple[str, list[SettingField]]]:
    """List the groups and their settings, in the order of the form."""
    return [
        (group, [SettingField(group, name, info) for name, info in _group_class(group).model_fields.items()])
        for group in Settings.model_fields
    ]


def fields() -> Iterator[SettingField]:
    """Go through all settings."""
    return (field for _, members in grouped() for field in members)


def group_title(group: str) -> str:
    """Return a group's name for people."""
    return (_group_class(group).__doc__ or group).rstrip(".")


def _group_class(group: str) -> type[Group]:
    return typing.cast(type[Group], Settings.model_fields[group].annotation)


_BY_PATH = {field.path: field for field in fields()}


def advice(settings: Settings) -> list[str]:
    """Say what is allowed but unwise, in plain words; nothing here stops a run."""
    said = []
    lora, dataset = settings.lora, settings.dataset
    if lora.alpha is not None and lora.alpha > lora.rank:
        said.append(
            f"lora.alpha = {lora.alpha:g} is above the rank ({lora.rank}): the LoRA is amplified and learns in leaps. "
            "Leave it blank, or use a lower learning rate."
        )
    if settings.optimizer.learning_rate > 1e-3 and settings.model.base != "demo":
        said.append(
            f"optimizer.learning_rate = {settings.optimizer.learning_rate:g} is high for AdamW; "
            "most LoRAs are trained between 2e-5 and 5e-4."
        )
    if (
        dataset.buckets
        and not dataset.no_upscale
        and not dataset.bucket_min <= dataset.resolution <= dataset.bucket_max
    ):
        said.append(
            f"dataset.resolution = {dataset.resolution} lies outside the buckets ({dataset.bucket_min} to "
            f"{dataset.bucket_max}); the bounds are widened to include it."
        )
    return said


def _in_words(problem: Any) -> str:
    """Say one of pydantic's complaints as a sentence: what, which value, what is allowed."""
    path = ".".join(str(part) for part in problem["loc"][:2])
    if problem["type"] == "extra_forbidden":
        known = [*_BY_PATH, *Settings.model_fields]
        close = difflib.get_close_matches(path, known, n=1)
        return f"{path} is not a setting" + (f"; did you mean {close[0]}?" if close else ".")
    field = _BY_PATH.get(path)
    if field is None:
        return f"{path} = {problem['input']!r}; expected a table of settings."
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "text", tuple: "lines of text"}
    allowed = field.allowed_in_words.strip(" ()")
    expected = f"one of {allowed}" if field.choices else wanted[field.kind] + (f", {allowed}" if allowed else "")
    return f"{path} = {problem['input']!r}; expected {expected}{', or blank' if field.optional else ''}."
