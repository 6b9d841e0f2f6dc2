"""Every exception that loranb raises on purpose.

LoranbError
├── SettingsError      settings that cannot be used; `problems` lists all of them
├── ProjectError       the project folder
├── DatasetError       pictures, captions, archives
├── CaptionerError     an automatic captioner
├── ModelError         the base model
├── LoraFileError      a LoRA file
├── TrainingError      a training run
└── GenerationError    prompts and generated pictures

A message says what is wrong, which value, what is allowed and what to do. The command line and the
panels show it as it is, without a traceback.
"""

from collections.abc import Sequence


class LoranbError(Exception):
    """Something that the user can mend; the message says how."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in a notebook instead of a traceback."""
        return [str(self)]


class SettingsError(LoranbError):
    """Settings that cannot be used.

    Args:
        problems: one sentence for each, all of them at once.
    """

    def __init__(self, problems: Sequence[str]):
        self.problems = list(problems)
        super().__init__("\n".join(["These settings cannot be used:", *(f"  • {p}" for p in self.problems)]))


class ProjectError(LoranbError):
    """A project folder that is missing, taken or damaged."""


class DatasetError(LoranbError):
    """Pictures or captions that cannot be used."""


class CaptionerError(LoranbError):
    """A captioner that cannot be loaded or run."""


class ModelError(LoranbError):
    """A base model that cannot be found, read or recognised."""


class LoraFileError(LoranbError):
    """A LoRA file that cannot be read or does not fit the base model."""


class TrainingError(LoranbError):
    """A training run that cannot start or go on."""


class GenerationError(LoranbError):
    """A prompt or a request for pictures that cannot be carried out."""
