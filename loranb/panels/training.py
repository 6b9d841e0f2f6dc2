"""Train and watch: progress, loss, learning rate and sample pictures while a run goes on.

The cell waits until training has ended, so a notebook can be run as a whole. The notebook's stop
button (■) asks the trainer to stop; it saves first. Training itself is a process of its own, so a
closed page or a restarted kernel does not end it: running the cell again shows it again.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from IPython.display import Image, display

from loranb.errors import TrainingError
from loranb.events import Ended, Event, Step, read_events
from loranb.figures import loss_figure, samples_figure, to_png
from loranb.panels._drawing import forget_model
from loranb.panels._run_view import RunView
from loranb.project import Project
from loranb.settings import Settings
from loranb.training import launch
from loranb.training.run import Run


def panel(project: Project, *, resume: Run | Path | str | None = None, settings: Settings | None = None) -> Run:
    """Train a LoRA on a project's pictures, with its settings, and show how it goes, until it has ended.

    Where a run of the project is being trained already, that one is shown and no second is started.

    Args:
        project: where the pictures and settings are.
        resume: a run that was stopped, or its name, to go on with.
        settings: others than the project's.

    Returns:
        The run; its folder holds the LoRA files, samples and events.

    Raises:
        TrainingError: training failed; what is said about it stands in the panel.
        DatasetError: there are no pictures.
        SettingsError: the settings cannot be used.
    """
    running = running_run(project)
    if running is not None:
        return watch(running)
    run = _stopped_run(project, resume) if resume else Run.create(project, settings or project.settings())
    earlier, since = read_events(run.events_file)
    forget_model()  # the kernel's own copy of a base model would take GPU memory from training
    launch.start(run)
    return _watch(run, earlier, since)


def watch(run: Run | Path | str) -> Run:
    """Show a run until it has ended, or as it was if it has; ■ asks it to save and stop.

    Args:
        run: a run or its folder.

    Returns:
        The run.

    Raises:
        TrainingError: it failed.
    """
    return _watch(run if isinstance(run, Run) else Run(Path(run)), (), 0)


def running_run(project: Project) -> Run | None:
    """Find the run of a project that is being trained now."""
    runs = (Run(folder) for folder in reversed(project.runs()))
    return next((run for run in runs if launch.is_running(run)), None)


def _watch(run: Run, earlier: Sequence[Event], since: int) -> Run:
    """Show a run whose events before byte `since` are known."""
    view = RunView(run, earlier)
    display(view)
    _follow(run, view, since)
    view.finish()
    _show_figures(run, view.events)
    if isinstance(view.last, Ended) and view.last.why == "failed":
        raise _Failed("Training failed; the panel above says why.")
    return run


def _follow(run: Run, view: RunView, since: int) -> None:
    """Feed the view until the run has ended. An interrupt asks it to stop, a second leaves it."""
    earlier = len(view.events)
    while True:
        known = len(view.events) - earlier  # an interrupt ended the reading, so it begins again
        try:
            for event in _skip(launch.follow(run, since), known):
                view.show(event)
                if view.stopping:
                    launch.stop(run)  # again: a trainer that is only starting clears an earlier request
            return
        except KeyboardInterrupt:
            if view.stopping:
                return
            launch.stop(run)
            view.ask_to_stop()


def _skip(events: Iterator[Event | None], known: int) -> Iterator[Event | None]:
    for event in events:
        if event is not None and known:
            known -= 1
        else:
            yield event


def _show_figures(run: Run, events: Sequence[Event]) -> None:
    """Display what should stay in the saved notebook, which keeps no widgets."""
    if not any(isinstance(event, Step) for event in events):
        return
    end = events[-1]
    title = f"{run.name}: {end.why} after {end.step:,} steps" if isinstance(end, Ended) else run.name
    for figure in (loss_figure(events, title), samples_figure(run.folder, events)):
        if figure is not None:
            display(Image(data=to_png(figure), format="png", width=round(figure.get_figwidth() * 95)))


def _stopped_run(project: Project, resume: Run | Path | str) -> Run:
    if isinstance(resume, Run):
        run = resume
    else:
        run = Run(Path(resume) if Path(resume).is_dir() else project.runs_folder / resume)
    ended = run.ended()
    if ended is not None and ended.why == "finished":
        raise TrainingError(
            f"{run.name} is finished, so there is nothing to go on with. Start a new run, without resume, "
            "with more epochs."
        )
    return run


class _Failed(TrainingError):
    """Ends the cell and "Run all"; the panel has said why, so no traceback is shown."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
