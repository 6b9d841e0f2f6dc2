"""The optimizer, and the learning rate of each of its groups."""

import contextlib
import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer

from loranb.errors import SettingsError
from loranb.settings import OptimizerSettings
from loranb.settings.optimizers import BITSANDBYTES, KNOWN, parse_arguments, sets_rate

if TYPE_CHECKING:
    from loranb.lora.adapter import Adapter

TEXT_ENCODERS = ("text_encoder", "text_encoder_1", "text_encoder_2")  # of SD, and the two of SDXL

# What the authors' own packages of Prodigy and D-Adaptation, which kohya's trainer uses, call them.
_ELSEWHERE = {"decouple": "weight_decouple", "use_bias_correction": "bias_correction"}


@dataclass(frozen=True)
class Choice:
    """An optimizer's class and arguments, and what is to be said about it."""

    kind: type[Optimizer]
    arguments: dict[str, Any]
    notices: tuple[str, ...] = ()

    def on(self, parameters: Any) -> Optimizer:
        """Make the optimizer."""
        optimizer = self.kind(parameters, **self.arguments)
        if hasattr(optimizer, "train"):
            optimizer.train()
        return optimizer


def choose(optimizer: OptimizerSettings, device: torch.device, warmup: int = 0) -> Choice:
    """Find the class that the settings name, and try it on one number.

    Args:
        optimizer: the settings.
        device: where it will run; bitsandbytes needs a GPU.
        warmup: steps of warm-up, for optimizers that make their own.

    Raises:
        SettingsError: there is no such class, or it does not take these arguments.
    """
    name, notices = optimizer.name, []
    known = KNOWN.get(name)
    if known and known.instead and (missing := _missing_for_bitsandbytes(device)):
        notices.append(f"optimizer.name = {name!r} needs {missing}; {known.instead} is used, which takes more memory.")
        known = KNOWN[known.instead]
    elif known and known.stands_for:
        notices.append(f"optimizer.name = {name!r}: {known.stands_for} is used for it.")
    kind = _class(known.path if known else name)
    arguments = _arguments(kind, optimizer, dict(known.fixed) if known else {}, warmup)
    choice = Choice(kind, arguments, tuple(notices))
    _try(choice, optimizer)
    return choice


def make_optimizer(adapter: "Adapter", optimizer: OptimizerSettings, choice: Choice) -> Optimizer:
    """Make it with a group for the U-Net and one for each text encoder, or more where blocks learn at other rates.

    A group keeps its highest rate as "peak"; one whose rate is 0 is left out.
    """
    peaks, own_rate = peak_rates(optimizer), sets_rate(optimizer.name, optimizer.args)
    groups = []
    for group in adapter.groups():
        if peak := peaks[group.part] * group.share:
            rate = {} if own_rate else {"lr": peak}
            groups.append({"name": group.name, "params": group.parameters, "peak": peak} | rate)
    return choice.on(groups)


def peak_rates(optimizer: OptimizerSettings) -> dict[str, float]:
    """Return the highest learning rate of each part of a model."""
    of_text, of_second = optimizer.text_encoder_learning_rate or 0.0, optimizer.text_encoder_2_learning_rate
    peaks = {"unet": optimizer.learning_rate} | dict.fromkeys(TEXT_ENCODERS, of_text)
    return peaks | ({} if of_second is None else {TEXT_ENCODERS[-1]: of_second})


def set_learning_rates(groups: Any, share: float) -> None:
    """Set each group's learning rate for the step to come.

    Args:
        groups: the torch optimizer, or accelerate's wrapper of one.
        share: of their highest rates, as a schedule gives it.
    """
    for group in groups.param_groups:
        group["lr"] = group["peak"] * share


def learning_rates(optimizer: Any) -> dict[str, float]:
    """Return the rate of each group in the last step, with what the optimizer has found or set itself."""
    inner = _inner(optimizer)
    return {group["name"]: _rate(inner, group) for group in inner.param_groups}


def _rate(optimizer: Optimizer, group: dict[str, Any]) -> float:
    if group.get("relative_step"):
        state = optimizer.state.get(group["params"][0])
        return float(optimizer._get_lr(group, state)) if state else 0.0  # type: ignore[attr-defined]
    return float(group["lr"]) * float(group.get("d", 1.0))


@contextlib.contextmanager
def averaged(optimizer: Any) -> Iterator[None]:
    """Give the parameters the averaged weights of an optimizer that averages, and back; no other is touched.

    The weights it trains on are kept aside and put back as they were, so that looking changes nothing,
    not even by rounding.
    """
    inner = _inner(optimizer)
    if not (hasattr(inner, "eval") and hasattr(inner, "train")):
        yield
        return
    parameters = [parameter for group in inner.param_groups for parameter in group["params"]]
    kept = [parameter.detach().clone() for parameter in parameters]
    inner.eval()
    try:
        yield
    finally:
        inner.train()
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)


