"""The optimizers by the names that kohya's users know, and how their arguments are written.

Nothing is imported here: where a class comes from is a text, so that forms and advice need no torch.
"""

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BITSANDBYTES = "bitsandbytes"


@dataclass(frozen=True)
class KnownOptimizer:
    """An optimizer that needs no dotted name.

    Args:
        path: of its class.
        fixed: the arguments that make the class what its name says.
        instead: the known name that is used where bitsandbytes or a GPU is missing.
        stands_for: said where the name's own class is not among the libraries: what this one is.
        finds_rate: whether it finds the learning rate by itself; the rate that is given multiplies what it finds.
        averages: whether it needs no schedule, because it averages its weights.
    """

    path: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    instead: str = ""
    stands_for: str = ""
    finds_rate: bool = False
    averages: bool = False


def _adapts(name: str, stands_for: str = "") -> KnownOptimizer:
    return KnownOptimizer(f"pytorch_optimizer.{name}", stands_for=stands_for, finds_rate=True)


def _eight_bit(name: str, instead: str, **fixed: Any) -> KnownOptimizer:
    return KnownOptimizer(f"{BITSANDBYTES}.optim.{name}", fixed, instead)


_NESTEROV = {"momentum": 0.9, "nesterov": True}
KNOWN: dict[str, KnownOptimizer] = {
    "AdamW": KnownOptimizer("torch.optim.AdamW"),
    "AdamW8bit": _eight_bit("AdamW8bit", "AdamW"),
    "PagedAdamW": _eight_bit("PagedAdamW", "AdamW"),
    "PagedAdamW8bit": _eight_bit("PagedAdamW8bit", "AdamW"),
    "PagedAdamW32bit": _eight_bit("PagedAdamW32bit", "AdamW"),
    "Lion": KnownOptimizer("pytorch_optimizer.Lion"),
    "Lion8bit": _eight_bit("Lion8bit", "Lion"),
    "PagedLion8bit": _eight_bit("PagedLion8bit", "Lion"),
    "SGDNesterov": KnownOptimizer("torch.optim.SGD", _NESTEROV),
    "SGDNesterov8bit": _eight_bit("SGD8bit", "SGDNesterov", **_NESTEROV),
    "Adafactor": KnownOptimizer("transformers.optimization.Adafactor"),
    "CAME": KnownOptimizer("pytorch_optimizer.CAME"),
    "Prodigy": _adapts("Prodigy"),
    "DAdaptation": _adapts("DAdaptAdam", "DAdaptAdam, the version after the preprint's,"),
    "DAdaptAdamPreprint": _adapts("DAdaptAdam", "DAdaptAdam, the version after the preprint's,"),
    "DAdaptAdam": _adapts("DAdaptAdam"),
    "DAdaptAdaGrad": _adapts("DAdaptAdaGrad"),
    "DAdaptAdan": _adapts("DAdaptAdan"),
    "DAdaptAdanIP": _adapts("DAdaptAdan", "DAdaptAdan"),
    "DAdaptLion": _adapts("DAdaptLion"),
    "DAdaptSGD": _adapts("DAdaptSGD"),
    "AdamWScheduleFree": KnownOptimizer("pytorch_optimizer.ScheduleFreeAdamW", averages=True),
    "RAdamScheduleFree": KnownOptimizer("pytorch_optimizer.ScheduleFreeRAdam", averages=True),
    "SGDScheduleFree": KnownOptimizer("pytorch_optimizer.ScheduleFreeSGD", averages=True),
}

_ARGUMENT = re.compile(r"\s+(?=\"?[A-Za-z_]\w*\s*=)")


# The classes of torch.optim 2.13, which a plain name is looked for among; read here without torch.
# fmt: off
OF_TORCH = (
    "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon", "NAdam", "RAdam",
    "RMSprop", "Rprop", "SGD", "SparseAdam",
)
# fmt: on


def nearest_name(name: str) -> str:
    """Return the known name most like one that is not known; empty for those that are, and for dotted ones."""
    if "." in name or name in KNOWN or name in OF_TORCH:
        return ""
    return next(iter(difflib.get_close_matches(name, [*KNOWN, *OF_TORCH], n=1)), "AdamW")


def known_name(name: str) -> str:
    """Write a known name as it is written here, whatever its capitals; others are left as they are."""
    return {known.lower(): known for known in KNOWN}.get(name.strip().lower(), name.strip())


def parse_arguments(lines: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """Read arguments such as ``betas=0.9,0.99 weight_decay=0.1``; values are literals and never evaluated.

    Returns:
        The values by name, and what is wrong with those that could not be read.
    """
    values, problems = {}, []
    for text in (part for line in lines for part in _ARGUMENT.split(line.strip()) if part):
        if text[0] == text[-1] == '"':
            text = text[1:-1]  # kohya's presets put some arguments into quotes as a whole
        name, equals, value = (part.strip() for part in text.partition("="))
        try:
            if not (equals and name.isidentifier()):
                raise ValueError
            read = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            problems.append(
                f"optimizer.args: {text!r} cannot be read; write name=value, the value a number, True, False, None, a "
                "text in quotes or numbers with commas, such as weight_decay=0.1 or betas=0.9,0.99."
            )
            continue
        values[name] = tuple(read) if isinstance(read, list) else read
    return values, problems


def finds_rate(name: str) -> bool:
    """Whether an optimizer finds the learning rate by itself, so that 1 is to be given."""
    known = KNOWN.get(name)
    return known.finds_rate if known else name.rpartition(".")[2].startswith(("Prodigy", "DAdapt"))


def averages(name: str) -> bool:
    """Whether an optimizer averages its weights instead of following a schedule."""
    known = KNOWN.get(name)
    return known.averages if known else "ScheduleFree" in name


def sets_rate(name: str, lines: Iterable[str]) -> bool:
    """Whether an optimizer sets the learning rate from the step: Adafactor, unless relative_step is off."""
    return name == "Adafactor" and bool(parse_arguments(lines)[0].get("relative_step", True))
