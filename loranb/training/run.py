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

import contextlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from loranb import families
from loranb import plan as planning
from loranb.dataset.held_out import collect_held_out
from loranb.dataset.masked_set import with_masks
from loranb.dataset.training_set import TrainingImage, collect
from loranb.device import pick_device, pick_dtype
from loranb.errors import LoranbError, ModelError, ProjectError, SettingsError
from loranb.events import Ended, Event, Saved, read_events, to_line
from loranb.generate.prompt import parse_lines
from loranb.lora.origin import family_of
from loranb.project import SETTINGS, Project
from loranb.settings import LoraSettings, Settings
from loranb.settings.conflicts import conflicts, misfits
from loranb.settings.optimizers import averages, finds_rate, parse_arguments, sets_rate
from loranb.training import images_file
from loranb.training.images_file import ImagesFile

DEFAULT_SAMPLES = 2  # captions drawn when no prompt is given


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
        if problems := _problems(settings):
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

    def content_hashes(self) -> list[str]:
        """List the SHA-256 of the pictures, in the order of `images`."""
        return [image.content for image in self.images()]

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


def fill_blanks(settings: Settings, name: str, images: Sequence[TrainingImage]) -> Settings:
    """Fill in what was left blank; what the run keeps and the LoRA's metadata says is the result."""
    optimizer, samples = settings.optimizer, settings.samples
    changes = _alphas(settings.lora)
    if settings.lora.start_from:
        changes |= _start(settings.lora)
    if optimizer.text_encoder_learning_rate is None:
        part = 1 if finds_rate(optimizer.name) else 2
        changes["optimizer.text_encoder_learning_rate"] = optimizer.learning_rate / part
    if optimizer.text_encoder_learning_rate == 0 and not optimizer.text_encoder_2_learning_rate:
        changes["lora.text_encoder"] = False  # so that what it says can be kept
    if averages(optimizer.name) or sets_rate(optimizer.name, optimizer.args):
        changes["optimizer.schedule"] = "constant"  # they have none; kohya's trainer forces it too
    if settings.dataset.random_crop or settings.dataset.colour:
        changes["dataset.cache_latents"] = False  # pictures differ from one showing to the next
    if not settings.saving.name.strip():
        changes["saving.name"] = name
    if not samples.prompts and (samples.every_epochs or samples.every_steps or samples.at_start):
        captions = list(dict.fromkeys(image.caption for image in images if image.caption))
        spread = max(1, len(captions) // DEFAULT_SAMPLES)
        changes["samples.prompts"] = tuple(
            caption.replace(" --", " ") for caption in captions[::spread][:DEFAULT_SAMPLES]
        )
    return settings.assign_all(changes)


def problems(settings: Settings) -> list[str]:
    """Say what would fail later, naming the settings in full; as much of it as can be known without loading torch."""
    name, side = settings.saving.name, settings.dataset.resolution
    found = [*parse_arguments(settings.optimizer.args)[1], *conflicts(settings)]
    if name.strip() and not re.fullmatch(r"[^\\/:*?\"<>|,\s.][^\\/:*?\"<>|,]*(?<!\s)", name):
        found.append(
            f'saving.name = {name!r}; it becomes a file and stands in prompts: no \\ / : * ? " < > | or commas.'
        )
    checks = {
        "samples.prompts": lambda: parse_lines(settings.samples.prompts, (side, side), 0),
        "model.base": lambda: families.examine(settings.model.base, settings.model.family),
        "objective.": lambda: _misfits(settings),
        "lora.start_from": lambda: _start_fits(settings),
        "model.vae": lambda: families.check_vae(settings.model.vae),
    }
    for path, check in checks.items():
        found += [said if said.startswith(path) else f"{path}: {said}" for said in _raised(check)]
    return found


def _misfits(settings: Settings) -> None:
    """See that the objective goes with what the base model predicts, where its files say that."""
    with contextlib.suppress(ModelError):  # said of model.base
        known, objective = families.examine(settings.model.base, settings.model.family), settings.objective
        if known and objective.predicts == "auto" and (found := misfits(objective, known.predicts)):
            raise SettingsError(found)


def _start_fits(settings: Settings) -> None:
    """See that the LoRA to begin with is of the base model's family, where both say of which they are."""
    file = Path(settings.lora.start_from or "").expanduser()
    with contextlib.suppress(ModelError):  # said of model.base
        known = families.examine(settings.model.base, settings.model.family) if file.is_file() else None
        made_for = family_of(file) if known else ""
        if known and made_for and made_for != known.family:
            raise SettingsError(
                [
                    f"lora.start_from: {file.name} was made for the family {made_for}, and the base model is of the "
                    f"family {known.family}. Choose a LoRA of this family, or leave it blank."
                ]
            )


def _start(lora: LoraSettings) -> dict[str, object]:
    """Fill in where the LoRA to begin with lies, and its size if it is to be taken over."""
    from loranb.lora.start import common_size  # here, since it needs torch

    file = Path(lora.start_from or "").expanduser().absolute()
    size = common_size(file) if lora.rank_from_start else None
    sized = {} if size is None else {"lora.rank": size.rank, "lora.alpha": size.alpha}
    return {"lora.start_from": str(file), **sized}


def _alphas(lora: LoraSettings) -> dict[str, object]:
    """Fill in blank alphas: no alpha means no scaling, so it is the rank, of all or of each block."""
    filled: dict[str, object] = {}
    for kind in ("", "conv_"):
        rank, alpha = getattr(lora, f"{kind}rank"), getattr(lora, f"{kind}alpha")
        ranks, alphas = getattr(lora, f"{kind}block_ranks"), getattr(lora, f"{kind}block_alphas")
        if alpha is None and rank is not None:
            filled[f"lora.{kind}alpha"] = float(rank)
        if alpha is None and ranks and not alphas:
            filled[f"lora.{kind}block_alphas"] = ranks
    return filled


def _problems(settings: Settings) -> list[str]:
    """Find what would fail later, before anything is made."""
    from loranb.lora.start import check_start  # here, since these need torch
    from loranb.training.optimizers import choose
    from loranb.training.stored import check_stored

    found = problems(settings)
    found += _raised(lambda: choose(settings.optimizer, pick_device()))
    found += _raised(lambda: check_stored(settings.memory.base))
    found += _raised(lambda: check_start(settings.lora))
    found += _raised(lambda: settings.memory.precision != "fp16" or pick_dtype("fp16", pick_device()))
    return list(dict.fromkeys(found))


def _raised(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except SettingsError as error:
        return error.problems
    except LoranbError as error:
        return [str(error)]
    return []
