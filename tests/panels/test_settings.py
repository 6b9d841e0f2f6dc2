import pytest

from loranb.panels.settings import panel
from loranb.plan import plan
from loranb.settings import Settings


@pytest.fixture
def form(drawn_project):
    return panel(drawn_project)


def test_the_form_shows_the_projects_settings(form, drawn_project):
    settings = drawn_project.settings()
    for path, row in form.form.rows.items():
        assert settings.assign(path, row.value) == settings, path


def test_a_valid_change_is_saved_at_once_and_the_plan_follows(form, drawn_project):
    form.form.rows["length.epochs"].input.value = "7"
    assert drawn_project.settings().length.epochs == 7
    assert plan(drawn_project.settings(), form.images.images).sentence() in form.plan.value
    assert "saved" in form.saved.value


def test_a_bad_value_is_not_saved_and_is_named(form, drawn_project):
    before = drawn_project.settings_file.read_bytes()
    form.form.rows["length.epochs"].input.value = "many"
    assert drawn_project.settings_file.read_bytes() == before
    assert "Not saved: length.epochs" in form.saved.value
    form.form.rows["lora.rank"].input.value = "8"
    assert "Not saved: length.epochs" in form.saved.value
    assert drawn_project.settings().lora.rank == 8


def test_a_change_to_the_file_made_elsewhere_is_not_lost(form, drawn_project):
    drawn_project.settings().assign("metadata.comment", "by hand").save(drawn_project.settings_file)
    form.form.rows["length.epochs"].input.value = "7"
    assert drawn_project.settings().metadata.comment == "by hand"
    assert form.form.rows["metadata.comment"].input.value == "by hand"


def test_the_plan_shows_buckets_and_advice(form):
    assert "80 × 80" not in form.plan.value  # what the pictures are
    assert "64 × 64" in form.plan.value  # what they are trained at
    form.form.rows["lora.alpha"].input.value = "99"
    assert "above the rank" in form.plan.value


def test_a_preset_fills_the_form_and_can_be_taken_back(form, drawn_project):
    before = drawn_project.settings()
    form.preset.value = "demo"
    assert drawn_project.settings() == Settings.preset("demo")
    assert form.form.rows["dataset.resolution"].input.value == "128"
    form.back.click()
    assert drawn_project.settings() == before
    assert form.form.rows["dataset.resolution"].input.value == "64"
    assert form.preset.value == ""


def test_a_file_that_cannot_be_used_is_shown_and_left_as_it_is(drawn_project):
    drawn_project.settings_file.write_text("[lora]\nrnak = 3\n")
    form = panel(drawn_project)
    assert "did you mean lora.rank?" in form.notice.value
    assert form.columns.layout.display == "none"
    assert drawn_project.settings_file.read_text() == "[lora]\nrnak = 3\n"
    drawn_project.settings_file.write_text("[lora]\nrank = 3\n")
    form.again.click()
    assert form.notice.value == ""
    assert form.form.rows["lora.rank"].input.value == "3"
    assert form.columns.layout.display != "none"


def test_starting_anew_keeps_the_file_that_cannot_be_used(drawn_project):
    drawn_project.settings_file.write_text("rank 3")
    form = panel(drawn_project)
    form.mend.click()
    assert drawn_project.settings() == Settings()
    assert (drawn_project.root / "settings_unusable.toml").read_text() == "rank 3"
    assert form.columns.layout.display != "none"


def test_pictures_that_cannot_be_used_are_named_in_the_plan(drawn_project):
    (drawn_project.img / "1_windmill" / "cut_off.jpg").write_bytes(b"\xff\xd8")
    assert "cut_off.jpg cannot be read" in panel(drawn_project).plan.value


def test_a_project_without_pictures_has_a_form_all_the_same(tmp_path):
    from loranb.project import Project

    form = panel(Project.create(tmp_path / "empty"))
    assert "no pictures to train on" in form.plan.value
    form.form.rows["lora.rank"].input.value = "8"
    assert form.project.settings().lora.rank == 8
