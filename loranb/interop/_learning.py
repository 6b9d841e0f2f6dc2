"""Kohya's keys of rates, optimizer and schedule that mean something else than one setting of the same name."""

from collections.abc import Mapping
from decimal import Decimal

from loranb.interop._network import unet_alone
from loranb.interop._reading import Reading, as_number
from loranb.interop._source import pairs
from loranb.settings.optimizers import KNOWN, known_name, parse_arguments, sets_rate

RATE, OF_TEXT = "optimizer.learning_rate", "optimizer.text_encoder_learning_rate"
_SWITCHES = {"use_8bit_adam": "AdamW8bit", "use_lion_optimizer": "Lion"}  # of 2022; off, the form took AdamW
_ALL = 0.99  # of the run; 1 would be one step
# Schedules that only one trainer or library has, and what they come to here.
_SCHEDULES = {
    "adafactor": "constant",
    "piecewise_constant": "constant",
    "cosineannealinglr": "cosine",
    "cosineannealingwarmrestarts": "cosine_with_restarts",
    "rexannealingwarmrestarts": "rex",
    "rexlr": "rex",
    "constantlr": "constant",
    "linearlr": "linear",
    "polynomiallr": "polynomial",
}


def optimizer(reading: Reading) -> None:
    """Read the optimizer, by its name or by the switches of 2022, and its arguments."""
    if reading.says("optimizer") or not any(reading.says(key) for key in _SWITCHES):
        reading.assign("optimizer", "optimizer.name", plain_name(str(reading.value("optimizer") or "")))
    for key, named in _SWITCHES.items():
        if "optimizer.name" not in reading.changes and reading.says(key):
            reading.assign(key, "optimizer.name", named if reading.flag(key) else "AdamW")
        reading.ignore(key, "optimizer says which one.")
    given = reading.source.values.get("optimizer_args")
    if reading.says("optimizer_args"):
        _arguments(reading, [f"{key}={value}" for key, value in _pairs(given)])
    else:
        reading.done("optimizer_args", "optimizer.args")


def plain_name(name: str) -> str:
    """Return the known name of an optimizer that is named by its class's path, of the library or of kohya's heirs."""
    by_path = {known.path: short for short, known in KNOWN.items() if not known.fixed and not known.stands_for}
    module, _, last = name.strip().rpartition(".")
    if module.startswith("LoraEasyCustomOptimizer") and known_name(last) in KNOWN:
        return known_name(last)
    return by_path.get(name.strip(), known_name(name))


def as_kohya_writes(name: str, value: object) -> str:
    """Write an argument as the form takes it, without a space; "" where that cannot be done."""
    text = repr(value)
    if isinstance(value, tuple) and value:
        text = ",".join(map(repr, value)) + ("," if len(value) == 1 else "")
    text = text if isinstance(value, str) else text.replace(" ", "")
    return "" if any(sign.isspace() or sign == '"' for sign in text) or not text else f"{name}={text}"


def _pairs(given: object) -> list[tuple[str, str]]:
    """Split arguments; a text may hold values with spaces, such as ``betas=(0.9, 0.99)``."""
    if isinstance(given, list | tuple):
        return pairs(given)
    values, _ = parse_arguments([str(given)])
    by_space = pairs(given)
    return by_space if len(values) == len(by_space) or not values else _without_spaces(values)


def _without_spaces(values: Mapping[str, object]) -> list[tuple[str, str]]:
    written = [as_kohya_writes(name, value) for name, value in values.items()]
    return pairs([line for line in written if line])


def _arguments(reading: Reading, lines: list[str]) -> None:
    """Take the arguments; the weight decay has a setting of its own."""
    decay = [line for line in lines if line.startswith("weight_decay=")]
    if decay and _weight_decay(reading, decay[-1].partition("=")[2]):
        lines = [line for line in lines if line not in decay]
    _, problems = parse_arguments(lines)
    for problem in problems:
        reading.advise(problem)
    reading.assign("optimizer_args", "optimizer.args", tuple(lines))


def _weight_decay(reading: Reading, text: str) -> bool:
    number = as_number(text)
    return (
        number is not None and 0 <= number <= 1 and reading.assign("optimizer_args", "optimizer.weight_decay", number)
    )