def restore(optimizer: Any, state: dict[str, Any]) -> None:
    """Put back a saved state; what an optimizer keeps of a group goes to where its parameters are."""
    peaks = {group["name"]: group["peak"] for group in optimizer.param_groups if "peak" in group}
    optimizer.load_state_dict(state)
    for group in optimizer.param_groups:
        if group.get("name") in peaks:
            group["peak"] = peaks[group["name"]]  # earlier versions kept none
        for name, value in group.items():
            if isinstance(value, torch.Tensor):
                group[name] = value.to(group["params"][0].device)


def describe(optimizer: Any, settings: OptimizerSettings) -> str:
    """Name an optimizer as kohya's trainer does in a LoRA file: ``module.Class(arguments)``."""
    kind = type(_inner(optimizer))
    given = parse_arguments(settings.args)[0]
    if settings.weight_decay is not None:
        given = {"weight_decay": settings.weight_decay, **given}
    arguments = ",".join(f"{name}={value}" for name, value in given.items())
    return f"{kind.__module__}.{kind.__name__}" + (f"({arguments})" if arguments else "")


def class_name(optimizer: Any) -> str:
    """Name an optimizer's class in full; a saved state belongs to it."""
    kind = type(_inner(optimizer))
    return f"{kind.__module__}.{kind.__qualname__}"


def _inner(optimizer: Any) -> Any:
    return getattr(optimizer, "optimizer", optimizer)  # accelerate wraps it


def _missing_for_bitsandbytes(device: torch.device) -> str:
    if device.type != "cuda":
        return "a GPU"
    if importlib.util.find_spec(BITSANDBYTES) is None:
        return "bitsandbytes, which is not installed (pip install bitsandbytes)"
    try:
        importlib.import_module(f"{BITSANDBYTES}.optim")
    except Exception as error:  # a build for another CUDA fails in many ways
        return f"bitsandbytes, which cannot be loaded here ({error})"
    return ""


def _class(path: str) -> type[Optimizer]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module or "torch.optim"), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            [
                f"optimizer.name = {path!r}: {error}. Known names are {', '.join(KNOWN)}; others are a class of "
                "torch.optim, or a class with the module it is in, such as pytorch_optimizer.AdEMAMix."
            ]
        ) from error
    if not (inspect.isclass(found) and issubclass(found, Optimizer) and found is not Optimizer):
        raise SettingsError([f"optimizer.name = {path!r} is no optimizer: a class made from torch.optim.Optimizer."])
    return found


def _arguments(
    kind: type[Optimizer], optimizer: OptimizerSettings, fixed: dict[str, Any], warmup: int
) -> dict[str, Any]:
    given, problems = parse_arguments(optimizer.args)
    taken = inspect.signature(kind).parameters
    of_pytorch_optimizer = kind.__module__.startswith("pytorch_optimizer")
    if of_pytorch_optimizer:
        given = {_ELSEWHERE.get(name, name): value for name, value in given.items()}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in taken.values()) and not of_pytorch_optimizer  # it drops them
    for name in given:
        if name in ("params", "lr") or (name not in taken and not open_ended):
            names = [n for n, p in taken.items() if p.kind is not p.VAR_KEYWORD and n not in ("params", "lr")]
            problems.append(f"optimizer.args: {kind.__name__} has no {name}; it has {', '.join(names)}.")
    if problems:
        raise SettingsError(problems)
    own = dict(fixed)
    if optimizer.weight_decay is not None and "weight_decay" in taken:
        own["weight_decay"] = optimizer.weight_decay
    if "warmup_steps" in taken:
        own["warmup_steps"] = warmup
    return own | given


def _try(choice: Choice, optimizer: OptimizerSettings) -> None:
    """Take a step with it, on the CPU and away from the model, so that what fails does so before one is loaded."""
    if choice.kind.__module__.startswith(BITSANDBYTES):
        return  # needs the GPU
    number = torch.nn.Parameter(torch.ones(2, 2))
    number.grad = torch.ones(2, 2)
    rates = {} if sets_rate(optimizer.name, optimizer.args) else {"lr": optimizer.learning_rate}
    try:
        choice.on([{"params": [number], **rates}]).step()
    except Exception as error:  # each class checks its arguments in its own way
        shown = ", ".join(f"{name}={value}" for name, value in choice.arguments.items()) or "none"
        raise SettingsError(
            [
                f"optimizer.name = {optimizer.name!r} cannot be used with these arguments ({shown}): "
                f"{type(error).__name__}: {error}"
            ]
        ) from error
