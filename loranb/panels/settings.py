"""Choose the settings of a training run, and see at once what they come to."""

from collections.abc import Sequence

import ipywidgets as w

from loranb.dataset.training_set import TrainingSet, collect
from loranb.errors import DatasetError
from loranb.files import free_name
from loranb.panels._form import Form
from loranb.panels._platform import with_tooltip
from loranb.panels._show import Panel, escape, message, shown, small, table, title
from loranb.plan import Plan, plan
from loranb.project import Project
from loranb.settings import Settings, presets
from loranb.settings.advice import advice


def panel(project: Project) -> "SettingsPanel":
    """Show a project's settings as a form, with the plan of the run."""
    return SettingsPanel(project)


class SettingsPanel(Panel):
    """A form on the left, saved at each change; on the right what a run with it will be."""

    def __init__(self, project: Project):
        self.project = project
        self.notice, self.saved, self.plan = w.HTML(), w.HTML(), w.HTML()
        self._before: Settings | None = None  # what a preset replaced
        self.images = TrainingSet((), (), ())
        self.preset = w.Dropdown(
            options=[("choose …", "")] + [(name, name) for name in presets()], layout=w.Layout(width="180px")
        )
        self.back = _button("Take the preset back", "undo", "180px")
        self.again = _button("Look again", "refresh", "110px")
        with_tooltip(self.again, "Read settings and pictures anew, after a change made elsewhere")
        self.mend = _button("Put the file aside and start from the defaults", "file-o", "360px")
        self.form = Form(project.settings, self._keep)
        self._observe()
        self.columns = self._columns()
        super().__init__([self._tools(), self.notice, self.mend, self.columns])
        self.back.layout.display = "none"
        shown(self.refresh, self.notice)()

    def refresh(self) -> None:
        """Read settings and pictures anew; a file that cannot be used is left for the user to mend."""
        usable = False
        try:
            settings = self.project.settings()
            usable = True
        finally:
            self.columns.layout.display = "flex" if usable else "none"
            self.mend.layout.display = "none" if usable else ""
        self.images = collect(self.project.img)
        self._fill(settings)

    def _observe(self) -> None:
        self.preset.observe(shown(self._preset_chosen, self.notice), "value")
        self.back.on_click(shown(lambda _: self._take_back(), self.notice))
        self.again.on_click(shown(lambda _: self.refresh(), self.notice))
        self.mend.on_click(shown(lambda _: self._start_anew(), self.notice))

    def _tools(self) -> w.HBox:
        tools = w.HBox([w.HTML("Start from a preset"), self.preset, self.back, self.again, self.saved])
        tools.add_class("lb-tools")
        return tools

    def _columns(self) -> w.HBox:
        left = w.VBox([self.form], layout=w.Layout(flex="3 1 480px", width="0"))
        right = w.VBox([self.plan], layout=w.Layout(flex="2 1 320px", width="0"))
        right.add_class("lb-aside")
        return w.HBox([left, right], layout=w.Layout(flex_flow="row wrap", width="100%", grid_gap="8px 28px"))

    def _preset_chosen(self, change: dict) -> None:
        if change["new"]:
            self._before = self.project.settings()
            self._fill_and_save(Settings.preset(change["new"]))
            self.back.layout.display = ""

    def _take_back(self) -> None:
        if self._before is not None:
            self._fill_and_save(self._before)
            self._before = None
            self.back.layout.display = "none"
            self.preset.value = ""

    def _start_anew(self) -> None:
        file = self.project.settings_file
        aside = free_name(file.with_name("settings_unusable.toml"))
        file.rename(aside)
        Settings().save(file)
        self.refresh()
        self.notice.value = message("info", f"The file was kept as {aside.name}.")

    def _fill_and_save(self, settings: Settings) -> None:
        settings.save(self.project.settings_file)
        self._fill(settings)
        self.saved.value = _SAVED

    def _fill(self, settings: Settings) -> None:
        self.form.show(settings)
        self._show_plan(settings)

    def _keep(self, settings: Settings | None) -> None:
        """Save what was typed, if it can be used, and show what it comes to."""
        problems = self.form.problems
        if settings is not None:
            settings.save(self.project.settings_file)
            self._show_plan(settings)
        wrong = "; ".join(problems)
        self.saved.value = f'<span class="lb-wrong">Not saved: {_listed(problems)}</span>' if wrong else _SAVED

    def _show_plan(self, settings: Settings) -> None:
        self.plan.value = title("Plan") + _plan(settings, self.images)


_SAVED = '<span class="lb-hint">saved ✓</span>'


def _listed(problems: Sequence[str]) -> str:
    return escape(", ".join(problem.partition(":")[0] for problem in problems))


def _plan(settings: Settings, images: TrainingSet) -> str:
    """Return the plan as HTML: the sentence, the buckets, advice, and what is wrong with the pictures."""
    said = [one.words for one in advice(settings)]
    if images.unusable:
        said += [picture.problem for picture in images.unusable]
    if images.uncaptioned:
        said.append(f"{images.uncaptioned} pictures have no caption; the words of their folder are used.")
    try:
        planned = plan(settings, images.images)
    except DatasetError as error:
        return message("warning", "\n".join([str(error), *said, *images.remarks]))
    warnings = "".join(message("warning", line) for line in [*said, *images.remarks])
    return message("info", planned.sentence()) + _buckets(planned) + warnings


def _buckets(planned: Plan) -> str:
    rows = [(f"{b.size[0]} × {b.size[1]}", b.images, b.items, b.batches) for b in planned.buckets]
    hint = small("Buckets: pictures of like shape are trained together at the size that fits them.")
    return hint + table(["size", "pictures", "with repeats", "batches"], rows)


def _button(words: str, icon: str, width: str) -> w.Button:
    return w.Button(description=words, icon=icon, layout=w.Layout(width=width))
