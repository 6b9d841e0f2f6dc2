import pytest

from loranb.settings import fields
from loranb.settings.search import find, mentioned, near


@pytest.mark.parametrize("field", list(fields()), ids=lambda field: field.path)
def test_every_setting_is_found_first_or_nearly_so_by_each_of_its_names(field):
    for name in filter(None, (field.path, field.label, field.kohya)):
        assert field in find(name)[:12], name
    assert find(field.path)[0] == field


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("VRAM", "memory.gradient_checkpointing"),
        ("unet lr", "optimizer.learning_rate"),
        ("license", "metadata.licence"),
        ("regularization", "dataset.regularisation"),
        ("network dim", "lora.rank"),
        ("overfitting", "validation.share"),
        ("bf16", "memory.precision"),
        ("warm", "optimizer.warmup"),
    ],
)
def test_a_setting_is_found_by_the_words_that_people_use(text, path):
    assert path in [field.path for field in find(text)]


def test_nothing_is_found_by_nothing_and_by_what_no_setting_knows():
    assert find("") == find("  ,;") == find("zeppelin") == []


def test_what_is_looked_for_may_be_among_some_settings_only():
    some = [field for field in fields() if field.group == "lora"]
    assert {field.group for field in find("rate", some)} <= {"lora"}
    assert find("learning rate", []) == []


def test_a_slip_of_the_pen_leads_to_names_that_come_near():
    assert "learning rate" in near("lerning rat")
    assert near("zzzzqqq") == []


def test_a_message_gives_the_settings_that_it_names_and_no_others():
    said = "lora.alpha = 64 is above lora.rank; see docs.python.org, e.g. lora.rank and lora.nothing. Not colora.rank."
    assert mentioned(said) == ["lora.alpha", "lora.rank"]
