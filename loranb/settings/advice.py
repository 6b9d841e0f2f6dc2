"""What is allowed but unwise."""

from loranb.settings import Settings


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
