"""A training run's folder: what it was made from, what happened, what came of it. Never overwritten.

::

    runs/NAME/
      settings.toml   every setting, blanks filled in
      images.csv      every picture: path, sha256, size, bucket, repeats, caption, how it is turned and cropped,
                      whether it is for regularisation, what its mask holds; why it is left out, where it is
      events.jsonl    what happened
      log.txt         what the training process printed
      stop            asks for a stop, while it exists
      lora/           NAME-000002.safetensors ... NAME.safetensors
      samples/        pictures drawn on the way
      state/          for going on exactly where it stopped
"""

from pathlib import Path

from loranb import plan as planning
from loranb.dataset.held_out import collect_held_out
from loranb.dataset.masked_set import with_masks
from loranb.dataset.training_set import TrainingImage, collect
from loranb.errors import ProjectError, SettingsError
from loranb.events import Ended, Event, Saved, read_events, to_line
from loranb.project import SETTINGS, Project
from loranb.settings import Settings
from loranb.training import images_file
from loranb.training.blanks import fill_blanks
from loranb.training.images_file import ImagesFile
from loranb.training.problems import all_problems


class Run:
    """A run folder.

    Args:
        folder: an existing one; `Run.create` makes a new one.

    Raises:
        ProjectError: it is not a run's folder.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        if not (self.folder / SETTINGS).exists():
            raise ProjectError(f"{folder} is not a training run: it has no {SETTINGS}. Give a folder inside runs/.")

    @classmethod
    def create(cls, project: Project, settings: Settings) -> "Run":
        """Write down what a new run will work on.

        Raises:
            ProjectError: the name is taken.
            DatasetError: there are no usable pictures, or masks that are to count cannot be used.
            SettingsError: a name, a prompt or a base model that cannot be used; all are named.
        """
        found = collect(project.img)
        found.check()
        if settings.dataset.masked_loss:
            found = with_masks(found, project)
        kept_back = collect_held_out(project, settings, found)
        images = found.images
        plan = planning.plan(settings, [*found.all, *kept_back.images])
        settings = fill_blanks(settings, project.next_version(), images)
        name = settings.saving.name
        if problems := all_problems(settings):
            raise SettingsError(problems)
        folder = project.runs_folder / name
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            raise ProjectError(
                f"There is a run named {name} already, and runs are never overwritten. "
                f"Leave saving.name blank for the next free name ({project.next_version()}), or choose another."
            ) from None
        ImagesFile(folder / images_file.NAME, project).write(plan, [*found.unusable, *kept_back.unusable])
        settings.save(folder / SETTINGS)
        return cls(folder)

    @property
    def name(self) -> str:
        """The run's name; its LoRA is called the same."""
        return self.folder.name

    @property
    def project(self) -> Project:
        """The project it belongs to."""
        return Project(self.folder.parent.parent)

    @property
    def events_file(self) -> Path:
        """What happened, a line each."""
        return self.folder / "events.jsonl"

    @property
    def log_file(self) -> Path:
        """What the training process printed."""
        return self.folder / "log.txt"

    @property
    def stop_file(self) -> Path:
        """Asks the trainer to stop, while it exists."""
        return self.folder / "stop"

    @property
    def samples(self) -> Path:
        """Pictures drawn on the way."""
        return self.folder / "samples"

    @property
    def state_file(self) -> Path:
        """What is needed to go on exactly where it stopped."""
        return self.folder / "state" / "state.pt"

    def settings(self) -> Settings:
        """Read the settings it was started with, blanks filled in."""
        return Settings.load(self.folder / SETTINGS)

    def images(self) -> list[TrainingImage]:
        """List the pictures it is made from, as they were when it was made."""
        return self._images_file.images()

    def leave_out(self) -> str:
        """Leave out the pictures that cannot be used any more; say which are left out, and why.

        To be called before the pictures are counted. Once a step has been taken they stay as they are: a run
        that goes on must see what it saw.
        """
        if not self.state_file.exists():
            self._images_file.leave_out_changed()
        return self._images_file.left_out()

    @property
    def _images_file(self) -> ImagesFile:
        return ImagesFile(self.folder / images_file.NAME, self.project)

    def record(self, event: Event) -> Event:
        """Append an event to the file, at once, and give it back."""
        with self.events_file.open("ab+") as file:
            file.seek(max(0, file.tell() - 1))
            torn = file.read(1) not in (b"", b"\n")  # a line that was cut off stays alone
            file.write((b"\n" if torn else b"") + to_line(event).encode() + b"\n")
        return event

    def events(self) -> list[Event]:
        """Read all that happened so far."""
        return read_events(self.events_file)[0]

    def ended(self) -> Ended | None:
        """Return how the last part of the run ended; None while it is under way."""
        events = self.events()
        return events[-1] if events and isinstance(events[-1], Ended) else None

    def lora_file(self, epoch: int | None = None, step: int | None = None) -> Path:
        """Name a LoRA file as kohya does: by epoch, by step where it was stopped, or the final one."""
        part = f"-step{step:08d}" if step is not None else f"-{epoch:06d}" if epoch is not None else ""
        return self.folder / "lora" / f"{self.name}{part}.safetensors"

    def loras(self) -> list[Path]:
        """List the LoRA files that were saved, in that order; the final one is the last."""
        saved = [self.folder / event.path for event in self.events() if isinstance(event, Saved)]
        return [path for path in dict.fromkeys(saved) if path.exists()]
