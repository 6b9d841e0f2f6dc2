import pytest

from loranb.dataset.caption_store import CaptionStore
from loranb.panels._caption_actions import ACTIONS, Given, plan
from loranb.panels._caption_bulk import BulkBar

CAPTIONS = ("night_sky, castle, Castle", "castle, tree", "trees, night sky", "night sky", "night sky, tree")


@pytest.fixture
def store(drawn_project):
    store = CaptionStore.load(drawn_project)
    store.apply("set up", list(zip(store.pictures, CAPTIONS, strict=True)))
    return store


@pytest.fixture
def bar(store):
    made = []
    bar = BulkBar(lambda: store, lambda plan_, pictures: made.append((plan_.what, list(pictures))))
    bar.offer([], store.pictures, {"all": store.pictures})
    bar.made = made
    return bar


@pytest.mark.parametrize(
    ("action", "given", "first"),
    [
        ("front", Given("mokuba"), "mokuba, night_sky, castle, Castle"),
        ("end", Given("new"), "night_sky, castle, Castle, new"),
        ("remove", Given("night sky"), "castle, Castle"),
        ("rename", Given("castle", "tower"), "night_sky, tower"),
        ("replace", Given("castle", "tower"), "night_sky, tower, tower"),
        ("replace", Given("(night)_sky", r"\1", regex=True), "night, castle, Castle"),
        ("move", Given("castle"), "castle, night_sky"),
        ("deduplicate", Given(), "night_sky, castle"),
        ("sort", Given(), "castle, Castle, night_sky"),
        ("sort", Given(keep=1), "night_sky, castle, Castle"),
        ("unify", Given(), "night sky, castle, castle"),
    ],
)
def test_an_action_does_what_it_says_and_its_plan_writes_nothing(store, action, given, first):
    planned = plan(store, action, store.pictures, given)
    assert store.text(store.pictures[0]) == CAPTIONS[0]
    after = {change.picture: change.after for change in planned.changes}
    assert after.get(store.pictures[0], CAPTIONS[0]) == first
    assert store.bulk(planned.what, store.pictures, planned.edit) == len(planned.changes)
    assert store.text(store.pictures[0]) == first


def test_plurals_are_one_spelling_on_request_alone(store):
    def changed(plural):
        found = plan(store, "unify", store.pictures, Given(plural=plural)).changes
        return {change.after for change in found}

    assert "trees, night sky" not in changed(False)
    assert "tree, night sky" in changed(True)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_shows_the_controls_it_needs_and_no_other(bar, action):
    bar.action.value = action
    shown = {name for name in Given._fields if getattr(bar, name).layout.display == ""}
    assert shown == set(ACTIONS[action].asks)


def test_what_would_change_is_shown_as_it_is_typed_and_made_on_request(bar, store):
    bar.words.value = "tree"
    bar.action.value = "remove"
    assert bar.apply.description == "Change 2 captions"
    assert "castle<del>, tree</del>" in bar.preview.value
    assert bar.made == []
    bar.apply.click()
    assert bar.made == [("without tree", store.pictures)]


def test_where_words_are_missing_or_wrong_nothing_can_be_made(bar):
    assert bar.apply.disabled
    bar.action.value, bar.regex.value, bar.words.value = "replace", True, "("
    assert bar.apply.disabled
    assert "lb-wrong" in bar.preview.value
    bar.words.value = "dragon"
    assert bar.apply.disabled
    assert "Nothing to change in 5" in bar.preview.value


def test_the_scope_follows_the_selection_and_stays_where_it_was_put(bar, store):
    some, subjects = store.pictures[:2], {"castle": store.pictures[:3], "windmill": store.pictures[3:]}
    assert bar.scope.pictures == store.pictures
    bar.offer(some, store.pictures, subjects)
    assert bar.scope.pictures == some
    bar.scope.value = "subject:windmill"
    bar.offer(some[:1], store.pictures[:4], subjects)
    assert bar.scope.pictures == store.pictures[3:]
    bar.scope.value = "selected"
    bar.offer([], store.pictures[:4], subjects)
    assert bar.scope.pictures == store.pictures[:4]
