"""What is unwise about optimizer, rates and schedule."""

from collections.abc import Iterator

from loranb.settings import OptimizerSettings, Settings
from loranb.settings.advice.advice import Advice
from loranb.settings.optimizers import averages, finds_rate, nearest_name, sets_rate


def about(settings: Settings) -> Iterator[Advice]:
    """Say what is unwise."""
    name = settings.optimizer.name
    if nearest := nearest_name(name):
        yield Advice(
            f"optimizer.name = {name!r} is no optimizer that is known here; did you mean {nearest}? A plain name is "
            "looked for in torch.optim when a run is made, and refused if it is not there.",
            {"optimizer.name": nearest},
        )
    yield from _rates(settings)
    yield from _schedule(settings.optimizer)


def _rates(settings: Settings) -> Iterator[Advice]:
    optimizer = settings.optimizer
    name, rate, of_text = optimizer.name, optimizer.learning_rate, optimizer.text_encoder_learning_rate
    if finds_rate(name):
        if rate <= 0.1:
            yield Advice(
                f"optimizer.learning_rate = {rate:g} multiplies the rate that {name} finds by itself, so it learns "
                "next to nothing. Set it to 1.",
                {"optimizer.learning_rate": 1.0},
            )
        if of_text not in (None, 0, rate):
            yield Advice(
                f"{name} uses the U-Net's rate for the text encoder too; leave the text encoder's rate blank.",
                {"optimizer.text_encoder_learning_rate": None},
            )
    elif sets_rate(name, optimizer.args):
        own = ("relative_step", "scale_parameter")
        kept = tuple(line for line in optimizer.args if line.partition("=")[0].strip() not in own)
        yield Advice(
            "Adafactor sets the learning rate from the step number, whatever rates are given. For rates of your own, "
            "add the arguments relative_step=False and scale_parameter=False, and set the gradient norm to 0.",
            {
                "optimizer.args": (*kept, "relative_step=False", "scale_parameter=False"),
                "optimizer.max_grad_norm": 0.0,
            },
        )
    elif rate > 1e-3 and settings.model.base != "demo":
        yield Advice(
            f"optimizer.learning_rate = {rate:g} is high for {name}; most LoRAs are trained between 2e-5 and 5e-4.",
            {"optimizer.learning_rate": 1e-4},
        )
    unscheduled = averages(name) or sets_rate(name, optimizer.args)
    if unscheduled and not optimizer.schedule.startswith("constant"):
        yield Advice(
            f"optimizer.schedule = {optimizer.schedule!r} is not used with {name}: it needs no schedule.",
            {"optimizer.schedule": "constant"},
        )


def _schedule(optimizer: OptimizerSettings) -> Iterator[Advice]:
    if optimizer.schedule == "cosine_with_min_lr" and optimizer.schedule_floor == 0:
        yield Advice(
            "optimizer.schedule = 'cosine_with_min_lr' with optimizer.schedule_floor = 0 ends at nought, as cosine "
            "does. Give a share of the learning rate to end at, such as 0.1.",
            {"optimizer.schedule_floor": 0.1},
        )
    if optimizer.schedule == "cosine_with_restarts" and optimizer.schedule_cycles == 1:
        yield Advice(
            "optimizer.schedule = 'cosine_with_restarts' with optimizer.schedule_cycles = 1 never begins anew: it is "
            "cosine. Give 2 or more cycles, or choose cosine.",
            {"optimizer.schedule": "cosine"},
        )
    shares = optimizer.warmup < 1 and optimizer.schedule_decay < 1
    if optimizer.schedule == "warmup_stable_decay" and shares and optimizer.warmup + optimizer.schedule_decay >= 1:
        yield Advice(
            "optimizer.warmup and optimizer.schedule_decay together take up the whole run: warmup_stable_decay never "
            "stays level. Shorten one of them.",
            {"optimizer.warmup": 0.05, "optimizer.schedule_decay": 0.1},
        )
