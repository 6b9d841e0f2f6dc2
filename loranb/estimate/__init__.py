"""What a run will need and leave: memory, minutes, files. Computed from shapes, without torch."""

from loranb.estimate.gpus import GPUS, Gpu, here, named
from loranb.estimate.speed import speeds_here
from loranb.estimate.whole import UNKNOWN, Estimate, estimate

__all__ = ["GPUS", "UNKNOWN", "Estimate", "Gpu", "estimate", "here", "named", "speeds_here"]
