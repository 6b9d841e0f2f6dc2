"""Train one run in this process: ``python -m loranb.training RUN``."""

import sys
import traceback
from pathlib import Path

from loranb.errors import LoranbError
from loranb.events import Ended, Step
from loranb.training.run import Run


def main(folder: str) -> int:
    """Train the run in `folder`; whatever ends it is told in its events."""
    run = Run(Path(folder))
    step = 0
    try:
        from loranb.training.recipe import train

        for event in train(run):
            step = event.step if isinstance(event, Step) else step
    except LoranbError as error:
        run.record(Ended("failed", step, str(error)))
        print(error, file=sys.stderr)
        return 1
    except BaseException as error:
        traceback.print_exc()
        why = f"{type(error).__name__}: {error}".strip(": ")
        run.record(Ended("failed", step, f"{why} The whole story is in {run.log_file}."))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
