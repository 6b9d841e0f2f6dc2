import ipywidgets as w
import pytest

from loranb.panels._form import Form
from loranb.settings import Settings, fields


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
    kept.form.chooser.value = "length"
    seen = [group for group, part in kept.form._parts.items() if part.layout.display != "none"]
    assert seen == ["length"]


def test_settings_for_experts_are_folded(kept):
    for group, part in kept.form._parts.items():
        advanced = sum(field.advanced for field in fields() if field.group == group)
        folded = [child for child in part.children if isinstance(child, w.Accordion)]
        assert len(folded) == bool(advanced)
        assert all(child.selected_index is None for child in folded)
