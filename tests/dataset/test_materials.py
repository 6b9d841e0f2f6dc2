import shutil

import pytest

from loranb.dataset import captions, training_set
from loranb.dataset.materials import Materials
from loranb.plan import plan
from loranb.settings import Settings


def test_nothing_is_read_again_however_many_settings_are_tried(drawn_project, monkeypatch):
    materials = Materials(drawn_project)
    settings = drawn_project.settings().assign("validation.folder", "nowhere")
    first = materials.problems(settings)
    monkeypatch.setattr(training_set, "collect", lambda *_: pytest.fail("pictures are looked at again"))
    monkeypatch.setattr("loranb.dataset.held_out.collect", lambda *_: pytest.fail("pictures are looked at again"))
    monkeypatch.setattr(captions, "load", lambda *_: pytest.fail("a caption is read again"))
    assert materials.problems(settings) == first
    assert len(materials.images(settings)) == 5


def test_a_validation_folder_is_part_of_the_plan_and_not_of_what_is_trained(drawn_project):
    kept_back = drawn_project.root / "kept" / "1_windmill"
    shutil.copytree(drawn_project.img / "1_windmill", kept_back)
    (drawn_project.img / "1_windmill" / "windmill_1.png").unlink()  # the other is in both places
    settings = drawn_project.settings().assign("validation.folder", "kept")
    materials = Materials(drawn_project)
    horizon = plan(settings, materials.images(settings))
    assert len(horizon.images) == 4
    assert [planned.image.path.name for planned in horizon.held_out] == ["windmill_1.png"]
    assert materials.problems(settings) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"validation.folder": "nowhere"}, "validation.folder = 'nowhere'"),
        ({"dataset.masked_loss": True}, "dataset.masked_loss"),
        ({"saving.name": "drawn_v1a"}, "there is a run of that name"),
    ],
)
def test_what_does_not_go_with_the_pictures_or_runs_is_said_before_a_run_is_made(drawn_project, changes, named):
    Settings().save(drawn_project.runs_folder / "drawn_v1a" / "settings.toml")
    (said,) = Materials(drawn_project).problems(drawn_project.settings().assign_all(changes))
    assert named in said


def test_a_project_without_pictures_is_not_scolded_for_its_masks(tmp_path):
    from loranb.project import Project

    materials = Materials(Project.create(tmp_path / "empty"))
    assert materials.problems(Settings().assign("dataset.masked_loss", True)) == []
