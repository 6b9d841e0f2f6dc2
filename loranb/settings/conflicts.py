"""Settings that cannot be used together: found before anything is loaded, all at once."""

from loranb.settings import CaptionSettings, ObjectiveSettings, Settings


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
    return [*found, *of_the_lora(settings), *_marks(settings.captions)]


def of_the_lora(settings: Settings) -> list[str]:
    """Say which settings of the LoRA exclude each other."""
    lora, found = settings.lora, []
    if not lora.unet and not lora.text_encoder:
        found.append("lora.unet = False and lora.text_encoder = False leave nothing to train. Switch one of them on.")
    if lora.conv_alpha is not None and lora.conv_rank is None:
        found.append(
            f"lora.conv_alpha = {lora.conv_alpha:g} is for the convolutions, which are trained only if lora.conv_rank "
            "is given. Give a rank, or leave both blank."
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
