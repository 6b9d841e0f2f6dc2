"""What is allowed but unwise."""

from loranb.settings import OptimizerSettings, Settings
from loranb.settings.optimizers import averages, finds_rate, sets_rate


def advice(settings: Settings) -> list[str]:
    """Say what is allowed but unwise, in plain words; nothing here stops a run."""
    said = []
    lora, dataset = settings.lora, settings.dataset
    if lora.alpha is not None and lora.alpha > lora.rank:
        said.append(
            f"lora.alpha = {lora.alpha:g} is above the rank ({lora.rank}): the LoRA is amplified and learns in leaps. "
            "Leave it blank, or use a lower learning rate."
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
    return said + _on_optimizer(settings) + _on_schedule(settings.optimizer) + _on_objective(settings)


def _on_optimizer(settings: Settings) -> list[str]:
    optimizer, said = settings.optimizer, []
    name, rate, of_text = optimizer.name, optimizer.learning_rate, optimizer.text_encoder_learning_rate
    unscheduled = averages(name)
    if finds_rate(name):
        if rate <= 0.1:
            said.append(
                f"optimizer.learning_rate = {rate:g} multiplies the rate that {name} finds by itself, so it learns "
                "next to nothing. Set it to 1."
            )
        if of_text not in (None, 0, rate):
            said.append(f"{name} uses the U-Net's rate for the text encoder too; leave the text encoder's rate blank.")
    elif sets_rate(name, optimizer.args):
        unscheduled = True
        said.append(
            "Adafactor sets the learning rate from the step number, whatever rates are given. For rates of your own, "
            "add the arguments relative_step=False and scale_parameter=False, and set the gradient norm to 0."
        )
    elif rate > 1e-3 and settings.model.base != "demo":
        said.append(
            f"optimizer.learning_rate = {rate:g} is high for {name}; most LoRAs are trained between 2e-5 and 5e-4."
        )
    if unscheduled and not optimizer.schedule.startswith("constant"):
        said.append(f"optimizer.schedule = {optimizer.schedule!r} is not used with {name}: it needs no schedule.")
    return said


def _on_objective(settings: Settings) -> list[str]:
    objective, noise, said = settings.objective, settings.noise, []
    if objective.min_snr_gamma is not None and objective.debiased:
        said.append(
            "objective.min_snr_gamma and objective.debiased both weigh the timesteps, and their weights multiply: "
            "very noisy ones count for nearly everything. Use one of them."
        )
    if objective.zero_terminal_snr and objective.predicts == "epsilon":
        said.append(
            "objective.zero_terminal_snr is meant for models that predict v; with objective.predicts = 'epsilon' "
            "drawing begins at a timestep where nothing can be learnt."
        )
    if objective.stratified and settings.length.batch_size == 1:
        said.append("objective.stratified does nothing with length.batch_size = 1: it spreads a batch's timesteps.")
    if noise.offset is not None and noise.multires_iterations is not None:
        said.append(
            "noise.offset and noise.multires_iterations both teach large shapes and light, and together they are "
            "strong; most people use one of them."
        )
    return said


def _on_schedule(optimizer: OptimizerSettings) -> list[str]:
    said = []
    if optimizer.schedule == "cosine_with_min_lr" and optimizer.schedule_floor == 0:
        said.append(
            "optimizer.schedule = 'cosine_with_min_lr' with optimizer.schedule_floor = 0 ends at nought, as cosine "
            "does. Give a share of the learning rate to end at, such as 0.1."
        )
    if optimizer.schedule == "cosine_with_restarts" and optimizer.schedule_cycles == 1:
        said.append(
            "optimizer.schedule = 'cosine_with_restarts' with optimizer.schedule_cycles = 1 never begins anew: it is "
            "cosine. Give 2 or more cycles, or choose cosine."
        )
    shares = optimizer.warmup < 1 and optimizer.schedule_decay < 1
    if optimizer.schedule == "warmup_stable_decay" and shares and optimizer.warmup + optimizer.schedule_decay >= 1:
        said.append(
            "optimizer.warmup and optimizer.schedule_decay together take up the whole run: warmup_stable_decay never "
            "stays level. Shorten one of them."
        )
    return said
