import pytest

from loranb.dataset.training_set import TrainingImage
from loranb.panels._form import Form
from loranb.plan import plan
from loranb.settings import Settings, fields, grouped
from loranb.settings.conflicts import conflicts


class Kept:
    """Settings in memory, as a project keeps them on disk."""

    def __init__(self):
        self.now = Settings()
        self.refused = 0
        self.form = Form(lambda: self.now, self.keep)

    def keep(self, settings):
        self.refused += settings is None
        self.now = settings or self.now

    def type(self, path, value):
        self.form.rows[path].input.value = value
        return self.form.rows[path]


@pytest.fixture
def kept():
    return Kept()


def test_every_setting_has_a_field_with_its_help(kept):
    assert set(kept.form.rows) == {field.path for field in fields()}
    for row in kept.form.rows.values():
        assert row.children[0].value.count("lb-hint") == 1


def test_every_default_can_be_shown_and_read_back(kept):
    for path, row in kept.form.rows.items():
        assert Settings().assign(path, row.value) == Settings(), path


@pytest.mark.parametrize(
    ("path", "typed", "value"),
    [
        ("lora.rank", "32", 32),
        ("lora.alpha", "", None),
        ("lora.alpha", "8", 8.0),
        ("optimizer.learning_rate", "2e-5", 2e-5),
        ("optimizer.schedule", "constant", "constant"),
        ("dataset.flip", True, True),
        ("samples.prompts", "a castle --d 1\n\na tower", ("a castle --d 1", "a tower")),
        ("metadata.comment", "for a friend", "for a friend"),
    ],
)
def test_what_is_typed_is_kept_and_shown_again(kept, path, typed, value):
    row = kept.type(path, typed)
    assert row.field.of(kept.now) == value
    again = Form(lambda: kept.now, kept.keep)
    again.show(kept.now)
    assert Settings().assign(path, again.rows[path].value) == Settings().assign(path, value)


def test_a_bad_value_is_complained_about_and_stays_as_it_was_typed(kept):
    row = kept.type("lora.rank", "many")
    assert row.input.value == "many"
    assert "a whole number, 1 to 1,024" in row.hint.value
    assert kept.now == Settings()
    assert kept.refused == 1
    assert len(kept.form.problems) == 1


def test_other_fields_go_on_working_beside_a_bad_value(kept):
    row = kept.type("lora.rank", "many")
    kept.type("length.epochs", "3")
    assert kept.now == Settings().assign("length.epochs", 3)
    assert row.input.value == "many"
    kept.type("lora.rank", "8")
    assert kept.form.problems == []
    assert kept.now == Settings().assign_all({"length.epochs": 3, "lora.rank": 8})


def test_a_change_made_elsewhere_is_kept_and_shown(kept):
    kept.now = kept.now.assign("length.epochs", 77)
    kept.type("lora.rank", "8")
    assert kept.now.length.epochs == 77
    assert kept.form.rows["length.epochs"].input.value == "77"


def test_text_that_is_being_typed_is_not_rewritten(kept):
    assert kept.type("optimizer.weight_decay", "0.").input.value == "0."


def test_one_group_is_seen_at_a_time(kept):
    kept.form.chooser.value = "lora"
    kept.form.chooser.value = "length"
    seen = [group for group, part in kept.form.parts.items() if part.layout.display != "none"]
    assert seen == ["length"]


def test_only_fields_that_are_seen_are_made(kept):
    first, members = grouped()[0]
    assert set(kept.form.rows.made) == {field.path for field in members if not field.advanced}
    kept.form.folds[first].unfold()
    assert set(kept.form.rows.made) == {field.path for field in members}


def test_settings_for_experts_are_folded(kept):
    for group, members in grouped():
        kept.form.chooser.value = group
        advanced = [field.path for field in members if field.advanced]
        assert (group in kept.form.folds) == bool(advanced)
        if advanced:
            fold = kept.form.folds[group]
            nothing_else = len(advanced) == len(members)
            assert (fold.inside.layout.display == "none") != nothing_else
            fold.unfold()
            assert [row.field.path for row in fold.inside.children] == advanced
            assert fold.inside.layout.display != "none"


def marked(row):
    return "lb-changed" in row._dom_classes and row.back in row.side.children


def test_a_value_that_differs_from_the_default_is_marked_and_can_go_back(kept):
    for path, typed in (("lora.rank", "64"), ("dataset.flip", True), ("optimizer.schedule", "rex")):
        row = kept.type(path, typed)
        assert marked(row)
        row.back.click()
        assert not marked(row)
    assert kept.now == Settings()


def test_the_default_written_otherwise_is_no_change(kept):
    assert not marked(kept.type("optimizer.learning_rate", "1e-4"))
    assert marked(kept.type("optimizer.learning_rate", "many"))


def test_every_changed_setting_is_marked_when_it_is_shown_first(kept):
    kept.form.show(Settings().assign("noise.offset", 0.05))
    assert marked(kept.form.rows["noise.offset"])
    assert not marked(kept.form.rows["noise.multires_discount"])


def found(form):
    return [child.field.path for child in form.results.children if hasattr(child, "field")]


