"""Caption a project in this process and its like: ``accelerate launch ... -m loranb.captioning PROJECT ...``.

Arguments are those of ``loranb caption``. Each process looks at its share of the pictures; the main one
then writes the captions.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from loranb.captioning import waiting
from loranb.captioning.looking import look
from loranb.captioning.terminal import add_arguments, caption, choice_of, pictures_of, wording_of
from loranb.captioning.together import Share, share
from loranb.dataset.caption_store import CaptionStore
from loranb.dataset.progress import Progress, silent, spoken
from loranb.dataset.reader import Pictures
from loranb.errors import LoranbError
from loranb.project import Project


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at this process's share, and in the main process write all captions; returns the exit code."""
    asked = _parser().parse_args(arguments)
    mine = share()
    progress = spoken(_tell) if mine.index == 0 else silent
    try:
        _look_at_share(asked, mine, progress)
        if asked.only_look:
            return 0
        mine.wait()
        if mine.index:
            return 0
        report, words = caption(asked, progress)
    except LoranbError as error:
        _tell(str(error))
        return 0 if asked.only_look else 1
    print(json.dumps(report, indent=2, ensure_ascii=False) if asked.json else words)
    return int(report.get("exit_code", 0))


def _look_at_share(asked: argparse.Namespace, mine: Share, progress: Progress) -> None:
    project = Project.open(asked.project)
    store, wording = CaptionStore.load(project), wording_of(asked)
    wanted = mine.of(waiting(store, wording, pictures_of(project, asked.subject)))

    def tell(done: int, total: int, doing: str) -> None:
        others = f", each of {mine.count} processes" if mine.count > 1 else ""
        progress(done, total, doing + others)

    only_look: Path | None = asked.only_look
    look(Pictures(project), wanted, choice_of(asked), tell, lambda: bool(only_look and only_look.exists()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loranb.captioning", description="Write captions with a captioner.")
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    parser.add_argument("--only-look", type=Path, help=argparse.SUPPRESS)  # until there is a file of this name
    return parser


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