def rates(reading: Reading) -> None:
    """Read the learning rates, and which parts are trained: a part whose rate is 0 is not."""
    whole = reading.number("learning_rate") or 2e-6  # sd-scripts' own, which also stands in for a nought
    unet, text = _rate(reading, "unet_lr", whole), _rate(reading, "text_encoder_lr", whole)
    if not unet and not text:
        unet = text = whole
    only_unet = reading.flag("network_train_unet_only") or not text or unet_alone(reading)
    only_text = reading.flag("network_train_text_encoder_only") or not unet
    reading.assign("unet_lr" if reading.says("unet_lr") else "learning_rate", RATE, unet or text)
    reading.done("unet_lr", RATE)
    reading.assign("network_train_unet_only", "lora.text_encoder", not only_unet)
    reading.assign("network_train_text_encoder_only", "lora.unet", only_unet or not only_text)
    if only_unet:
        reading.done("text_encoder_lr", "lora.text_encoder")
        _untrained_text(reading, text)
    else:
        reading.assign("text_encoder_lr", OF_TEXT, text)
    if reading.says("unet_lr"):
        reading.ignore("learning_rate", "unet_lr and text_encoder_lr win over it, as in kohya's trainer.")
    reading.done("learning_rate", RATE)


def _rate(reading: Reading, key: str, whole: float) -> float:
    """Return a part's rate; sd-scripts has one for each text encoder, of which its LoRAs use the first."""
    value = reading.value(key)
    number = as_number(value[0] if isinstance(value, list) and value else value)
    return whole if number is None else number


def _untrained_text(reading: Reading, rate: float) -> None:
    if reading.says("text_encoder_lr") and not rate:
        reading.advise(
            "text_encoder_lr = 0: the text encoder is not trained, as in kohya's trainer. Some versions of its form "
            "began with 0, so it may not be meant. Switch lora.text_encoder on to train it.",
            {"lora.text_encoder": True},
        )


def schedule(reading: Reading) -> None:
    """Read the schedule and its warm-up."""
    key = "lr_scheduler_type" if reading.says("lr_scheduler_type") else "lr_scheduler"
    given = str(reading.value(key) or "").strip()
    name = given.rpartition(".")[2].lower()
    reading.assign(key, "optimizer.schedule", _SCHEDULES.get(name, name))
    if key == "lr_scheduler_type":
        reading.ignore("lr_scheduler", "lr_scheduler_type wins over it.")
    else:
        reading.ignore("lr_scheduler_type", "left blank: lr_scheduler says which one.")
    adafactor = sets_rate(known_name(str(reading.value("optimizer") or "")), reading.changes.get("optimizer.args", ()))
    if _SCHEDULES.get(name, name) != name and not (name == "adafactor" and adafactor):
        reading.advise(f"{key} = {given!r} is not a schedule here; {_SCHEDULES[name]} is taken, the nearest.")
    reading.ignore("lr_scheduler_args", "loranb's schedules have settings of their own instead.")
    _warmup(reading)


def _warmup(reading: Reading) -> None:
    """Read the warm-up: steps, a share or ``N%`` in ``lr_warmup_steps``, per cent in the form's ``lr_warmup``."""
    steps, percent = share(reading.value("lr_warmup_steps")), reading.number("lr_warmup")
    if steps or not reading.of_form:
        reading.assign("lr_warmup_steps", "optimizer.warmup", steps or 0.0)
        reading.ignore("lr_warmup", "lr_warmup_steps wins over it.")
    else:
        reading.assign("lr_warmup", "optimizer.warmup", min(of_percent(percent or 0.0), _ALL))
        reading.ignore("lr_warmup_steps", "0 or blank: lr_warmup says it in per cent.")


def share(value: object) -> float | None:
    """Read steps, a share or a text such as "5%"."""
    text = str(value).strip() if value is not None else ""
    if text.endswith("%"):
        number = as_number(text[:-1])
        return None if number is None else of_percent(number)
    return as_number(text)


def of_percent(percent: float) -> float:
    """Turn per cent into a share, moving the decimal point and nothing else."""
    return float(Decimal(repr(float(percent))) / 100)


def to_percent(of_whole: float) -> float:
    """Turn a share into per cent, moving the decimal point and nothing else."""
    return float(Decimal(repr(float(of_whole))) * 100)