def test_a_setting_is_found_by_any_of_its_names(kept):
    for text in ("rank", "network_dim", "ss_network_dim", "Network dim"):
        kept.form.search.text.value = text
        assert found(kept.form)[0] == "lora.rank", text
        assert kept.form.results.layout.display != "none"
        assert all(part.layout.display == "none" for part in kept.form.parts.values())
    kept.form.search.clear.click()
    assert kept.form.results.layout.display == "none"
    assert kept.form.parts[kept.form.chooser.value].layout.display != "none"


def test_a_search_that_finds_nothing_says_what_comes_near(kept):
    kept.form.search.text.value = "lerning rate"
    assert found(kept.form) == []
    assert "Near it: learning rate" in kept.form.results.children[0].value


def test_what_was_found_can_be_edited_where_it_is_seen(kept):
    kept.form.search.text.value = "network_dim"
    kept.type("lora.rank", "8")
    assert kept.now.lora.rank == 8
    assert found(kept.form)[0] == "lora.rank"


def test_the_changed_settings_can_be_seen_alone(kept):
    kept.type("lora.rank", "8")
    kept.type("noise.offset", "0.1")
    assert kept.form.search.changed.description == "Changed (2)"
    kept.form.search.changed.value = True
    assert set(found(kept.form)) == {"lora.rank", "noise.offset"}
    kept.form.search.text.value = "network_dim"
    assert found(kept.form) == ["lora.rank"]


def test_going_to_a_setting_shows_its_field(kept):
    kept.form.search.text.value = "prompts"
    kept.form.go_to("noise.offset")
    assert kept.form.chooser.value == "noise"
    assert kept.form.parts["noise"].layout.display == "flex"
    assert kept.form.folds["noise"].inside.layout.display != "none"
    assert kept.form.results.layout.display == "none"


def test_a_conflict_is_said_at_every_field_that_has_a_part_in_it_and_nowhere_else(kept):
    kept.form.rows["objective.loss"]
    kept.type("objective.timestep_min", "800")
    settings = kept.now.assign("objective.timestep_max", 700)
    kept.form.show(settings)
    kept.form.say(None, tuple(conflicts(settings)))
    told = {path for path, row in kept.form.rows.made.items() if "lb-wrong" in row.hint.value}
    told |= {path for path in ("objective.timestep_max",) if "lb-wrong" in kept.form.rows[path].hint.value}
    assert told == {"objective.timestep_min", "objective.timestep_max"}
    kept.form.say(None, ())
    assert "lb-wrong" not in kept.form.rows["objective.timestep_min"].hint.value


def test_a_choice_is_explained_under_its_field_by_the_words_of_the_help(kept):
    row = kept.type("optimizer.schedule", "rex")
    assert "stays high for long, then falls steeply" in row.hint.value


@pytest.fixture
def images(tmp_path):
    return [TrainingImage(tmp_path / f"{i}.png", 512, 512, 20, "a cat", "20_cat") for i in range(10)]


class Planned(Kept):
    """A form that is told the plan of its settings, as the panel does."""

    def __init__(self, images):
        self.images = images
        super().__init__()
        self.form.chooser.value = "length"
        self.keep(Settings().assign_all({"length.epochs": 20, "length.batch_size": 4}))
        self.form.show(self.now)
        self.keep(self.now)

    def keep(self, settings):
        super().keep(settings)
        self.form.say(plan(self.now, self.images), ())


def test_length_is_one_control_and_shows_epochs_and_steps(images):
    kept = Planned(images)
    control = kept.form.length
    assert "20 epochs × 50 steps = 1,000 steps" in control.said.value
    control.unit.value = "length.steps"
    assert (kept.now.length.steps, kept.now.length.epochs) == (1000, 20)
    assert kept.form.rows["length.steps"].layout.display == "flex"
    assert kept.form.rows["length.epochs"].layout.display == "none"
    kept.type("length.steps", "1225")
    assert "1,225 steps = 24.5 epochs of 50 steps: the last ends after 25" in control.said.value
    control.unit.value = "length.epochs"
    assert (kept.now.length.steps, kept.now.length.epochs) == (None, 25)
    assert kept.form.rows["length.epochs"].layout.display == "flex"
    assert "25 epochs × 50 steps = 1,250 steps" in control.said.value


def test_steps_that_are_wiped_out_give_the_epochs_their_say_again(images):
    kept = Planned(images)
    kept.form.length.unit.value = "length.steps"
    kept.type("length.steps", "")
    assert kept.form.length.unit.value == "length.epochs"
    assert kept.now.length.steps is None


def test_usual_values_are_offered_and_any_other_may_be_written():
    now = [Settings()]
    form = Form(lambda: now[0], lambda s: now.__setitem__(0, s), {"optimizer.name": {"Lion": "less memory"}})
    row = form.rows["optimizer.name"]
    assert row.input.options == ("Lion",)
    offer = next(part for part in row.side.children if hasattr(part, "index") and part is not row.input)
    assert offer.options[1] == ("Lion · less memory", "Lion")
    offer.value = "Lion"
    assert now[0].optimizer.name == "Lion"
    row.input.value = "torch.optim.Adamax"
    assert now[0].optimizer.name == "torch.optim.Adamax"
