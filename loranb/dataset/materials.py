"""A project's pictures as settings ask for them, looked at once, for whoever tries one setting after another."""

from collections.abc import Callable
from pathlib import Path

from loranb.dataset.held_out import collect_held_out
from loranb.dataset.masked_set import with_masks
from loranb.dataset.training_set import TrainingImage, TrainingSet, collect
from loranb.errors import LoranbError, SettingsError
from loranb.project import Project
from loranb.settings import Settings


class Materials:
    """The pictures of a project, those of its validation folder, and what is wrong with the masks.

    Nothing is read again until a new one is made: a form asks at every key.

    Args:
        project: whose pictures.
    """

    def __init__(self, project: Project):
        self._project = project
        self.found = collect(project.img)
        self.uncaptioned = self.found.uncaptioned
        self._held_out: dict[str, tuple[tuple[TrainingImage, ...], list[str]]] = {}
        self._masks: list[str] | None = None

    def images(self, settings: Settings) -> list[TrainingImage]:
        """List all pictures that a plan is made from, those that are kept back by their folder among them."""
        return [*self.found.all, *self._kept_back(settings)[0]]

    def problems(self, settings: Settings) -> list[str]:
        """Say what in the settings does not go with the pictures and runs that there are."""
        found = list(self._kept_back(settings)[1])
        if settings.dataset.masked_loss and self.found.images:
            if self._masks is None:
                self._masks = _raised(lambda: with_masks(self.found, self._project))
            found += [said if "masked_loss" in said else f"dataset.masked_loss: {said}" for said in self._masks]
        return found + self._taken(settings.saving.name.strip())

    def _kept_back(self, settings: Settings) -> tuple[tuple[TrainingImage, ...], list[str]]:
        folder = settings.validation.folder.strip()
        if folder not in self._held_out:
            kept: list[TrainingSet] = []
            said = _raised(lambda: kept.append(collect_held_out(self._project, settings, self.found)))
            self._held_out[folder] = (kept[0].images if kept else (), said)
        return self._held_out[folder]

    def _taken(self, name: str) -> list[str]:
        if not name or Path(name).name != name or not (self._project.runs_folder / name).exists():
            return []
        return [
            f"saving.name = {name!r}: there is a run of that name, and runs are never overwritten. Leave it blank for "
            f"the next free name ({self._project.next_version()}), or choose another."
        ]


def _raised(do: Callable[[], object]) -> list[str]:
    try:
        do()
    except SettingsError as error:
        return error.problems
    except LoranbError as error:
        return [str(error)]
    return []
