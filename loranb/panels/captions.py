"""Say what the pictures show: one by one, many at a time, or with a captioner's help."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import ipywidgets as w

from loranb.dataset.caption_advice import Advice, Remark, advise
from loranb.dataset.caption_store import CaptionStore
from loranb.panels import _platform
from loranb.panels._background import Follower, Soon, Work
from loranb.panels._caption_actions import Plan
from loranb.panels._caption_advice_view import AdviceView
from loranb.panels._caption_bulk import BulkBar
from loranb.panels._caption_cards import CaptionCards
from loranb.panels._caption_desk import CaptionDesk
from loranb.panels._caption_filters import Asked, View, chosen, subjects, tag_counts, views
from loranb.panels._caption_find import FindBar
from loranb.panels._caption_header import CaptionHeader
from loranb.panels._caption_style import STYLE
from loranb.panels._caption_tag_list import TagList
from loranb.panels._captioner_box import CaptionerBox
from loranb.panels._folds import Folds
from loranb.panels._show import Panel, failure, message, shown
from loranb.panels._trigger_check import TriggerCheck
from loranb.project import Project

BULK, CAPTIONER, ADVICE, TRIGGER = "Change many", "Captioner", "Advice", "Trigger word"
POINTED = "pointed"  # the view of one remark's pictures
AFTER = 0.6  # seconds after an edit until counts and advice follow


def panel(project: Project) -> "CaptionsPanel":
    """Show a project's captions, to write and change."""
    return CaptionsPanel(project)


