"""A plan in words and tables, the same for terminal and form."""

from collections.abc import Iterator

from loranb.estimate.memory import COMPUTED
from loranb.estimate.whole import UNKNOWN, Estimate
from loranb.plan import Plan

PARTS = {
    "weights": "base model",
    "lora": "LoRA",
    "gradients": "gradients",
    "optimizer": "optimizer",
    "activations": "activations",
    "caches": "pictures encoded on the way",
    "context": "CUDA itself",
}


def in_lines(plan: Plan, known: Estimate) -> Iterator[str]:
    """Say what a run will be, a line for each thing."""
    yield plan.sentence()
    if known.steps_without_regularisation is not None:
        yield f"Without regularisation pictures: {known.steps_without_regularisation} steps."
    for subject in plan.subjects:
        yield (
            f"  {subject.folder}: {counted(subject.images, 'picture')} x {counted(subject.repeats, 'repeat')} = "
            f"{subject.items}, {subject.share:.0%} of the showings"
        )
    cropped = plan.cropped()
    for b in plan.buckets:
        cut = cropped.get(b.size, 0)
        lost = f", {cut:.0%} of their area cut off" if cut >= 0.005 else ""
        batches = counted(b.batches, "batch", "batches")
        yield f"  {b.size[0]} x {b.size[1]}: {counted(b.images, 'picture')}, {batches}{lost}"
    yield from needs(known)


def needs(known: Estimate) -> Iterator[str]:
    """Say what a run will need and leave."""
    if known.memory is None or known.disk is None:
        yield UNKNOWN
        return
    disk, memory = known.disk, known.memory
    files = counted(disk.files, "file")
    yield f"LoRA: {known.parameters:,} parameters, {size(disk.file)} a file; {files}, {size(disk.total)} on the disk."
    parts = ", ".join(f"{PARTS[name]} {size(count)}" for name, count in memory.parts.items() if count)
    yield f"GPU memory: {size(memory.peak)} ({parts}); {COMPUTED}."
    if memory.peak > memory.training:
        when = "sample pictures are drawn" if memory.samples == memory.peak else "pictures are encoded beforehand"
        yield f"  The most while {when}; {size(memory.training)} in a step."
    if known.gpu:
        yield f"  {known.gpu.name}, {known.gpu.memory:.0f} GiB: {known.verdict}."
    if known.cheapest:
        settings = ", ".join(f"{path} = {value}" for path, value in known.cheapest.changes.items())
        yield f"  It would fit with {known.cheapest.words}: {settings}."
    if known.seconds is not None:
        yield f"Time: {duration(known.seconds)} for the steps, at the speed of this machine's earlier runs."


def counted(number: int, one: str, many: str = "") -> str:
    """Say how many there are: ``1 picture``, ``2 pictures``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def size(count: float) -> str:
    """Say bytes as people do."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def duration(seconds: float) -> str:
    """Say a time as people do."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
