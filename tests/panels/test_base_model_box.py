import pytest

from loranb.base_models.places import mark_whole, places, where_in
from loranb.panels._base_model_box import BaseModelBox
from loranb.panels._known_values import known_values

SDXL = "stabilityai/stable-diffusion-xl-base-1.0"


@pytest.fixture(autouse=True)
def own_places(monkeypatch, tmp_path):
    monkeypatch.setenv("LORANB_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def box():
    return BaseModelBox(lambda: None)


def test_a_well_known_model_is_told_with_licence_page_and_resolution(box):
    box.show(SDXL)
    for said in ("1024 pixels", "CreativeML Open RAIL++-M", f"https://huggingface.co/{SDXL}", "Not on this machine"):
        assert said in box.about.value
    assert box.fetch.layout.display == ""


def test_a_model_that_is_here_is_not_fetched_again(box):
    folder = where_in(places()[0], SDXL)
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    mark_whole(folder, {"model_index.json": 2})
    box.show(SDXL)
    assert str(folder) in box.about.value
    assert box.fetch.layout.display == "none"


@pytest.mark.parametrize(
    "source",
    [
        "demo",
        "/models/my.safetensors",
        "",
        "a b/c",
        "-a/b",
        "a/b.",
        "a--b/c",
        "a/b..c",
        "a/b.git",
        "ä/b",
        "a/" + "b" * 95,
    ],
)
def test_what_is_not_of_the_hub_is_not_fetched(box, source):
    box.show(source)
    assert box.fetch.layout.display == "none"


def test_a_model_that_was_taken_off_the_hub_is_named_with_its_copy(box):
    box.show("runwayml/stable-diffusion-v1-5")
    assert "stable-diffusion-v1-5/stable-diffusion-v1-5" in box.about.value


def test_without_a_connection_the_button_says_so_and_stays(box, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    box.show(SDXL)
    box.fetch.click()
    assert "lb-error" in box.notice.value
    assert SDXL in box.notice.value
    assert box.fetch.layout.display == ""
    assert box.stop.layout.display == "none"


def test_a_name_is_shown_as_text_and_never_run(box):
    box.show("<img src=x>/<script>y")
    assert "<img" not in box.about.value
    assert "<script" not in box.about.value


def test_models_on_this_machine_are_offered_before_those_of_the_hub(tmp_path):
    folder = where_in(places()[0], "somebody/own-model")
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    offered = list(known_values()["model.base"])
    assert offered.index(str(folder)) < offered.index(SDXL)
    assert offered[-1] == "demo"