class CaptionsPanel(Panel):
    """A grid of captions, and around it what finds them, counts their tags and changes many at once."""

    def __init__(self, project: Project):
        self.project = project
        self.desk = CaptionDesk(project)
        self.views: list[View] = []
        self.shown: list[Path] = []
        self.said = Advice()
        self._judges = True  # after the next edit too; not after each where the notebook has to wait for it
        self._pointed: list[View] = []  # the pictures of the remark that was pointed at last
        self.notice = w.HTML()
        self.judging = Follower(lambda *_: None, self._guarded(self._judged))
        self.recount_soon = Soon(self._guarded(self._recount), AFTER)
        self._make_parts()
        style = w.HTML(STYLE, layout=w.Layout(display="none"))
        self.aside = w.VBox([self.tags])
        self.aside.add_class("lb-aside-tags")
        self.middle = w.VBox()
        self.middle.add_class("lb-captions")
        columns = w.HBox([self.aside, self.middle])
        columns.add_class("lb-caption-columns")
        super().__init__([style, self.header, self.folds, self.find, self.notice, columns])
        self._show_grid(fast=_platform.shows_own_widgets() and _platform.where() != "colab")
        self._guarded(self._filter)()
        self.recount_soon()

    def _make_parts(self) -> None:
        guarded = self._guarded
        self.header = CaptionHeader(guarded(self._undo), guarded(self._redo))
        self.bulk = BulkBar(lambda: self.desk.store, guarded(self._carry_out))
        self.auto = CaptionerBox(self.project, lambda: self.desk.store, guarded(self._written))
        self.advice = AdviceView(guarded(self._point_at), guarded(self._mend))
        self.trigger = TriggerCheck(self.project)
        self.tags_on = w.ToggleButton(value=True, description="Tags", icon="tags", layout=w.Layout(width="auto"))
        self.other_grid = w.Button(layout=w.Layout(width="auto"))
        self.other_grid.add_class("lb-link")
        _platform.with_tooltip(self.other_grid, "Another view of the same captions, should one not show")
        parts = {BULK: self.bulk, CAPTIONER: self.auto, ADVICE: self.advice, TRIGGER: self.trigger}
        self.folds = Folds(parts, guarded(self._opened), [self.tags_on, self.other_grid])
        self.find = FindBar(guarded(self._filter), guarded(self._show_all), guarded(self.refresh))
        self.tags = TagList(guarded(self._filter), guarded(self._count_tags), guarded(self._act_on_tags))
        self.tags_on.observe(guarded(lambda _: self._show_aside()), "value")
        self.other_grid.on_click(guarded(lambda _: self._show_grid(not self.fast)))

    def _guarded(self, handler: Callable) -> Callable:
        return shown(handler, self.notice)

    # the grid

    def _show_grid(self, fast: bool) -> None:
        """Show the captions in one grid or the other; what is selected is selected anew."""
        if fast:
            from loranb.panels._caption_grid import CaptionGrid

            self.grid = CaptionGrid(self.desk)
        else:
            self.grid = CaptionCards(self.desk)
        self.fast = fast
        _platform.close_all(self.middle.children)
        self.grid.on_selected(self._guarded(lambda _: self._show_counts()))
        self.grid.on_saved(self._guarded(lambda _: self.recount_soon()))
        self.middle.children = [self.grid]
        self.grid.show(self.shown)
        self.other_grid.description = "Plain cards" if fast else "Show the fast grid"
        self.other_grid.layout.display = "" if _platform.shows_own_widgets() else "none"

    def _show_aside(self) -> None:
        self.aside.layout.display = "" if self.tags_on.value else "none"

    def refresh(self) -> None:
        """Show the project's folder as it is now."""
        self.desk.store = CaptionStore.load(self.project)
        self._follow()
        self._filter()

    def _follow(self) -> None:
        """Show captions that were changed here, outside of the grid."""
        self.desk.changed()
        self.grid.refresh()
        self._judges = True
        self.recount_soon.now()

    # what is known of the captions

    def _recount(self) -> None:
        self.desk.changed()
        self.header.show(self.desk.store)
        self._show_counts()
        if self._judges:
            self._judge()

    def _judge(self) -> None:
        """Go through all captions beside the notebook's other work; it takes a second for a thousand."""
        self._judges = _platform.background_updates_arrive()
        if self.judging.running:
            self.recount_soon()
        else:
            self.judging.start(lambda *_: self._found())

    def _found(self) -> tuple[Advice, list[View]]:
        said = advise(self.desk.store, self.project)
        return said, views(self.desk, said.of)

    def _judged(self, work: Work) -> None:
        if work.error:
            self.notice.value = failure(work.error)
            return
        before, (self.said, self.views) = self.said, work.result
        self.desk.remarks = self.said.of
        self.find.offer([*self.views, *self._pointed], list(subjects(self.desk.store)))
        self.advice.show(self.said.remarks)
        self.folds.name(ADVICE, f"{ADVICE} · {len(self.said.remarks)}" if self.said.remarks else ADVICE)
        others = {*before.of, *self.said.of}
        if news := [picture for picture in others if before.of.get(picture) != self.said.of.get(picture)]:
            self.grid.refresh(news)

    def _show_counts(self) -> None:
        """Say anew what depends on what is shown and selected."""
        selected, by_subject = self.grid.selected, subjects(self.desk.store)
        self.find.tell(len(self.shown), len(selected), len(self.desk.store.pictures))
        for part in (self.bulk, self.auto):
            part.offer(selected, self.shown, by_subject)
        places = [("in all captions", "all"), ("in those shown", "shown"), ("in those selected", "selected")]
        by_name = [(f"in {words}", f"subject:{words}") for words in by_subject] if len(by_subject) > 1 else []
        self.tags.offer([*places, *by_name])
        self._count_tags()

    def _count_tags(self) -> None:
        selected = self.grid.selected
        self.tags.show(tag_counts(self.desk.store, self.tags.where.value, self.shown, selected), len(selected))

    def _filter(self) -> None:
        """Show what is asked for."""
        asked = replace(self.find.asked, tags=tuple(self.tags.tags), how=self.tags.how.value)
        self.shown = chosen(self.desk.store, [*self.views, *self._pointed], asked)
        self.grid.show(self.shown)
        self._show_counts()

    def _show_all(self) -> None:
        self.tags.pick(())
        self.find.show(Asked(order=self.find.order.value))

    def _opened(self, part: str) -> None:
        if part == BULK:
            self.bulk.look()
        elif part == ADVICE and not self._judges:
            self._judge()
        elif part == TRIGGER:
            self.trigger.propose(*self._words_of_the_subject())

    def _words_of_the_subject(self) -> tuple[str, str]:
        """Return the trigger and class word that were given to the captioner, or that the captions have."""
        given = self.auto.wording.values
        triggers = [given["trigger"], *self.said.triggers.values()]
        classes = [given["class_word"], *self.said.classes.values()]
        return next(filter(None, triggers), ""), next(filter(None, classes), "")

    # what is done

    def _carry_out(self, plan: Plan, pictures: Sequence[Path]) -> None:
        self.notice.value = message("info", f"Writing {len(plan.changes)} captions …")
        self._tell(plan.what, self.desk.store.bulk(plan.what, pictures, plan.edit))

    def _mend(self, remark: Remark) -> None:
        if remark.mend:
            self._tell(remark.mend.what, self.desk.store.bulk(remark.mend.what, remark.mend.pictures, remark.mend.edit))

    def _act_on_tags(self, act: str, tags: Sequence[str], name: str) -> None:
        """Change chosen tags in the captions in which they are counted, or add them to the selected ones."""
        store, said = self.desk.store, ", ".join(tags)
        places = {"all": store.pictures, "shown": self.shown, "selected": self.grid.selected}
        where = self.tags.where.value
        pictures = places[where] if where in places else subjects(store)[where.removeprefix("subject:")]
        if act == "rename":
            self._tell(f"{said} renamed", store.rename(pictures, said, name))
            self.tags.pick([name.strip()])
            self._filter()
        elif act == "remove":
            self._tell(f"without {said}", store.remove(pictures, said))
        else:
            self._tell(f"{said} at the end", store.add(self.grid.selected, said, at_end=True))

    def _tell(self, what: str, count: int) -> None:
        self._follow()
        changed = "1 caption changed" if count == 1 else f"{count} captions changed"
        said = f"{changed}: {what}. Undo takes it back." if count else "No caption changed."
        self.notice.value = message("good" if count else "info", said)

    def _point_at(self, remark: Remark) -> None:
        """Show the pictures of a remark."""
        pictures = frozenset(remark.pictures)
        view = View(POINTED, f"{remark.title} ({len(pictures)})", pictures)
        self._pointed = [] if pictures in [known.pictures for known in self.views] else [view]
        known = [*self.views, *self._pointed]
        self.find.offer(known, list(subjects(self.desk.store)))
        self.tags.pick(())
        self.find.show(Asked(view=next(view.key for view in known if view.pictures == pictures)))

    def _undo(self) -> None:
        self._told_back(self.desk.store.undo())

    def _redo(self) -> None:
        self._told_back(self.desk.store.redo())

    def _told_back(self, said: str) -> None:
        self._follow()
        self.notice.value = message("info", said)

    def _written(self) -> None:
        """Show what a captioner wrote."""
        self.desk.store.look_again()
        self._follow()
