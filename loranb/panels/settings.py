"""Choose the settings of a training run, and see at once what they come to."""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as w

from loranb.base_models.known import known_base
from loranb.dataset.materials import Materials
from loranb.errors import DatasetError
from loranb.estimate import estimate, speeds_here
from loranb.estimate.speed import Speed
from loranb.files import free_name
from loranb.panels._advice_view import AdviceView
from loranb.panels._base_model_box import BaseModelBox
from loranb.panels._form import Form
from loranb.panels._known_values import known_values
from loranb.panels._plan_view import PlanView
from loranb.panels._platform import with_tooltip
from loranb.panels._preset_bar import PresetBar
from loranb.panels._show import Panel, escape, message, shown
from loranb.plan import Plan, plan
from loranb.project import Project
from loranb.settings import Settings
from loranb.settings.advice import advice
from loranb.training.problems import problems


def panel(project: Project) -> "SettingsPanel":
    """Show a project's settings as a form, with the plan of the run."""
    return SettingsPanel(project)


class SettingsPanel(Panel):
    """A form on the left, saved at each change; on the right what a run with it will be."""

    def __init__(self, project: Project):
        self.project = project
        self.notice, self.saved, self.pictures = w.HTML(), w.HTML(), w.HTML()
        self.materials: Materials | None = None
        self.again = _button("Look again", "refresh", "110px")
        with_tooltip(self.again, "Read settings and pictures anew, after a change made elsewhere")
        self.mend = _button("Put the file aside and start from the defaults", "file-o", "360px")
        self.base = BaseModelBox(lambda: None)
        self.form = Form(project.settings, self._keep, known_values(), {"model.base": self.base})
        self.start = PresetBar(project, project.settings, self._put, self.form.go_to)
        self.start.row.children = [*self.start.row.children, self.again, self.saved]
        self.advice = AdviceView(self.form.go_to, self._mend)
        self.plan = PlanView(
            project.cache / "settings_form.json", lambda: self._look_at(project.settings()), self._mend
        )
        self.speeds: tuple[Speed, ...] = ()
        self.again.on_click(shown(lambda _: self.refresh(), self.notice))
        self.mend.on_click(shown(lambda _: self._start_anew(), self.notice))
        self.columns = self._columns()
        super().__init__([self.start, self.notice, self.mend, self.columns])
        shown(self.refresh, self.notice)()

    def refresh(self) -> None:
        """Read settings and pictures anew; a file that cannot be used is left for the user to mend."""
        usable = False
        try:
            settings = self.project.settings()
            usable = True
        finally:
            for part in (self.columns, self.start):
                part.layout.display = "flex" if usable else "none"
            self.mend.layout.display = "none" if usable else ""
        self.materials = Materials(self.project)
        self.pictures.value = _of_pictures(self.materials)
        self.speeds = speeds_here(self.project)
        self.start.refresh()
        self._fill(settings)

    def _columns(self) -> w.HBox:
        left = w.VBox([self.form], layout=w.Layout(flex="3 1 480px", width="0"))
        aside = [self.advice, self.plan, self.pictures]
        right = w.VBox(aside, layout=w.Layout(flex="2 1 320px", width="0"))
        right.add_class("lb-aside")
        return w.HBox([left, right], layout=w.Layout(flex_flow="row wrap", width="100%", grid_gap="8px 28px"))

    def _start_anew(self) -> None:
        file = self.project.settings_file
        aside = free_name(file.with_name("settings_unusable.toml"))
        file.rename(aside)
        Settings().save(file)
        self.refresh()
        self.notice.value = message("info", f"The file was kept as {aside.name}.")

    def _mend(self, changes: Mapping[str, Any]) -> None:
        self.start.replace(self.project.settings().assign_all(changes))

    def _put(self, settings: Settings) -> None:
        settings.save(self.project.settings_file)
        self._fill(settings)
        self.saved.value = _SAVED

    def _fill(self, settings: Settings) -> None:
        self.form.show(settings)
        self._look_at(settings)

    def _keep(self, settings: Settings | None) -> None:
        """Show what was typed comes to, if it can be used, and save it."""
        typed = self.form.problems
        self._look_at(settings or self.project.settings())
        if settings is not None:
            settings.save(self.project.settings_file)
        self.saved.value = f'<span class="lb-wrong">Not saved: {_listed(typed)}</span>' if typed else _SAVED

    def _look_at(self, settings: Settings) -> None:
        """Show what settings come to, what is wrong with them and what is unwise; no picture is opened for it."""
        horizon, why_not = self._planned(settings)
        wrong = [*problems(settings), *(self.materials.problems(settings) if self.materials else [])]
        base = known_base(settings.model.base, settings.model.family)
        self.form.say(horizon, tuple(wrong))
        self.base.show(settings.model.base)
        gpu = self.plan.gpu
        known = estimate(settings, horizon, gpu, self.speeds) if horizon else None
        self.plan.show(settings, horizon, known, why_not)
        self.advice.show([*self.form.problems, *wrong], advice(settings, horizon, gpu, base))

    def _planned(self, settings: Settings) -> tuple[Plan | None, str]:
        try:
            return plan(settings, self.materials.images(settings) if self.materials else []), ""
        except DatasetError as error:
            return None, str(error)


_SAVED = '<span class="lb-hint">saved ✓</span>'


def _listed(typed: Sequence[str]) -> str:
    return escape(", ".join(problem.partition(":")[0] for problem in typed))


def _of_pictures(materials: Materials) -> str:
    """Say in HTML what is to be known of the pictures, whatever the settings."""
    said = [picture.problem for picture in materials.found.unusable]
    if materials.uncaptioned:
        said.append(f"{materials.uncaptioned} pictures have no caption; the words of their folder are used.")
    return "".join(message("warning", line) for line in [*said, *materials.found.remarks])


def _button(words: str, icon: str, width: str) -> w.Button:
    return w.Button(description=words, icon=icon, layout=w.Layout(width=width))
