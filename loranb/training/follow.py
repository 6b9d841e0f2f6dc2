"""Tell a run in lines of text, for terminals and logs."""

import itertools
import time
from collections.abc import Callable

from loranb.events import Ended, EpochEnded, Event, Preparing, Saved, Started, Step, Validated, Warned
from loranb.training import launch
from loranb.training.run import Run

EVERY = 5.0  # seconds between two lines about steps


def follow_in_words(run: Run, start_at: int, tell: Callable[[str], None]) -> Ended:
    """Follow a run to its end; an interrupt asks it to save and stop.

    Args:
        run: being trained.
        start_at: byte of the events file to begin at.
        tell: shows a line.
    """
    told, steps, seen, ended = 0.0, 0, 0, Ended("failed", 0, "Nothing happened.")
    while True:
        new = itertools.islice(filter(None, launch.follow(run, start_at)), seen, None)  # after an interrupt: go on
        try:
            for event in new:  # to the very end: only then is the process gone
                seen += 1
                if isinstance(event, Started):
                    steps = event.steps
                if isinstance(event, Ended):
                    ended = event
                now = time.monotonic()
                if not isinstance(event, Step | Preparing) or now - told >= EVERY:
                    told = now
                    if words := in_words(event, steps):
                        tell(words)
            return ended
        except KeyboardInterrupt:
            tell("Asked to stop; saving what was learned ...")
            launch.stop(run)


def in_words(event: Event, steps: int) -> str:
    """Say an event in one line; empty for what needs no words."""
    match event:
        case Preparing(what=what, done=done, total=total):
            return f"Preparing {what}: {done} of {total}"
        case Started():
            again = f", from step {event.first_step}" if event.first_step else ""
            return (
                f"{event.images} pictures, {event.epochs} epochs, {event.steps} steps{again} on {event.base_model} "
                f"({event.device}, {event.precision}); the LoRA has {event.trainable:,} parameters"
            )
        case Step():
            per_step = event.seconds / max(1, event.step)
            return f"Step {event.step} of {steps}, epoch {event.epoch}: loss {event.loss:.4f}, {per_step:.2f} s a step"
        case EpochEnded():
            return f"Epoch {event.epoch} ended at step {event.step}: mean loss {event.loss:.4f}"
        case Validated():
            return f"Validation at step {event.step}: {event.loss:.4f}"
        case Saved():
            return f"Saved {event.path}"
        case Warned():
            return f"! {event.message}"
        case _:
            return ""
