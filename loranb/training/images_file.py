"""What a run is made from, picture by picture: ``images.csv`` in its folder.

It also freezes how pictures are turned and cropped, so that a run goes on with what it began with, and
names the pictures that are left out, and why.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from loranb.dataset.edits import Box, Edit
from loranb.dataset.images import Picture
from loranb.dataset.reader import Pictures
from loranb.dataset.training_set import TrainingImage
from loranb.errors import DatasetError
from loranb.files import write_bytes
from loranb.plan import Plan
from loranb.project import Project

NAME = "images.csv"
COLUMNS = (
    "path",
    "sha256",
    "width",
    "height",
    "bucket",
    "repeats",
    "caption",
    "folder",
    "turn",
    "crop",
    "left_out",
    "lines",
    "regularisation",
    "held_out",
    "mask",
)
_NAMED = 10  # pictures that are left out, in a warning
Row = dict[str, str]


class ImagesFile:
    """A run's ``images.csv``; runs of before there were edits have fewer columns.

    Args:
        path: the file.
        project: in whose folder the pictures lie.
    """

    def __init__(self, path: Path, project: Project):
        self._path, self._project = path, project

    def write(self, plan: Plan, unusable: Sequence[Picture]) -> None:
        """Write down the pictures of a plan, and those that cannot be used."""
        left_out = [{"path": self._name(picture.path), "left_out": picture.problem} for picture in unusable]
        self._write([*self._planned(plan), *left_out])

    def images(self) -> list[TrainingImage]:
        """List the pictures that are used, as they were when this was written."""
        return [
            TrainingImage(
                self._project.root / row["path"],
                int(row["width"]),
                int(row["height"]),
                int(row["repeats"]),
                row["caption"],
                row["folder"],
                row["sha256"],
                _edit(row),
                tuple((row.get("lines") or "").splitlines()),
                bool(row.get("regularisation")),
                row.get("held_out") == "yes",
                row.get("mask") or "",
            )
            for row in self._rows()
            if not row.get("left_out")
        ]

    def leave_out_changed(self) -> None:
        """Leave out the pictures that are gone, cannot be read, or are others than when this was written."""
        rows, pictures = self._rows(), Pictures(self._project)
        changed = [row for row in rows if not row.get("left_out") and self._has_changed(row, pictures)]
        if changed:
            self._write(rows)

    def left_out(self) -> str:
        """Say which pictures are left out and why; empty where all are used."""
        why = [row["left_out"] for row in self._rows() if row.get("left_out")]
        more = [f"And {len(why) - _NAMED} more, named in {self._path.name}."] if len(why) > _NAMED else []
        count = "1 picture is left out" if len(why) == 1 else f"{len(why)} pictures are left out"
        return f"{count}: {' '.join([*why[:_NAMED], *more])}" if why else ""

    def _planned(self, plan: Plan) -> list[Row]:
        return [
            {
                "path": self._name(image.path),
                "sha256": image.content,
                "width": str(image.width),
                "height": str(image.height),
                "bucket": "x".join(map(str, fit.bucket)),
                "repeats": str(image.repeats),
                "caption": image.caption,
                "folder": image.folder,
                "turn": str(image.edit.turn),
                "crop": " ".join(map(str, image.edit.crop or ())),
                "lines": "\n".join(image.lines),
                "regularisation": "yes" if image.regularisation else "",
                "held_out": "yes" if image.held_out else "",
                "mask": image.mask,
            }
            for image, fit in ((planned.image, planned.fit) for planned in (*plan.shown, *plan.held_out))
        ]

    def _has_changed(self, row: Row, pictures: Pictures) -> bool:
        path = self._project.root / row["path"]
        try:
            changed = pictures.content(path) != row["sha256"]
            row["left_out"] = f"{path.name} has changed since the run was made." if changed else ""
        except DatasetError as error:
            row["left_out"] = str(error)
        return bool(row["left_out"])

    def _name(self, path: Path) -> str:
        return path.relative_to(self._project.root).as_posix()

    def _rows(self) -> list[Row]:
        with self._path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return list(csv.DictReader(file))

    def _write(self, rows: Sequence[Row]) -> None:
        out = io.StringIO()
        table = csv.DictWriter(out, COLUMNS)
        table.writeheader()
        table.writerows(rows)
        write_bytes(self._path, out.getvalue().encode("utf-8", "surrogateescape"))  # names may be no UTF-8


def _edit(row: Row) -> Edit:
    crop = row.get("crop")
    return Edit(int(row.get("turn") or 0), Box(*map(int, crop.split())) if crop else None)
