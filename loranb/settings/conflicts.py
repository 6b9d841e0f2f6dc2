"""Settings that cannot be used together: found before anything is loaded, all at once."""

from loranb.settings import CaptionSettings, ObjectiveSettings, Settings
from loranb.settings.network_conflicts import of_the_network
from loranb.settings.optimizers import averages


def conflicts(settings: Settings) -> list[str]:
    """Say which settings exclude each other, and what to do; empty if none do."""
    objective, noise = settings.objective, settings.noise
    found = misfits(objective, objective.predicts)
    if objective.scale_v_pred and objective.v_pred_like is not None:
        found.append(
            "objective.scale_v_pred and objective.v_pred_like are for models that predict v and for models that "
            "predict their noise; no model does both. Switch one off."
        )
    if objective.timestep_min >= objective.timestep_max:
        found.append(
            f"objective.timestep_min = {objective.timestep_min} and objective.timestep_max = "
            f"{objective.timestep_max} leave no timestep; the first must be below the second."
        )
    if noise.offset_adaptive is not None and noise.offset is None:
        found.append(
            f"noise.offset_adaptive = {noise.offset_adaptive:g} changes noise.offset, which is blank; give an offset "
            "such as 0.05, or leave both blank."
        )
    found += [*of_the_network(settings), *_marks(settings.captions)]
    return [*found, *_of_memory(settings), *_of_validation(settings)]


def _of_memory(settings: Settings) -> list[str]:
    """Say what excludes each other of number formats, averages and the text encoder's end."""
    lora, base, optimizer, found = settings.memory.lora_precision, settings.memory.precision, settings.optimizer, []
    if lora == "fp16" and base != "fp16":
        found.append(
            f"memory.lora_precision = 'fp16' needs memory.precision = 'fp16', which scales gradients so that they fit; "
            f"it is {base!r}. Choose bf16 or fp32 for the LoRA."
        )
    if lora == "bf16" and base == "fp16":
        found.append(
            "memory.lora_precision = 'bf16' does not go with memory.precision = 'fp16'. Choose fp32 for the LoRA."
        )
    if optimizer.ema is not None and averages(optimizer.name):
        found.append(
            f"optimizer.ema = {optimizer.ema:g} averages the weights, and {optimizer.name} does so by itself. Leave "
            "optimizer.ema blank, or choose an optimizer such as AdamW."
        )
    if optimizer.text_encoder_stop and not settings.lora.unet:
        found.append(
            f"optimizer.text_encoder_stop = {optimizer.text_encoder_stop} leaves nothing to train after that with "
            "lora.unet = False. Set it to 0, or train the U-Net too."
        )
    return found


def _of_validation(settings: Settings) -> list[str]:
    share, folder = settings.validation.share, settings.validation.folder.strip()
    found = []
    if share and folder:
        found.append(
            f"validation.share = {share:g} and validation.folder = {folder!r} both say what is kept back; use one."
        )
    if folder in (".", "..", "img", "reg") or "/" in folder or "\\" in folder:
        found.append(
            f"validation.folder = {folder!r}; expected the name of a folder beside img, such as validation, and "
            "not one that is trained on."
        )
    return found


def misfits(options: ObjectiveSettings, predicts: str) -> list[str]:
    """Say which options do not go with what a model predicts; empty for "auto", where that is not known yet."""
    found = []
    if options.scale_v_pred and predicts == "epsilon":
        found.append("objective.scale_v_pred = True is for models that predict v; this one predicts its noise.")
    if options.v_pred_like is not None and predicts == "v_prediction":
        found.append(
            f"objective.v_pred_like = {options.v_pred_like:g} is for models that predict their noise; this one "
            "predicts v. Leave it blank."
        )
    return found


def _marks(captions: CaptionSettings) -> list[str]:
    """Say which marks in captions cannot be told from each other."""
    marks = {
        "captions.keep_separator": captions.keep_separator,
        "captions.group_separator": captions.group_separator,
        "captions.separator": captions.separator or ",",
    }
    if len(set(marks.values()) - {""}) == sum(mark != "" for mark in marks.values()):
        return []
    said = ", ".join(f"{name} = {mark!r}" for name, mark in marks.items())
    return [f"{said}: two of these marks are the same. Give each its own, such as ||| and ;;;, or leave it blank."]
