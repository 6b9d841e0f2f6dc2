"""What is unwise for the base model that was chosen."""

from collections.abc import Iterator

from loranb.settings import Settings
from loranb.settings.advice.advice import Advice, Base

# Sides that are trained without a word, as shares of the one that the model itself was trained at: 717 to 1536 for
# SDXL, 359 to 768 for SD 1.5 (up to 768 is usual there). Ours, from where published settings lie.
LEAST, MOST = 0.7, 1.5


def on_base(settings: Settings, base: Base) -> Iterator[Advice]:
    """Say what does not suit the base model."""
    asked, own = settings.dataset.resolution, base.resolution
    mend: dict[str, int] = {"dataset.resolution": own}
    if settings.dataset.bucket_max < 2 * own and asked < own:
        mend["dataset.bucket_max"] = 2 * own
    if asked < LEAST * own:
        yield Advice(
            f"dataset.resolution = {asked} with {base.title}, which was trained at {own}: it draws badly at {asked}, "
            f"and a LoRA learns just that. Train at {own}; where memory is short, take gradient checkpointing or "
            "fewer bits before a lower resolution.",
            mend,
        )
    elif asked > MOST * own:
        yield Advice(
            f"dataset.resolution = {asked} with {base.title}, which was trained at {own}: at {asked} it repeats "
            "subjects and limbs, and the LoRA learns that from it. Larger pictures are scaled down all the same.",
            mend,
        )
